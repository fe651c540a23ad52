#!/bin/bash
# Install what a bare Debian 12 lacks for Cube: deps.sh [--runtime] [--build] [--test] [--list]
#
# Without options all three sets. Nothing is downloaded, and apt isn't called, when all is there.
# No service is started or left enabled: Cube runs its own etcd and containerd.
set -euo pipefail

# What a machine needs on which `cube start` runs.
runtime=(
	etcd-server etcd-client                       # the store, and etcdctl for looking into it
	containerd runc containernetworking-plugins   # containers, pod networks
	iptables iproute2 conntrack                   # Services, links and routes, stale connections
	libwebsockets17 libwebsockets-evlib-uv libhttp-parser2.9 libuv1 libcurl4
	libprotobuf-c1 libyaml-0-2 libyajl2 libnghttp2-14 libssl3 zlib1g
	mount util-linux ca-certificates
)
# What compiles it and checks the code.
build=(
	build-essential cmake ninja-build ccache pkg-config
	clang clang-format clang-tidy libclang-rt-14-dev llvm # clang's own runtime: sanitizers and fuzzing
	protobuf-compiler protobuf-c-compiler libprotobuf-c-dev libprotobuf-dev
	libwebsockets-dev libwebsockets-evlib-uv libhttp-parser-dev libuv1-dev libcurl4-openssl-dev
	libyaml-dev libyajl-dev libnghttp2-dev libssl-dev zlib1g-dev uthash-dev libcmocka-dev
	python3                                       # writes OCI layers, reads facts
	git                                           # lists the sources for the checks
)
# What the tests and the images use.
test=(
	debootstrap busybox-static                    # the images' base system; busybox
	python3-kubernetes python3-yaml               # a stock client library
	dnsutils curl jq socat                        # dig, HTTP, JSON, sockets at the shell
	docker-registry                               # a real registry to pull from
	procps bsdutils                               # ps and pgrep, script
)
tools=${CUBE_TOOLS:-/var/cache/cube/tools}
# Another nodejs than Debian's brings its own npm, and Debian's would conflict with it.
command -v npm >/dev/null || test+=(nodejs npm)

wanted=() clients= list=
while [ $# -gt 0 ]; do
	case $1 in
	--runtime) wanted+=("${runtime[@]}") ;;
	--build) wanted+=("${build[@]}") ;;
	--test) wanted+=("${test[@]}") clients=1 ;;
	--list) list=1 ;;
	*)
		sed -n '2,/^set/{/^#/s/^# \?//p}' "$0" >&2
		exit 2
		;;
	esac
	shift
done
if [ ${#wanted[@]} = 0 ]; then
	wanted=("${runtime[@]}" "${build[@]}" "${test[@]}") clients=1
fi
mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | sort -u)
if [ -n "$list" ]; then
	printf '%s\n' "${wanted[@]}"
	exit
fi

# One query for all; packages never heard of are absent from its output.
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || :)
missing=()
for package in "${wanted[@]}"; do
	case $'\n'$installed$'\n' in
	*$'\n'"$package installed"$'\n'*) ;;
	*) missing+=("$package") ;;
	esac
done

update_once() {
	[ -n "${updated-}" ] || apt-get -q update
	updated=1
}

# While this runs no package may start a service. An existing policy (a container image's, say)
# comes back afterwards; systemd's presets would enable units, so the new ones are disabled again.
policy=/usr/sbin/policy-rc.d
forbid_services() {
	if [ -e $policy ] || [ -L $policy ]; then
		mv $policy $policy.cube-saved
	fi
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
}
allow_services() {
	rm -f $policy
	if [ -e $policy.cube-saved ] || [ -L $policy.cube-saved ]; then
		mv $policy.cube-saved $policy
	fi
}

install_missing() {
	local unit package
	[ "$(id -u)" = 0 ] || {
		echo "deps.sh: missing, and installing needs root: ${missing[*]}" >&2
		exit 1
	}
	update_once
	if [ ! -e $policy.cube-saved ]; then # a run that was killed left ours in place
		forbid_services
	fi
	trap allow_services EXIT
	DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "${missing[@]}"
	allow_services
	trap - EXIT
	for package in "${missing[@]}"; do
		case $package in
		etcd-server) unit=etcd ;;
		containerd | docker-registry) unit=$package ;;
		*) continue ;;
		esac
		if [ -d /run/systemd/system ] && systemctl -q is-enabled $unit 2>/dev/null; then
			systemctl -q disable $unit
		fi
	done
}

# Debian's kubectl 1.20 is a client to test with. Its package would overwrite another kubectl
# package's /usr/bin/kubectl, so it is unpacked aside.
unpack_kubectl() {
	local dir=$tools/kubectl-1.20 temp
	[ ! -x "$dir/usr/bin/kubectl" ] || return 0
	mkdir -p "$tools"
	temp=$(mktemp -d "$tools/.kubectl.XXXXXX")
	(
		cd "$temp"
		apt-get -qq -o APT::Sandbox::User=root download kubernetes-client ||
			{ apt-get -q update && apt-get -qq -o APT::Sandbox::User=root download kubernetes-client; }
		dpkg -x kubernetes-client_*.deb root
	)
	chmod 755 "$temp/root"
	rm -rf "$dir"
	mv "$temp/root" "$dir"
	rm -rf "$temp"
}

# npm's client library, at the versions of our lock file. Only its own test needs it: where npm cannot reach
# its registry, that test is skipped and says so.
fetch_node_client() {
	local source dir=$tools/node-client temp
	source=$(cd "$(dirname "$0")/../e2e/clients/node" && pwd)
	! cmp -s "$source/package-lock.json" "$dir/package-lock.json" || return 0
	mkdir -p "$tools"
	temp=$(mktemp -d "$tools/.node-client.XXXXXX")
	cp "$source/package.json" "$source/package-lock.json" "$temp"
	if (cd "$temp" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); then
		chmod 755 "$temp"
		rm -rf "$dir"
		mv "$temp" "$dir"
	else
		echo "deps.sh: npm could not fetch @kubernetes/client-node; its e2e test will be skipped" >&2
		rm -rf "$temp"
	fi
}

[ ${#missing[@]} = 0 ] || install_missing
if [ -n "$clients" ]; then
	unpack_kubectl
	fetch_node_client
fi
