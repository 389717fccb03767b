# Each role in the chain must name this one in its trust policy, even if they are the same role.
# A session that comes from another session lasts at most 1 h: asking for more is refused.
aws iam put-role-policy \
  --role-name first \
  --policy-name ecr-access \
  --policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowAssumeRole","Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::333333333333:role/next"}]}'
