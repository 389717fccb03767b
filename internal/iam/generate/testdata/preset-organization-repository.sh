# Corrected: Published examples let everyone push who may pull: here only what a pull needs.
# AWS keeps one policy for each repository: setting this one replaces it, and removes everybody whom only that one names. --live reads the policy in force and adds to it; --merge FILE adds to the policy in a file.
# ecr:GetAuthorizationToken has no effect in a repository or registry policy: the caller's own identity policy must allow it on "*".
aws ecr set-repository-policy \
  --registry-id 222222222222 \
  --region eu-west-1 \
  --repository-name team/app \
  --policy-text '{"Version":"2012-10-17","Statement":[{"Sid":"AllowOrganizationPull","Effect":"Allow","Principal":{"AWS":"*"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}]}'
