#!/bin/sh
# Runs all tests with the race detector, through a real nginx.
set -eu
cd "$(dirname "$0")/.."
. scripts/need.sh
if ! need_nginx; then
	say "no nginx is here and none can be installed: the tests that need one are skipped"
	[ -z "${CI:-}" ] || exit 1
fi
if ! need_chromium; then
	say "no chromium is here and none can be installed: nobody looks at the pages"
	[ -z "${CI:-}" ] || exit 1
fi
if ! need_s3; then
	say "no S3 server is here and none can be built: nobody tests a bucket"
	[ -z "${CI:-}" ] || exit 1
fi
command -v strace >/dev/null 2>&1 || install_debian strace || say "no strace is here and none can be installed: some faults are not injected"
need_npm || say "no npm registry is known: the test against a real one is skipped"
# nginx and the daemons of the end-to-end tests need room beside the compiler.
go test -race -shuffle=on -timeout 15m ${TESTFLAGS:-} ./...
# What takes too long with the race detector, and shows nothing about races.
exec go test -run 'TestHost(ileCode|API_Hostile)$/deep_result' ./plugin/js
