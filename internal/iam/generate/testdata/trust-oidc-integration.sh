# IAM finds the thumbprint of a public certificate authority itself. An aws command that demands --thumbprint-list is too old to know: update it, or give a thumbprint.
aws iam create-open-id-connect-provider \
  --url https://pullpass.example.com/o/org_1 \
  --client-id-list sts.amazonaws.com
aws iam create-role \
  --role-name pullpass-pull \
  --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowWebIdentity","Effect":"Allow","Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/pullpass.example.com/o/org_1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"pullpass.example.com/o/org_1:aud":"sts.amazonaws.com"},"StringLike":{"pullpass.example.com/o/org_1:sub":"integration:int_06g1m0q5c0v3z8r2d7k4s9w1b6:organization:org_06g1m0q5c0v3z8r2d7k4s9w1b6:*"}}}]}'
aws iam get-role \
  --role-name pullpass-pull \
  --query Role.Arn \
  --output text
