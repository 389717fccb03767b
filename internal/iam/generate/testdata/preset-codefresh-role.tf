# Corrected: The page attaches a managed policy, which opens every repository of the account: here the same actions as AmazonEC2ContainerRegistryReadOnly on the named repositories.
# Corrected: The page asks for one of three managed policies and then says that images fail without any of them: enrichment reads only, so the read-only one is enough.
# If the role lives in another account than 222222222222, the repository policy there must name it, too: pullpass policy repository --account 222222222222 --region eu-west-1 --repository NAME --principal ROLE_ARN --live

resource "aws_iam_role_policy" "codefresh_ecr" {
  name = "ecr-access"
  role = "codefresh-ecr"
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
        Sid    = "AllowRead"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:GetDownloadUrlForLayer",
          "ecr:GetRepositoryPolicy",
          "ecr:DescribeRepositories",
          "ecr:ListImages",
          "ecr:DescribeImages",
          "ecr:BatchGetImage",
          "ecr:GetLifecyclePolicy",
          "ecr:GetLifecyclePolicyPreview",
          "ecr:ListTagsForResource",
          "ecr:DescribeImageScanFindings",
        ]
        Resource = "arn:aws:ecr:eu-west-1:222222222222:repository/team/app"
      },
    ]
  })
}
