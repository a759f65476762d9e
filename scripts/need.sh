# Sourced by the other scripts: finds what they need, and installs it where
# that is possible without asking anybody.
#
# Each need_… returns 0 when the thing is there afterwards.

say() { printf '%s\n' "$*" >&2; }

# as_root runs a command as root, or fails at once where that needs a password.
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@" 2>/dev/null; fi
}

# install_debian PACKAGE... installs packages where apt-get can.
install_debian() {
	command -v apt-get >/dev/null 2>&1 || return 1
	as_root true || return 1
	say "installing $*"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 || true
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# found PROGRAM prints where it is; systems keep servers outside of PATH.
found() {
	command -v "$1" 2>/dev/null && return 0
	for dir in /usr/sbin /usr/local/sbin; do
		[ -x "$dir/$1" ] && echo "$dir/$1" && return 0
	done
	return 1
}

# need PROGRAM [PACKAGE] installs one program.
need() {
	[ -n "$(found "$1")" ] && return 0
	install_debian "${2:-$1}" && [ -n "$(found "$1")" ]
}

need_strace() { need strace; }
need_node() { need node nodejs; }
need_npm() { need npm; }
need_logrotate() { need logrotate; }
need_systemd() { need systemd-analyze systemd; }

find_nginx() { found nginx; }

need_nginx() {
	[ -n "$(find_nginx)" ] && return 0
	install_debian nginx-light libnginx-mod-http-brotli-static || install_debian nginx-light || return 1
	# The package starts a server of its own; the one we start is another.
	if command -v systemctl >/dev/null 2>&1; then as_root systemctl disable --now nginx >/dev/null 2>&1; fi
	[ -n "$(find_nginx)" ]
}

# need_brotli wants the module that lets nginx serve what is packed with brotli.
# Only Debian's own nginx can load Debian's.
need_brotli() {
	[ -e /usr/lib/nginx/modules/ngx_http_brotli_static_module.so ] && return 0
	dpkg -S "$(find_nginx)" >/dev/null 2>&1 && install_debian libnginx-mod-http-brotli-static
}

# registry_known tells whether some configuration of npm names a registry.
registry_known() {
	[ -n "${npm_config_registry:-}${NPM_CONFIG_REGISTRY:-}" ] && return 0
	grep -qs '^[[:space:]]*registry[[:space:]]*=' .npmrc "$HOME/.npmrc" /etc/npmrc
}

# need_registry makes one known: npm has one without any configuration.
need_registry() { registry_known || need_npm; }

find_chromium() {
	command -v chromium 2>/dev/null || command -v chromium-browser 2>/dev/null || command -v google-chrome 2>/dev/null
}

need_chromium() {
	[ -n "$(find_chromium)" ] && return 0
	install_debian chromium fonts-dejavu-core || return 1
	[ -n "$(find_chromium)" ]
}

# find_s3 looks where go install puts programs, too.
find_s3() {
	command -v versitygw 2>/dev/null && return 0
	dir=$(go env GOBIN)
	[ -n "$dir" ] || dir=$(go env GOPATH)/bin
	[ -x "$dir/versitygw" ] && echo "$dir/versitygw"
}

# need_s3 builds an S3 server to test with; the first time that takes a minute.
need_s3() {
	[ -n "$(find_s3)" ] && return 0
	say "building an S3 server to test with"
	go install github.com/versity/versitygw/cmd/versitygw@v1.8.0 >&2 || return 1
	[ -n "$(find_s3)" ]
}
