# Corrected: Published examples name the service without the functions' account, or by a pattern of ARNs alone: here aws:SourceAccount and aws:SourceArn are both tested.
# AWS keeps one policy for each repository: setting this one replaces it, and removes everybody whom only that one names. --live reads the policy in force and adds to it; --merge FILE adds to the policy in a file.
# ecr:GetAuthorizationToken has no effect in a repository or registry policy: the caller's own identity policy must allow it on "*".
# For an aws provider with region eu-west-1 in account 222222222222.

resource "aws_ecr_repository_policy" "team_app" {
  repository = "team/app"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "AllowDeployersPull"
        Effect = "Allow"
        Principal = {
          AWS = "arn:aws:iam::111111111111:root"
        }
        Action = [
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
        ]
      },
      {
        Sid    = "AllowFunctionsPull"
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = [
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
        ]
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = "111111111111"
          }
          ArnLike = {
            "aws:SourceArn" = "arn:aws:lambda:eu-west-1:111111111111:function:*"
          }
        }
      },
    ]
  })
}
