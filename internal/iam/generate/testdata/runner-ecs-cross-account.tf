# Account 222222222222 needs the other half, a policy on each repository: pullpass policy repository --account 222222222222 --region eu-west-1 --principal arn:aws:iam::111111111111:role/pullpass-runner --repository NAME --live --access pull

resource "aws_iam_role" "pullpass_runner" {
  name = "pullpass-runner"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "AllowService"
      Effect = "Allow"
      Principal = {
        Service = "ecs-tasks.amazonaws.com"
      }
      Action = "sts:AssumeRole"
    }]
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
        Sid    = "AllowPull"
        Effect = "Allow"
        Action = [
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
        ]
        Resource = "arn:aws:ecr:eu-west-1:222222222222:repository/team/app"
      },
    ]
  })
}

output "pullpass_runner_role_arn" {
  value = aws_iam_role.pullpass_runner.arn
}
