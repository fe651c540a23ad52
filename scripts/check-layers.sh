#!/usr/bin/env bash
# Fails on an include that goes against the layers. A folder may include itself and those named behind its colon.
set -u
cd "$(dirname "$0")/.."
layers='
lib/base:
lib/loop: lib/base
lib/http: lib/base lib/loop
lib/api: lib/base proto
lib/resources: lib/base lib/api proto
lib/client: lib/base lib/loop lib/http lib/api lib/resources proto
apiserver: lib/base lib/loop lib/http lib/api lib/resources proto
scheduler: lib/base lib/loop lib/api lib/resources lib/client proto
controller-manager: lib/base lib/loop lib/api lib/resources lib/client proto
kubelet: lib/base lib/loop lib/http lib/api lib/resources lib/client proto
proxy: lib/base lib/loop lib/api lib/resources lib/client proto
dns: lib/base lib/loop lib/api lib/resources lib/client proto
kubectl: lib/base lib/loop lib/api lib/resources lib/client proto
cube: lib/base lib/loop lib/api lib/resources lib/client proto
bench: lib/base lib/loop lib/http lib/api lib/resources lib/client proto
'
bad=0
say() { echo "$1"; bad=1; }
while IFS=: read -r folder allowed; do
	[ -n "$folder" ] && [ -d "$folder" ] || continue
	while IFS=: read -r file line text; do
		target=$(sed -E 's/.*#include "([^"]+)".*/\1/' <<<"$text")
		case $target in */*) ;; *) continue ;; esac # generated or beside it
		ok=
		for prefix in "$folder" $allowed; do
			case $target in "$prefix"/*) ok=1 ;; esac
		done
		[ -n "$ok" ] || say "$file:$line: $folder may not include $target"
	done < <(grep -rnE '^#include "' --include='*.c' --include='*.h' "$folder")
done <<<"$layers"
# Raw libuv, libcurl and libwebsockets appear each in one place.
raw() { # HEADER FOLDERS...
	local header=$1 hits
	shift
	hits=$(grep -rlE "#include <$header" --include='*.c' --include='*.h' lib apiserver scheduler controller-manager kubelet proxy dns kubectl cube 2>/dev/null)
	for file in $hits; do
		local ok=
		for folder in "$@"; do case $file in "$folder"/*) ok=1 ;; esac; done
		[ -n "$ok" ] || say "$file: <$header> belongs in $*"
	done
}
raw 'uv\.h' lib/loop lib/http
raw 'curl/' lib/loop
raw 'libwebsockets\.h' lib/http
raw 'yajl/' lib/api
raw 'yaml\.h' lib/api
raw 'nghttp2/' kubelet/runtime
exit $bad
