# Corrected: The published example is one statement: here a whole document, without its empty Condition.
# Corrected: The published comment calls the principal the integration's role. The principal is the role that comes first, such as app-proxy's; it is the integration's role itself only where that one assumes itself.
# Sessions of a chain last at most 1 h: asking for more is refused.
aws iam create-role \
  --role-name codefresh-ecr \
  --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowAssumeRole","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/app-proxy"},"Action":"sts:AssumeRole"}]}'
aws iam get-role \
  --role-name codefresh-ecr \
  --query Role.Arn \
  --output text
