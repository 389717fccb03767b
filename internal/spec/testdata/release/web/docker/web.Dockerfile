ARG VERSION
FROM 777788889999.dkr.ecr.eu-central-1.amazonaws.com/base/ruby:${VERSION}
