# Corrected: The gist says that access cannot be limited to repositories or to pulling. It can: the token carries its principal, and ECR asks that one's policies for every image.
# Corrected: The gist doubts pulls across regions: they work with a token from the image's region.
# Containers on the instance can reach its metadata and take this role: require IMDSv2 with a hop limit of 1.
aws iam create-role \
  --role-name gitlab-runner \
  --assume-role-policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowService","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
aws iam put-role-policy \
  --role-name gitlab-runner \
  --policy-name ecr-access \
  --policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"AllowLogin","Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},{"Sid":"AllowPull","Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/app"}]}'
aws iam create-instance-profile \
  --instance-profile-name gitlab-runner
aws iam add-role-to-instance-profile \
  --instance-profile-name gitlab-runner \
  --role-name gitlab-runner
aws iam get-role \
  --role-name gitlab-runner \
  --query Role.Arn \
  --output text
