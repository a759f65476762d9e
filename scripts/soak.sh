#!/bin/sh
# Injects the long and the dangerous faults, and keeps a mixed load running for
# DURATION. Everything happens on loopback and in temporary directories; some of
# it needs root (mounts), and is left out with a word about it where that lacks.
set -eu
cd "$(dirname "$0")/.."
. scripts/need.sh
need_nginx || { say "make soak needs nginx"; exit 1; }
need_strace || say "no strace is here: some faults are not injected"
export DURATION="${DURATION:-2m}"
say "load runs for $DURATION; all in all it takes a few minutes more"
exec go tool gotestsum --format standard-quiet --post-run-command 'sh scripts/skipped.sh' -- -tags soak -count=1 -timeout 4h ${TESTFLAGS:-} ./internal/faults
