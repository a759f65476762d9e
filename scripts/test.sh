#!/bin/sh
# Runs all tests with the race detector, through a real nginx. What a machine
# lacks and cannot be given leaves tests out. They are listed at the end, with
# why, and where CI is set a single one is a failure.
set -eu
cd "$(dirname "$0")/.."
. scripts/need.sh
for thing in nginx brotli chromium s3 strace npm node logrotate systemd; do
	"need_$thing" || say "no $thing is here, and it cannot be installed"
done
# nginx and the daemons of the end-to-end tests need room beside the compiler.
go tool gotestsum --format standard-quiet --post-run-command 'sh scripts/skipped.sh' -- \
	-race -shuffle=on -timeout 15m ${TESTFLAGS:-} ./...
# What takes too long with the race detector, and shows nothing about races.
exec go test -run 'TestHost(ileCode|API_Hostile)$/deep_result' ./plugin/js
