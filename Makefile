# Pullpass. `make` alone lists the targets; their comments are the help.
SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
LDFLAGS := -s -w -X main.version=$(VERSION)

# Tools are built from source at these versions into .bin, which git ignores.
GOLANGCI_VERSION := v2.15.0
GOLANGCI := .bin/golangci-lint-$(GOLANGCI_VERSION)

# Known vulnerabilities of what the program calls, looked up where their database answers.
GOVULNCHECK_VERSION := v1.9.0
VULN_DATABASE := https://vuln.go.dev

# How long `make verify` soaks the server.
SOAK ?= 10m

# FUZZTIME is for each target; with CI=true `make test` fuzzes a little as well.
FUZZTIME ?= 60
CI_FUZZTIME := 5
CI_FUZZTOTAL := 60

# What a second engine can tell apart: everything that talks to one.
ENGINE_PACKAGES := ./internal/docker/... ./internal/runner/... ./internal/agent/... ./internal/parts/... ./cmd/... ./e2e

# Gives a command the engine that e2e/parts found or started, under its usual name.
WITH_ENGINE := [ -z "$$PULLPASS_TEST_DOCKER_HOST" ] || export DOCKER_HOST="$$PULLPASS_TEST_DOCKER_HOST"

# Mutants that are tried at once, and how many of the two largest packages.
MUTANT_WORKERS ?= 2
MUTANT_SAMPLE ?= 200
MUTANT_SEED ?= 0

.PHONY: help build dist test lint demo bench fuzz generate mutants verify vulnerabilities fresh parts clean

help: ## list the targets
	@echo "usage: make TARGET"; echo
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo "On a fresh machine with Go, \`make demo\` and \`make test\` need nothing first."

build: ## build bin/pullpass, bin/docker-credential-pullpass, bin/pullpass-aws: static, reproducible
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

dist: ## build the programs for five platforms into dist/, as the server's --downloads takes them: reproducible
	@for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/}; echo "dist/$$os-$$arch"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o dist/$$os-$$arch/ ./cmd/...; \
	done
	@cd dist && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum > SHA256SUMS

test: parts ## run all tests with real parts around them (Debian as root installs them; elsewhere skips are listed; CI=true: none)
	.bin/parts -- go test -count=1 -timeout 25m ./...
	@if [ "$$CI" = true ]; then e2e/fuzz.sh $(CI_FUZZTIME) $(CI_FUZZTOTAL); fi

lint: $(GOLANGCI) ## format, vet and lint; no source file above 500 lines
	$(GOLANGCI) run ./...
	@git ls-files -co --exclude-standard '*.go' | grep -v '_test\.go$$' | xargs wc -l | \
		awk '$$2 != "total" && $$1 > 500 {print $$2 ": " $$1 " lines; split it by job, 500 is the limit"; bad = 1} END {exit bad}'

demo: build parts ## a private image refused, explained, allowed and run, on this machine alone (ARGS=--once: then stop)
	@.bin/parts -only docker -engine any -- sh -c '$(WITH_ENGINE); exec bin/pullpass demo $(ARGS)'

# The usual credential helper for ECR, built from its Go module.
PEER_VERSION := v0.12.0
PEER := .bin/peer-$(PEER_VERSION)/docker-credential-ecr-login

$(PEER):
	CGO_ENABLED=0 GOFLAGS= GOBIN=$(abspath $(dir $@)) go install -trimpath -ldflags '-s -w' \
		github.com/awslabs/amazon-ecr-credential-helper/ecr-login/cli/docker-credential-ecr-login@$(PEER_VERSION)

.bin/hello .bin/resident: .bin/%: bench/%/main.go
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o $@ ./bench/$*

bench: build parts $(PEER) .bin/hello .bin/resident ## measure beside peers, in one run (CHECK=1: fail below the goals; ARGS: flags of bench)
	.bin/parts -- sh -c '$(WITH_ENGINE); exec go run ./bench -peer $(PEER) -hello .bin/hello -resident .bin/resident $(ARGS)'

fuzz: ## fuzz every target for FUZZTIME seconds (default 60)
	e2e/fuzz.sh $(FUZZTIME)

generate: ## write the generated files anew: documents, golden files
	go generate ./...
	@grep -rl --include='*_test.go' '"update"' . | xargs -rn1 dirname | sort -u | xargs -r sh -c 'go test -count=1 "$$@" -update' packages

mutants: parts ## put faults into the packages that security rests on, one at a time: a test has to fail (90 % of them; survivors are in a ledger)
	.bin/parts -only docker,postgres -- go run ./e2e/mutants -faults
	go run ./e2e/mutants -workers $(MUTANT_WORKERS) -sample $(MUTANT_SAMPLE) -seed $(MUTANT_SEED)

verify: fresh parts ## what is too slow for CI: fresh files, OCI conformance, race detector, faults at length, known vulnerabilities, a current engine, long fuzzing, the goals of bench
	go run ./e2e/conformance
	.bin/parts -- go test -count=1 -timeout 30m -race ./...
	PULLPASS_TEST_LONG=1 PULLPASS_TEST_SOAK=$(SOAK) .bin/parts -only postgres -- \
		go test -count=1 -timeout 60m -run '^(TestFailovers|TestServerKilled|TestSoak)$$' ./e2e
	$(MAKE) vulnerabilities
	.bin/parts -engine current -- go test -count=1 -timeout 30m $(ENGINE_PACKAGES)
	$(MAKE) fuzz
	CHECK=1 $(MAKE) bench

vulnerabilities: ## look the program up in the database of known vulnerabilities (skipped, and said so, where that does not answer)
	@if curl -fsS -m 15 -o /dev/null $(VULN_DATABASE)/index/modules.json; then \
		go run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION) -db $(VULN_DATABASE) ./...; \
	else \
		echo "skipped: govulncheck ($(VULN_DATABASE) does not answer from here)" >&2; \
	fi

clean: ## remove what was built here
	rm -rf bin .bin dist

# Fails if `make generate` changes a file, also where others are changed already.
fresh:
	@go mod verify
	@state() { git status --porcelain; git diff; }; before=$$(state | sha256sum); \
	$(MAKE) --no-print-directory generate; \
	if [ "$$before" != "$$(state | sha256sum)" ]; then \
		git status --short; echo "generated files were stale: look at the difference and commit it" >&2; exit 1; \
	fi

# Built rather than `go run`: a signal to make then reaches it, and it clears away.
parts:
	@go build -o .bin/parts ./e2e/parts

$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION), once"
	@mkdir -p .bin/build
	GOBIN=$(CURDIR)/.bin/build go install -trimpath github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv .bin/build/golangci-lint $@ && rmdir .bin/build
