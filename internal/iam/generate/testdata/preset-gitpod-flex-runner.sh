# If the role lives in another account than 222222222222, the repository policy there must name it, too: pullpass policy repository --account 222222222222 --region eu-west-1 --repository NAME --principal ROLE_ARN --live
aws iam put-role-policy \
  --role-name gitpod-runner \
  --policy-name ecr-access \
  --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Effect":"Allow","Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:BatchCheckLayerAvailability"],"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/app"}]}'
