#!/usr/bin/env bash
# The demo: a cluster of one node, WordPress with its database on it, and the URL at which it answers.
set -euo pipefail
cd "$(dirname "$0")/.."
cube=build/bin/cube
images=${CUBE_IMAGES:-/var/cache/cube/images}

if [ "$(id -u)" != 0 ]; then
	echo "make demo needs root (namespaces, mounts, iptables): run it with sudo" >&2
	exit 1
fi
# Without a registry that answers, equivalent images are built from Debian packages and loaded under the same names.
manifests/images/build.sh --out "$images" mariadb wordpress

"$cube" start
for name in mariadb wordpress; do
	"$cube" image load "$images/$name.tar"
done
"$cube" kubectl -- apply -f manifests/wordpress-k8s.yml
"$cube" kubectl -- rollout status deployment/wordpress-mariadb --timeout=180s
"$cube" kubectl -- rollout status deployment/wordpress --timeout=180s
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
