#!/bin/sh
# Builds registryd and runs it behind nginx with the sample configuration. Data
# stay in .run/ of this checkout. Ctrl-C stops both.
set -eu
cd "$(dirname "$0")/.."
. scripts/need.sh

run=$PWD/.run
config=${CONFIG:-sample/registryd.yaml}
mkdir -p "$run"
export REGISTRYD_ROOT_FS="${REGISTRYD_ROOT_FS:-$run/data}"
if [ -z "${REGISTRYD_ADMIN_TOKEN:-}" ]; then
	[ -s "$run/admin-token" ] || (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$run/admin-token")
	REGISTRYD_ADMIN_TOKEN=$(cat "$run/admin-token")
	export REGISTRYD_ADMIN_TOKEN
fi
if [ "$config" = sample/registryd.yaml ] && ! need_registry; then
	say "no npm registry is known and npm cannot be installed: only the packages in sample/packages are served."
	say "name a registry in the environment to change that: npm_config_registry=https://..."
	config=sample/local.yaml
fi

say "building"
go build -o "$run/bin/" ./cmd/registryd ./cmd/registry-nginx

daemon= nginx=
stop() {
	trap - INT TERM EXIT
	[ -z "$nginx" ] || kill -QUIT "$nginx" 2>/dev/null || true
	[ -z "$daemon" ] || kill -TERM "$daemon" 2>/dev/null || true
	wait
}
trap 'stop; exit 0' INT TERM
trap stop EXIT

if need_nginx; then
	base=http://localhost:8080
	mkdir -p "$run/front/components" "$REGISTRYD_ROOT_FS"
	cp sample/front/index.html "$run/front/"
	cp sample/components/demo.html sample/components/client.mjs "$run/front/components/"
	"$run/bin/registry-nginx" -c "$config" -o "$run/nginx" --front "$run/front" --nginx "$(find_nginx)"
	"$run/bin/registryd" serve -c "$config" &
	daemon=$!
else
	base=http://127.0.0.1:9900
	say "there is no nginx and none can be installed: registryd serves the files itself (accel: off)."
	"$run/bin/registryd" serve -c "$config" --accel off &
	daemon=$!
fi

# ready waits until the daemon answers, or is gone.
ready() {
	for _ in $(seq 300); do
		kill -0 "$daemon" 2>/dev/null || return 1
		"$run/bin/registryd" list -c "$config" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	return 1
}
if ! ready; then
	say "registryd did not start"
	exit 1
fi
if [ "$base" = http://localhost:8080 ]; then
	"$(find_nginx)" -p "$run/nginx" -c "$run/nginx/nginx.conf" -g 'daemon off;' &
	nginx=$!
	sleep 0.5
	if ! kill -0 "$nginx" 2>/dev/null; then
		nginx=
		say "nginx did not start; if port 8080 is in use, stop what uses it or change nginx.listen in $config"
		exit 1
	fi
fi
for dir in sample/components/greeting-*; do
	"$run/bin/registryd" publish "$dir" -c "$config" >/dev/null 2>&1 || true # it was published by an earlier run
done

# try prints a URL and what it shows.
try() { printf '  %-55s  %s\n' "$base$1" "$2"; }
printf '\nReady. Try:\n\n'
try /lib/lodash/4.17.21/lodash.js 'a file of an exact version'
try /lib/d3/^7/dist/d3.min.js 'a range: leads to the newest 7.x'
try /lib/react/latest/index.js 'a dist-tag'
try /lib/@types/node/20/index.d.ts 'a scoped package'
try /lib/lodash@4.17.21/lodash.js 'the spelling of other CDNs'
try /lib/lodash/main/lodash.js 'a pin, frozen until you move it'
try /lib/@acme/hello/latest/ 'a package from a directory'
try '/lib/lodash/4.17.21/?meta' 'what a release holds, as JSON'
if [ "$config" = sample/registryd.yaml ]; then
	try /lib/lodahs/1.0.0/index.js 'refused by a plugin, sample/plugins/typos.js'
	try '/api/modules/sum?x=1&y=2' 'an operation of a module, sample/modules/calc.js'
	command -v node >/dev/null 2>&1 || say "there is no node, so the plugin sample/plugins/denied is not loaded."
fi
if [ "$base" = http://localhost:8080 ]; then
	try /components/demo.html 'a component for two hosts'
	try / 'a front page'
fi
printf '\nThe admin token is in %s. Ctrl-C stops.\n\n' "$run/admin-token"

# Until Ctrl-C, or until one of the two ends by itself.
while kill -0 "$daemon" 2>/dev/null && { [ -z "$nginx" ] || kill -0 "$nginx" 2>/dev/null; }; do
	sleep 1 &
	wait $! || true
done
say "registryd or nginx ended by itself"
exit 1
