# AWS keeps one policy for each repository: setting this one replaces it, and removes everybody whom only that one names. --live reads the policy in force and adds to it; --merge FILE adds to the policy in a file.
# ecr:GetAuthorizationToken has no effect in a repository or registry policy: the caller's own identity policy must allow it on "*".
# Account 111111111111 needs the other half, an identity policy on the caller: pullpass policy role --account 222222222222 --region cn-north-1 --repository base
# For an aws provider with region cn-north-1 in account 222222222222.

resource "aws_ecr_repository_policy" "base" {
  repository = "base"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "AllowPushList"
      Effect = "Allow"
      Principal = {
        AWS = [
          "arn:aws-cn:iam::222222222222:root",
          "arn:aws-cn:iam::111111111111:user/ci/builder",
        ]
      }
      Action = [
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchCheckLayerAvailability",
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecr:PutImage",
        "ecr:DescribeRepositories",
        "ecr:DescribeImages",
        "ecr:ListImages",
      ]
    }]
  })
}
