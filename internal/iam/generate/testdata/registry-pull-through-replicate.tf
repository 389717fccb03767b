# AWS keeps one policy for each registry and region: setting this one replaces it, and removes everybody whom only that one names. --live reads the policy in force and adds to it; --merge FILE adds to the policy in a file.
# ecr:GetAuthorizationToken has no effect in a repository or registry policy: the caller's own identity policy must allow it on "*".
# Account 111111111111 needs the other half, an identity policy on the caller: pullpass policy role --account 222222222222 --region eu-west-1 --repository 'team/*' --repository base
# For an aws provider with region eu-west-1 in account 222222222222.

resource "aws_ecr_registry_policy" "registry" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "AllowPull"
        Effect = "Allow"
        Principal = {
          AWS = "arn:aws:iam::111111111111:root"
        }
        Action = [
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
        ]
        Resource = [
          "arn:aws:ecr:eu-west-1:222222222222:repository/team/*",
          "arn:aws:ecr:eu-west-1:222222222222:repository/base",
        ]
      },
      {
        Sid    = "AllowPullThrough"
        Effect = "Allow"
        Principal = {
          AWS = "arn:aws:iam::111111111111:root"
        }
        Action = [
          "ecr:BatchImportUpstreamImage",
          "ecr:CreateRepository",
        ]
        Resource = [
          "arn:aws:ecr:eu-west-1:222222222222:repository/team/*",
          "arn:aws:ecr:eu-west-1:222222222222:repository/base",
        ]
      },
      {
        Sid    = "AllowReplication"
        Effect = "Allow"
        Principal = {
          AWS = "arn:aws:iam::111111111111:root"
        }
        Action = [
          "ecr:ReplicateImage",
          "ecr:CreateRepository",
        ]
        Resource = [
          "arn:aws:ecr:eu-west-1:222222222222:repository/team/*",
          "arn:aws:ecr:eu-west-1:222222222222:repository/base",
        ]
      },
    ]
  })
}
