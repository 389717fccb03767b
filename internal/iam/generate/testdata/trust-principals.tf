# A role that assumes itself needs sts:AssumeRole on its own ARN in its identity policy, too, and its sessions last at most 1 h.

resource "aws_iam_role" "pullpass_pull" {
  name                 = "pullpass-pull"
  max_session_duration = 7200
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "AllowAssumeRole"
        Effect = "Allow"
        Principal = {
          AWS = [
            "arn:aws:iam::111111111111:role/pull",
            "arn:aws:iam::333333333333:root",
          ]
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "sts:ExternalId" = "tenant:42/a"
          }
        }
      },
      {
        Sid    = "AllowSelf"
        Effect = "Allow"
        Principal = {
          AWS = "arn:aws:iam::222222222222:root"
        }
        Action = "sts:AssumeRole"
        Condition = {
          ArnEquals = {
            "aws:PrincipalArn" = "arn:aws:iam::222222222222:role/pullpass-pull"
          }
        }
      },
    ]
  })
}

output "pullpass_pull_role_arn" {
  value = aws_iam_role.pullpass_pull.arn
}
