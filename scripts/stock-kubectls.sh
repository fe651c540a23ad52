#!/bin/sh
# Print the path of every stock (Go) kubectl on this machine, one per line: clients to test Cube with.
#
# Looks at what deps.sh unpacked, at $CUBE_STOCK_KUBECTLS (paths separated by colons) and along PATH. Cube's own kubectl is left out.
# With -v the version follows after a tab. The exit status is 1 when there is none.
set -eu

verbose=
[ "${1-}" != -v ] || verbose=1

candidates() {
	ls -d "${CUBE_TOOLS:-/var/cache/cube/tools}"/kubectl-*/usr/bin/kubectl 2>/dev/null || :
	echo "${CUBE_STOCK_KUBECTLS-}:$PATH:/usr/bin:/usr/local/bin" | tr : '\n' | while read -r entry; do
		if [ -d "$entry" ]; then
			echo "$entry/kubectl"
		elif [ -n "$entry" ]; then
			echo "$entry"
		fi
	done
}

# A Go program carries its build information; a script or a C program doesn't.
is_stock() {
	[ -x "$1" ] && LC_ALL=C grep -aqE 'k8s\.io/(kubernetes|kubectl)/' "$1" && LC_ALL=C grep -aq 'go1\.[0-9]' "$1"
}

found=$(candidates | while read -r path; do
	[ ! -x "$path" ] || readlink -f "$path"
done | awk '!seen[$0]++' | while read -r path; do
	is_stock "$path" || continue
	if [ -n "$verbose" ]; then
		printf '%s\t%s\n' "$path" "$("$path" version --client -o json 2>/dev/null | sed -n 's/.*"gitVersion": *"\([^"]*\)".*/\1/p' | head -n 1)"
	else
		printf '%s\n' "$path"
	fi
done)
[ -n "$found" ] || exit 1
printf '%s\n' "$found"
