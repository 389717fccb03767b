# Corrected: The gist says that access cannot be limited to repositories or to pulling. It can: the token carries its principal, and ECR asks that one's policies for every image.
# Corrected: The gist doubts pulls across regions: they work with a token from the image's region.
# Containers on the instance can reach its metadata and take this role: require IMDSv2 with a hop limit of 1.

resource "aws_iam_role" "gitlab_runner" {
  name = "gitlab-runner"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "AllowService"
      Effect = "Allow"
      Principal = {
        Service = "ec2.amazonaws.com"
      }
      Action = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "gitlab_runner" {
  name = "ecr-access"
  role = aws_iam_role.gitlab_runner.name
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

resource "aws_iam_instance_profile" "gitlab_runner" {
  name = "gitlab-runner"
  role = aws_iam_role.gitlab_runner.name
}

output "gitlab_runner_role_arn" {
  value = aws_iam_role.gitlab_runner.arn
}
