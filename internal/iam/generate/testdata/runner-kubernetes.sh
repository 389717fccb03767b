# Account 222222222222 needs the other half, a policy on each repository: pullpass policy repository --account 222222222222 --region eu-west-1 --principal arn:aws:iam::111111111111:role/pullpass-runner --repository NAME --live --access pull
aws iam create-open-id-connect-provider \
  --url https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF \
  --client-id-list sts.amazonaws.com \
  --thumbprint-list 9e99a48a9960b14926bb7f3b02e22da2b0ab7280
aws iam create-role \
  --role-name pullpass-runner \
  --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowWebIdentity","Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111111111111:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF:aud":"sts.amazonaws.com","oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF:sub":"system:serviceaccount:pullpass:runner"}}}]}'
aws iam put-role-policy \
  --role-name pullpass-runner \
  --policy-name ecr-access \
  --policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowLogin","Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Sid":"AllowPull","Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/*"}]}'
aws iam get-role \
  --role-name pullpass-runner \
  --query Role.Arn \
  --output text
