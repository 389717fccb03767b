# IAM finds the thumbprint of a public certificate authority itself. An aws command that demands --thumbprint-list is too old to know: update it, or give a thumbprint.
aws iam create-open-id-connect-provider \
  --url https://gitlab.com \
  --client-id-list sts.amazonaws.com
aws iam create-role \
  --role-name pullpass-pull \
  --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowWebIdentity","Effect":"Allow","Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/gitlab.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"gitlab.com:aud":"sts.amazonaws.com","gitlab.com:sub":["project_path:group/sub/app:ref_type:branch:ref:main","project_path:group/sub/app:ref_type:tag:ref:v1.0"]}}}]}'
aws iam get-role \
  --role-name pullpass-pull \
  --query Role.Arn \
  --output text
