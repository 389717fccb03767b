# AWS keeps one policy for each repository: setting this one replaces it, and removes everybody whom only that one names. --live reads the policy in force and adds to it; --merge FILE adds to the policy in a file.
# ecr:GetAuthorizationToken has no effect in a repository or registry policy: the caller's own identity policy must allow it on "*".
# Account 111111111111 needs the other half, an identity policy on the caller: pullpass policy role --account 222222222222 --region eu-west-1 --repository team/app
aws ecr set-repository-policy \
  --registry-id 222222222222 \
  --region eu-west-1 \
  --repository-name team/app \
  --policy-text '{"Version":"2012-10-17","Statement":[{"Sid":"AllowPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/pull"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}'
