# If the role lives in another account than 222222222222, the repository policy there must name it, too: pullpass policy repository --account 222222222222 --region eu-west-1 --repository NAME --principal ROLE_ARN --live
# Each role in the chain must name this one in its trust policy, even if they are the same role.
# A session that comes from another session lasts at most 1 h: asking for more is refused.
aws iam put-role-policy \
  --role-name ci \
  --policy-name ecr-access \
  --policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowLogin","Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Sid":"AllowPull","Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchImportUpstreamImage","ecr:CreateRepository"],"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/*"},{"Sid":"AllowAssumeRole","Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::333333333333:role/ecr/next"}]}'
