# Everything works in a fresh clone: what is missing is installed, or named.
GO ?= go

.PHONY: help run build test check bench soak dist fuzz fmt generate tidy clean
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## run registryd behind nginx on port 8080; Ctrl-C stops
	@sh scripts/run.sh

build: ## build both binaries into bin/
	$(GO) build -trimpath -o bin/ ./cmd/registryd ./cmd/registry-nginx

test: ## run all tests, those through a real nginx included
	@sh scripts/test.sh

check: ## formatting, vet, staticcheck, generated files, go.mod
	@sh scripts/check.sh

bench: ## measure against nginx, curl and tar, and print ratios
	@sh scripts/bench.sh

soak: ## inject the long and dangerous faults under load for DURATION (2m)
	@sh scripts/soak.sh

dist: ## write reproducible archives for linux amd64 and arm64 into dist/
	@sh scripts/dist.sh

fuzz: ## run every fuzz target for FUZZTIME (30s)
	@sh scripts/fuzz.sh

fmt: ## format all Go files
	gofmt -w $$(git ls-files '*.go')

generate: ## renew generated files
	$(GO) generate ./...

tidy: ## tidy go.mod, the sample's too
	$(GO) mod tidy
	$(GO) -C sample/custom mod tidy

clean: ## remove what was built and what make run keeps
	rm -rf bin .run
