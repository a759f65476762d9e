#!/bin/sh
# Writes archives to give away into DIST (dist/), one for each of PLATFORMS, and
# SHA256SUMS. The same commit gives the same bytes, whoever builds it and where.
# EFFORT is that of gzip, 1 to 9: a test has better things to do.
set -eu
cd "$(dirname "$0")/.."
. scripts/need.sh
dist=${DIST:-dist}
platforms=${PLATFORMS:-linux/amd64 linux/arm64}
tar --version 2>/dev/null | grep -q 'GNU tar' || { say "make dist needs GNU tar, which can write the same archive twice"; exit 1; }

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
mkdir -p "$dist"
dist=$(cd "$dist" && pwd)
built=$(git log -1 --format=%ct)

# What a builder's own settings could change is set here.
export CGO_ENABLED=0 GOFLAGS= GOAMD64=v1 GOARM64=v8.0 TZ=UTC LC_ALL=C
umask 022

version=
for platform in $platforms; do
	export GOOS="${platform%/*}" GOARCH="${platform#*/}"
	go build -trimpath -buildvcs=true -ldflags='-s -w -buildid=' -o "$temp/" ./cmd/registryd ./cmd/registry-nginx
	stamped=$(go version -m "$temp/registryd" | awk '$1 == "mod" {print $3}')
	case $stamped in '' | *devel*) say "make dist needs a git clone: the version is that of its commit"; exit 1 ;; esac
	version=$stamped
	name="registryd_${version}_${GOOS}_${GOARCH}"
	mkdir "$temp/$name"
	mv "$temp/registryd" "$temp/registry-nginx" "$temp/$name/"
	git archive HEAD README.md LICENSE deploy sample | tar -x -C "$temp/$name"
	chmod -R u=rwX,go=rX "$temp/$name"
	tar --create --directory "$temp" --sort=name --mtime="@$built" --owner=0 --group=0 --numeric-owner --format=ustar "$name" |
		gzip "-${EFFORT:-9}" -n >"$dist/$name.tar.gz.new"
	mv "$dist/$name.tar.gz.new" "$dist/$name.tar.gz"
	say "wrote $dist/$name.tar.gz"
done
(cd "$dist" && sha256sum registryd_"$version"_*.tar.gz >SHA256SUMS.new && mv SHA256SUMS.new SHA256SUMS)
