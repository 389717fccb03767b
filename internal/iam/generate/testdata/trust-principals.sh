# A role that assumes itself needs sts:AssumeRole on its own ARN in its identity policy, too, and its sessions last at most 1 h.
aws iam create-role \
  --role-name pullpass-pull \
  --max-session-duration 7200 \
  --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowAssumeRole","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:role/pull","arn:aws:iam::333333333333:root"]},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"tenant:42/a"}}},{"Sid":"AllowSelf","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"sts:AssumeRole","Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::222222222222:role/pullpass-pull"}}}]}'
aws iam get-role \
  --role-name pullpass-pull \
  --query Role.Arn \
  --output text
