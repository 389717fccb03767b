# Repositories created, renamed or transferred since 2026-07-15 have subjects with ids, repo:ORG@ID/REPOSITORY@ID:…, which this policy does not match: give --owner-id and --repository-id (gh api repos/ORG/REPOSITORY --jq '.owner.id, .id').
# IAM finds the thumbprint of a public certificate authority itself. An aws command that demands --thumbprint-list is too old to know: update it, or give a thumbprint.
aws iam create-open-id-connect-provider \
  --url https://token.actions.githubusercontent.com \
  --client-id-list sts.amazonaws.com
aws iam create-role \
  --role-name pullpass-pull \
  --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowWebIdentity","Effect":"Allow","Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"},"StringLike":{"token.actions.githubusercontent.com:sub":["repo:team/app:ref:refs/heads/main","repo:team/app:ref:refs/heads/release/*","repo:team/app:ref:refs/tags/v*","repo:team/app:environment:production"]}}}]}'
aws iam get-role \
  --role-name pullpass-pull \
  --query Role.Arn \
  --output text
