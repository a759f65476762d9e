#!/bin/sh
# Measures registryd against nginx, curl and tar and prints the ratios.
# An argument chooses rows: scripts/bench.sh 'cold|herd'
set -eu
cd "$(dirname "$0")/.."
. scripts/need.sh
need_nginx || { say "make bench needs nginx"; exit 1; }
for tool in curl tar wrk; do
	need "$tool" || { say "make bench needs $tool"; exit 1; }
done
need_npm || say "no npm is here: packages are generated"
# The component registry with 10,000 hosts and 1,000 components.
[ $# -gt 0 ] || go test -run '^$' -bench CN4 -benchtime 20x ./component
exec go test -run '^$' -bench "Budgets/(${1:-.})" -benchtime 1x -timeout 30m ./internal/bench
