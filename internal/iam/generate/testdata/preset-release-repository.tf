# Corrected: The published list names ListImage, which does not exist: here ecr:ListImages.
# Corrected: The published list has GetAuthorizationToken, which has no effect in a repository policy: left out here. Release's own identity must allow it on "*".
# Corrected: The page demands the cluster's region. That is Release's rule, not ECR's: a token from the repository's region pulls from anywhere.
# AWS keeps one policy for each repository: setting this one replaces it, and removes everybody whom only that one names. --live reads the policy in force and adds to it; --merge FILE adds to the policy in a file.
# ecr:GetAuthorizationToken has no effect in a repository or registry policy: the caller's own identity policy must allow it on "*".
# Account 111111111111 needs the other half, an identity policy on the caller: pullpass policy role --account 222222222222 --region eu-west-1 --repository team/app
# For an aws provider with region eu-west-1 in account 222222222222.

resource "aws_ecr_repository_policy" "team_app" {
  repository = "team/app"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "AllowReleasePull"
      Effect = "Allow"
      Principal = {
        AWS = "arn:aws:iam::111111111111:root"
      }
      Action = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:DescribeImages",
        "ecr:DescribeRepositories",
        "ecr:GetDownloadUrlForLayer",
        "ecr:GetRepositoryPolicy",
        "ecr:ListImages",
      ]
    }]
  })
}
