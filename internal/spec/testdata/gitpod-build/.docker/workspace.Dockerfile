# syntax=docker/dockerfile:1.7
ARG BASE=444455556666.dkr.ecr.us-east-1.amazonaws.com/base/go
ARG VERSION=1.26
FROM ${BASE}:${VERSION} AS build
COPY . /src
RUN --mount=type=bind,from=111122223333.dkr.ecr.eu-west-1.amazonaws.com/tools/lint:3,target=/lint \
    /lint/run /src
FROM 777788889999.dkr.ecr.eu-west-1.amazonaws.com/base/runtime@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
COPY --from=build /src/app /app
COPY --from=registry.example.com/certs/ca:2026 /etc/ssl /etc/ssl
