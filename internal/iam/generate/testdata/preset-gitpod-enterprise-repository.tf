# AWS keeps one policy for each repository: setting this one replaces it, and removes everybody whom only that one names. --live reads the policy in force and adds to it; --merge FILE adds to the policy in a file.
# ecr:GetAuthorizationToken has no effect in a repository or registry policy: the caller's own identity policy must allow it on "*".
# Account 111111111111 needs the other half, an identity policy on the caller: pullpass policy role --account 222222222222 --region eu-west-1 --repository team/app
# For an aws provider with region eu-west-1 in account 222222222222.

resource "aws_ecr_repository_policy" "team_app" {
  repository = "team/app"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Gitpod Access"
      Effect = "Allow"
      Principal = {
        AWS = "arn:aws:iam::111111111111:root"
      }
      Action = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
      ]
    }]
  })
}
