#!/bin/sh
# Measures registryd against nginx, curl and tar and prints the ratios.
set -eu
cd "$(dirname "$0")/.."
. scripts/need.sh
need_nginx || { say "make bench needs nginx"; exit 1; }
command -v xz >/dev/null 2>&1 || install_debian xz-utils || true
command -v curl >/dev/null 2>&1 || install_debian curl || { say "make bench needs curl"; exit 1; }
command -v wrk >/dev/null 2>&1 || install_debian wrk || { say "make bench needs wrk"; exit 1; }
exec go run ./internal/bench "$@"
