#!/bin/sh
# Wrap a static binary as a one-file OCI image: mkimage.sh BIN OUT.tar [NAME]
#
# Needs only tar, gzip and sha256sum: the sandbox image comes with Cube, not from a registry.
# The same binary always gives the same digests. The result loads with
# `ctr -n k8s.io images import OUT.tar`.
set -eu

usage='usage: mkimage.sh BIN OUT.tar [NAME]'
bin=${1:?$usage} out=${2:?$usage} name=${3:-cube.local/pause:1}
arch=$(uname -m)
case $arch in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
esac

case $out in /*) ;; *) out=$PWD/$out ;; esac
work=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
blobs=$work/layout/blobs/sha256
mkdir -p "$work/root" "$blobs"

pack() { # DIR MEMBER...: a tar on stdout that depends on content only
	dir=$1
	shift
	tar -C "$dir" --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - "$@"
}
digest() { sha256sum "$1" | cut -d' ' -f1; }
store() { # FILE: moves it among the blobs and prints its digest
	d=$(digest "$1")
	mv "$1" "$blobs/$d"
	echo "$d"
}

install -m 0755 "$bin" "$work/root/pause"
pack "$work/root" pause >"$work/layer"
diff_id=$(digest "$work/layer")
gzip -n "$work/layer"
layer_size=$(wc -c <"$work/layer.gz")
layer=$(store "$work/layer.gz")

printf '{"architecture":"%s","os":"linux","config":{"User":"65535:65535","Entrypoint":["/pause"],"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
	"$arch" "$diff_id" >"$work/config"
config_size=$(wc -c <"$work/config")
config=$(store "$work/config")

oci=application/vnd.oci.image
printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json","digest":"sha256:%s","size":%d},"layers":[{"mediaType":"%s.layer.v1.tar+gzip","digest":"sha256:%s","size":%d}]}' \
	$oci $oci "$config" "$config_size" $oci "$layer" "$layer_size" >"$work/manifest"
manifest_size=$(wc -c <"$work/manifest")
manifest=$(store "$work/manifest")

printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json","digest":"sha256:%s","size":%d,"annotations":{"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"},"platform":{"architecture":"%s","os":"linux"}}]}' \
	$oci "$manifest" "$manifest_size" "$name" "${name##*:}" "$arch" >"$work/layout/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$work/layout/oci-layout"
pack "$work/layout" oci-layout index.json blobs >"$work/image"
mv "$work/image" "$out"
