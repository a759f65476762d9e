#!/bin/sh
# What must be true of every commit, tests apart.
set -eu
cd "$(dirname "$0")/.."
. scripts/need.sh
failed=0
step() {
	name=$1
	shift
	if out=$("$@" 2>&1); then say "ok    $name"; else
		say "FAIL  $name"
		[ -z "$out" ] || say "$out"
		failed=1
	fi
}
unformatted() { out=$(gofmt -l $(git ls-files '*.go')) && [ -z "$out" ] || { echo "$out"; return 1; }; }
generated() {
	before=$(git status --porcelain) && go generate ./... && after=$(git status --porcelain) &&
		[ "$before" = "$after" ] || { git status --porcelain; return 1; }
}
step gofmt unformatted
step vet go vet -tags soak ./...
step staticcheck go tool staticcheck -tags soak ./...
step 'go mod tidy' go mod tidy -diff
step 'go mod tidy, sample' go -C sample/custom mod tidy -diff
step 'go mod verify' go mod verify
step 'go generate' generated
step 'linux/arm64 builds' env GOOS=linux GOARCH=arm64 go build -o /dev/null ./cmd/registryd
exit $failed
