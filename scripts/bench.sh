#!/usr/bin/env bash
# Measures the API server: a private etcd and kube-apiserver in a temporary folder, then cube-bench. Flags go to cube-bench;
# --large also fills the server with 100,000 pods and opens 1,000 watches (minutes). Ends what it started.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/build/bin large="" args=()
for arg in "$@"; do
	if [ "$arg" = --large ]; then large=1; else args+=("$arg"); fi
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/cube-bench.XXXXXX")
etcd_pid='' api_pid=''
cleanup() {
	for pid in $api_pid $etcd_pid; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

free_port() {
	local port
	while port=$((20000 + RANDOM % 20000)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

cd "$dir"
# A socket path, so that etcd needs no port; what stands behind the colon is part of the file's name.
etcd --data-dir "$dir/etcd" --listen-client-urls unix://c.sock:1 --advertise-client-urls http://127.0.0.1:1 \
	--listen-peer-urls unix://p.sock:1 --initial-advertise-peer-urls http://127.0.0.1:1 \
	--initial-cluster default=http://127.0.0.1:1 --quota-backend-bytes 4294967296 --log-level error >etcd.log 2>&1 &
etcd_pid=$!
openssl genrsa -out sa.key 2048 2>/dev/null
echo 'benchtoken,admin,1,"system:masters"' >tokens.csv
for _ in $(seq 300); do
	curl -s --unix-socket "$dir/c.sock:1" http://localhost/health | grep -q true && break
	sleep 0.1
done

start_api() {
	port=$(free_port)
	since=$(date +%s%N)
	"$bin/kube-apiserver" --etcd-servers="unix://$dir/c.sock:1" --secure-port="$port" --bind-address=127.0.0.1 \
		--cert-dir="$dir" --token-auth-file=tokens.csv --authorization-mode=Node,RBAC \
		--service-account-issuer=https://kubernetes.default.svc --service-account-key-file=sa.key \
		--service-account-signing-key-file=sa.key --service-cluster-ip-range=10.96.0.0/16 >>api.log 2>&1 &
	api_pid=$!
}
stop_api() {
	kill "$api_pid" && wait "$api_pid" || true
	api_pid=''
}
bench() {
	"$bin/cube-bench" --port="$port" --pid="$api_pid" --etcd-pid="$etcd_pid" --etcd-socket="$dir/c.sock:1" \
		--token=benchtoken "$@" || { tail -5 "$dir/api.log" >&2; exit 1; }
}

echo "| what                                         | result |"
echo "|---|---|"
start_api
bench --only=ready --ready-since="$since"
stop_api
start_api
bench --only=ready --ready-since="$since"
bench "${args[@]}"
if [ -n "$large" ]; then
	bench --only=watch --watchers=1000 --updates=1000
	bench --only=pods --pods=90000
	stop_api
	echo "| again, after a start with these objects | |"
	start_api
	bench --only=ready --ready-since="$since"
	bench --only=rss
fi
