# Account 222222222222 needs the other half, a policy on each repository: pullpass policy repository --account 222222222222 --region eu-west-1 --principal arn:aws:iam::111111111111:role/pullpass-runner --repository NAME --live --access pull
aws iam create-role \
  --role-name pullpass-runner \
  --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowService","Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
aws iam put-role-policy \
  --role-name pullpass-runner \
  --policy-name ecr-access \
  --policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowLogin","Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Sid":"AllowPull","Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/app"}]}'
aws iam get-role \
  --role-name pullpass-runner \
  --query Role.Arn \
  --output text
