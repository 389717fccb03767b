# IAM finds the thumbprint of a public certificate authority itself. An aws command that demands --thumbprint-list is too old to know: update it, or give a thumbprint.

resource "aws_iam_openid_connect_provider" "issuer" {
  url            = "https://pullpass.example.com/o/org_1"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "pullpass_pull" {
  name = "pullpass-pull"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "AllowWebIdentity"
      Effect = "Allow"
      Principal = {
        Federated = "arn:aws:iam::222222222222:oidc-provider/pullpass.example.com/o/org_1"
      }
      Action = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "pullpass.example.com/o/org_1:aud" = "sts.amazonaws.com"
        }
        StringLike = {
          "pullpass.example.com/o/org_1:sub" = "integration:int_06g1m0q5c0v3z8r2d7k4s9w1b6:organization:org_06g1m0q5c0v3z8r2d7k4s9w1b6:*"
        }
      }
    }]
  })
  depends_on = [aws_iam_openid_connect_provider.issuer]
}

output "pullpass_pull_role_arn" {
  value = aws_iam_role.pullpass_pull.arn
}
