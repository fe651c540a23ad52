#!/usr/bin/env bash
# clang-tidy over the sources, two at a time; results are kept by the file's and its headers' content, so that only what changed is read again.
set -u
cd "$(dirname "$0")/.."
build=${1:-build}
cache=${CUBE_TIDY_CACHE:-/var/cache/cube/tidy}
mkdir -p "$cache"
headers=$(git ls-files -z '*.h' '*.def' '*.proto' .clang-tidy | xargs -0 sha1sum | sha1sum | cut -c1-20)
one() {
	local file=$1 key
	key=$cache/$(echo "$headers $(sha1sum <"$file") $file" | sha1sum | cut -c1-40)
	[ -e "$key" ] && return 0
	clang-tidy -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option "$file" >"$key.out.$$" 2>/dev/null
	if grep -qE '(warning|error):' "$key.out.$$"; then
		grep -E '(warning|error):' "$key.out.$$" | head -5
		rm -f "$key.out.$$"
		return 1
	fi
	rm -f "$key.out.$$"
	touch "$key"
}
export -f one
export build cache headers
git ls-files -z '*.c' | grep -zvE '^(bench|packaging)/' | xargs -0 -n 1 -P 2 bash -c 'one "$0"'
