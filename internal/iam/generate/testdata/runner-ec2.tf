# A role that assumes itself needs sts:AssumeRole on its own ARN in its identity policy, too, and its sessions last at most 1 h.
# Containers on the instance can reach its metadata and take this role: require IMDSv2 with a hop limit of 1.

resource "aws_iam_role" "pullpass_runner" {
  name = "pullpass-runner"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "AllowSelf"
        Effect = "Allow"
        Principal = {
          AWS = "arn:aws:iam::222222222222:root"
        }
        Action = "sts:AssumeRole"
        Condition = {
          ArnEquals = {
            "aws:PrincipalArn" = "arn:aws:iam::222222222222:role/pullpass-runner"
          }
        }
      },
      {
        Sid    = "AllowService"
        Effect = "Allow"
        Principal = {
          Service = "ec2.amazonaws.com"
        }
        Action = "sts:AssumeRole"
      },
    ]
  })
}

resource "aws_iam_role_policy" "pullpass_runner" {
  name = "ecr-access"
  role = aws_iam_role.pullpass_runner.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "AllowLogin"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*"
      },
      {
        Sid    = "AllowPullList"
        Effect = "Allow"
        Action = [
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
          "ecr:DescribeRepositories",
          "ecr:DescribeImages",
          "ecr:ListImages",
        ]
        Resource = "arn:aws:ecr:eu-west-1:222222222222:repository/team/*"
      },
      {
        Sid      = "AllowSelf"
        Effect   = "Allow"
        Action   = "sts:AssumeRole"
        Resource = "arn:aws:iam::222222222222:role/pullpass-runner"
      },
    ]
  })
}

resource "aws_iam_instance_profile" "pullpass_runner" {
  name = "pullpass-runner"
  role = aws_iam_role.pullpass_runner.name
}

output "pullpass_runner_role_arn" {
  value = aws_iam_role.pullpass_runner.arn
}
