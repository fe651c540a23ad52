#!/usr/bin/env bash
# The demo: a cluster of one node, WordPress with its database on it, and the URL at which it answers.
set -euo pipefail
cd "$(dirname "$0")/.."
cube=build/bin/cube
data=/var/lib/cube
images=${CUBE_IMAGES:-/var/cache/cube/images}

if [ "$(id -u)" != 0 ]; then
	echo "make demo needs root (namespaces, mounts, iptables): run it with sudo" >&2
	exit 1
fi
"$cube" start

# Whether the manifest's images can be pulled: the node's containerd is asked for their descriptions, so that
# proxies and mirrors count. Without an answer in 3 seconds there is no registry.
registry_answers() {
	local name
	for name in $(sed -n 's/^ *image: *//p' manifests/wordpress-k8s.yml); do
		[[ $name == *:* ]] || name+=:latest
		nsenter --mount="$data/run/mntns" ctr -a "$data/containerd/containerd.sock" -n demo-probe content fetch \
			--metadata-only --platform "linux/$(dpkg --print-architecture)" \
			--hosts-dir "$data/containerd/certs.d" "docker.io/library/$name" || return 1
	done
}
if [ -n "${CUBE_REGISTRY-}" ]; then # a mirror, http://HOST:PORT
	mkdir -p "$data/containerd/certs.d/docker.io"
	printf '[host."%s"]\n  capabilities = ["pull", "resolve"]\n' "$CUBE_REGISTRY" >"$data/containerd/certs.d/docker.io/hosts.toml"
fi
export data
export -f registry_answers
patience=180s
if timeout 3 bash -c registry_answers >/dev/null 2>&1; then
	echo "A registry answers: the images are pulled"
	patience=900s
else
	echo "No registry answers: the images are built from Debian packages"
	manifests/images/build.sh --out "$images" mariadb wordpress
	for name in mariadb wordpress; do
		"$cube" image load "$images/$name.tar"
	done
fi
"$cube" kubectl -- apply -f manifests/wordpress-k8s.yml
"$cube" kubectl -- rollout status deployment/wordpress-mariadb --timeout="$patience"
"$cube" kubectl -- rollout status deployment/wordpress --timeout="$patience"
"$cube" kubectl -- get pods,services,persistentvolumeclaims

url=$("$cube" service wordpress --url)
for _ in $(seq 100); do
	if curl -fsS -o /dev/null --max-time 5 -L "$url/"; then
		echo
		echo "WordPress answers at $url"
		echo "Remove everything with: build/bin/cube delete"
		exit 0
	fi
	sleep 0.2
done
echo "WordPress does not answer at $url: see build/bin/cube kubectl -- describe pods" >&2
exit 1
