# Account 222222222222 needs the other half, a policy on each repository: pullpass policy repository --account 222222222222 --region eu-west-1 --principal arn:aws:iam::111111111111:role/pullpass-runner --repository NAME --live --access pull

resource "aws_iam_openid_connect_provider" "issuer" {
  url             = "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF"
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"]
}

resource "aws_iam_role" "pullpass_runner" {
  name = "pullpass-runner"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "AllowWebIdentity"
      Effect = "Allow"
      Principal = {
        Federated = "arn:aws:iam::111111111111:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF"
      }
      Action = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF:aud" = "sts.amazonaws.com"
          "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF:sub" = "system:serviceaccount:pullpass:runner"
        }
      }
    }]
  })
  depends_on = [aws_iam_openid_connect_provider.issuer]
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
        Resource = "arn:aws:ecr:eu-west-1:222222222222:repository/team/*"
      },
    ]
  })
}

output "pullpass_runner_role_arn" {
  value = aws_iam_role.pullpass_runner.arn
}
