# Corrected: The published Federated ARN lies in the platform's account. AWS looks for the provider in the role's own account, the one with the repository, and so does this policy.
# Corrected: The published subject stands under StringLikeIfExists, which an absent sub passes: here under StringLike.
# The OIDC provider https://services.example.gitpod.cloud/idp must exist in account 222222222222, the role's own, with client id sts.amazonaws.com registered.

resource "aws_iam_role" "gitpod_workspace_pull" {
  name = "gitpod-workspace-pull"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "AllowWebIdentity"
      Effect = "Allow"
      Principal = {
        Federated = "arn:aws:iam::222222222222:oidc-provider/services.example.gitpod.cloud/idp"
      }
      Action = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "services.example.gitpod.cloud/idp:aud" = "sts.amazonaws.com"
        }
        StringLike = {
          "services.example.gitpod.cloud/idp:sub" = [
            "https://github.com/team/app/tree/*",
            "referrer:jetbrains-gateway:*/https://github.com/team/app/tree/*",
          ]
        }
      }
    }]
  })
}

output "gitpod_workspace_pull_role_arn" {
  value = aws_iam_role.gitpod_workspace_pull.arn
}
