#!/bin/bash
# Build OCI images from Debian packages: build.sh [--out DIR] [--fresh] [NAME...]
#
#   --out DIR   where the archives go and what is kept between runs (default /var/cache/cube/images)
#   --fresh     rebuild even what is up to date, for packages that have newer versions
#   NAME        a folder beside this script; default: every one that names an image
#
# A folder NAME holds `recipe` (shell variables from, packages, unpack, names), and optionally
# `setup.sh` (run inside the new root), `files/` (copied into it first) and `config.json` (the
# image's configuration). README.md explains the format. A layer or image is rebuilt only when
# the content of its folder or of what it is built on changed. Interrupting is safe: nothing half-made gets a final name, and mounts live in a namespace that ends with the script.
set -euo pipefail
umask 022

here=$(cd "$(dirname "$0")" && pwd)
debs=${CUBE_DEB_CACHE:-/var/cache/cube/debs}
out=/var/cache/cube/images
revision=1 # raise it when a change of this script changes what it builds
fresh=
names=()

main() {
	while [ $# -gt 0 ]; do
		case $1 in
		--out) out=${2:?--out needs a directory}; shift ;;
		--fresh) fresh=1 ;;
		-h | --help) sed -n '2,/^set/{/^#/s/^# \?//p}' "$0"; return ;;
		-*) die "unknown option $1" ;;
		*) names+=("$1") ;;
		esac
		shift
	done
	[ "$(id -u)" = 0 ] || die "needs root (chroot and mounts)"
	. /etc/os-release
	suite=$VERSION_CODENAME
	if [ ${#names[@]} = 0 ]; then
		mapfile -t names < <(grep -l '^names=.' "$here"/*/recipe | xargs -n1 dirname | xargs -n1 basename | sort)
	fi
	mkdir -p "$out/.layers" "$debs"
	exec 9>"$out/.lock"
	flock 9
	rm -rf "$out"/.work.*
	work=$(mktemp -d "$out/.work.XXXXXX")
	trap 'umount -R "$work"/root 2>/dev/null || :; rm -rf "$work"' EXIT
	trap 'exit 130' HUP INT TERM
	for name in "${names[@]}"; do
		ensure_image "$name"
	done
}

die() {
	echo "build.sh: $*" >&2
	exit 1
}
say() { echo "$*" >&2; }

# --- recipes ---------------------------------------------------------------------------------

declare -A key_of rebuilt
recipe_value() { (unset from packages unpack names; . "$here/$1/recipe" && eval "printf %s \"\${$2-}\""); }

# Sets key_of[NAME] to a hash of all that decides the layer's content; its parent must be built.
resolve() {
	local name=$1 parent below=none
	parent=$(recipe_value "$name" from)
	[ "$parent" = scratch ] || below=$(cat "$(layer_dir "$parent")/layer.json")
	key_of[$name]=$(
		{
			echo "$revision $below $suite $(dpkg --print-architecture)"
			cd "$here/$name"
			find . -type f ! -name config.json | sort | while read -r f; do
				echo "$f"
				cat "$f"
			done
		} | sha256sum | cut -c1-16
	)
}

chain() { # NAME: its layers, lowest first
	local parent
	[ -f "$here/$1/recipe" ] || die "no recipe for $1 in $here"
	parent=$(recipe_value "$1" from)
	[ "$parent" = scratch ] || chain "$parent"
	echo "$1"
}
layer_dir() { echo "$out/.layers/$1-${key_of[$1]}"; }

ensure_image() {
	local name=$1 layer layers dirs=() stamp references start=$SECONDS
	layers=$(chain "$name")
	references=$(recipe_value "$name" names)
	for layer in $layers; do
		ensure_layer "$layer"
		dirs+=("$(layer_dir "$layer")")
	done
	[ -n "$references" ] || return 0
	stamp=$(cat "$here/oci.py" "${dirs[@]/%//layer.json}" "$here/$name/recipe" "$here/$name/config.json" | sha256sum | cut -c1-16)
	if [ -f "$out/$name.tar" ] && [ "$(cat "$out/.layers/$name.stamp" 2>/dev/null)" = "$stamp" ]; then
		say "$name: up to date"
		return 0
	fi
	/usr/bin/python3 "$here/oci.py" image "$here/$name/config.json" "$work/image.tar" "${references// /,}" "${dirs[@]}"
	mv "$work/image.tar" "$out/$name.tar"
	echo "$stamp" >"$out/.layers/$name.stamp"
	say "$name: $out/$name.tar ($(du -m "$out/$name.tar" | cut -f1) MB) in $((SECONDS - start)) s: $references"
}

# --- layers ----------------------------------------------------------------------------------

ensure_layer() {
	local name=$1 final start=$SECONDS old
	resolve "$name"
	final=$(layer_dir "$name")
	if [ -f "$final/layer.json" ] && { [ -z "$fresh" ] || [ -n "${rebuilt[$name]-}" ]; }; then
		return 0
	fi
	say "$name: building the layer"
	mkdir -p "$work/new/tree" "$work/root"
	if ! build_layer "$name" >"$work/log" 2>&1; then
		tail -n 30 "$work/log" >&2
		die "$name failed; the end of its log stands above"
	fi
	/usr/bin/python3 "$here/oci.py" layer "$work/new/tree" "$work/new"
	for old in "$out/.layers/$name"-*; do rm -rf "$old"; done
	mv "$work/new" "$final"
	rm -rf "$work/ovl"
	rebuilt[$name]=1
	say "$name: layer of $(du -sm "$final/tree" | cut -f1) MB ($(du -m "$final/layer.tar.gz" | cut -f1) MB packed) in $((SECONDS - start)) s"
}

build_layer() (
	# Not called for its status alone, but bash switches -e off inside `if !`: hence the chain of `||`.
	local name=$1 packages unpack root=$work/root
	packages=$(recipe_value "$name" packages)
	unpack=$(recipe_value "$name" unpack)
	open_root "$name" "$root" || return
	if [ "$name" = base ]; then
		make_base "$root" || return
	fi
	mount_devices "$root" || return
	if [ "$name" = base ]; then
		apt_into "$root" dist-upgrade || return
	fi
	if [ -n "$packages" ]; then
		apt_into "$root" install $packages || return
	fi
	unpack_into "$root" $unpack || return
	if [ -d "$here/$name/files" ]; then
		cp -R --no-preserve=mode,ownership,timestamps "$here/$name/files/." "$root/" || return
	fi
	if [ -f "$here/$name/setup.sh" ]; then
		run_setup "$root" <"$here/$name/setup.sh" || return
	fi
	umount "$root/dev" "$root/proc" || return
	strip_root "$root" || return
	umount "$root"
)

# Mounts the root on which NAME is built: its parents below, the new tree on top.
open_root() {
	local name=$1 root=$2 parent lower= layer
	parent=$(recipe_value "$name" from)
	if [ "$parent" = scratch ]; then
		mount --bind "$work/new/tree" "$root"
		return
	fi
	for layer in $(chain "$parent"); do
		lower=$(layer_dir "$layer")/tree${lower:+:$lower}
	done
	mkdir -p "$work/ovl"
	mount -t overlay -o "lowerdir=$lower,upperdir=$work/new/tree,workdir=$work/ovl,redirect_dir=off,metacopy=off,index=off" overlay "$root"
}

make_base() {
	local root=$1 mirror
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' |
		awk -v s="$suite" '$2 == s && $3 == "main" { print $1; exit }')
	[ -n "$mirror" ] || { echo "apt knows no mirror for $suite: run apt-get update"; return 1; }
	debootstrap --variant=minbase --cache-dir="$debs" "$suite" "$root" "$mirror" || return
	# The mirror and the host's name server are this machine's, not the image's.
	: >"$root/etc/apt/sources.list"
	rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
	install -D -m 644 "$here/base/files/etc/dpkg/dpkg.cfg.d/cube" "$root/etc/dpkg/dpkg.cfg.d/cube" || return
	rm -rf "${root:?}"/dev/* "${root:?}"/run/*
}

# What maintainer scripts may expect; none of it gets into the layer.
mount_devices() {
	local root=$1 node
	mkdir -p "$root/dev" "$root/proc"
	mount -t proc proc "$root/proc" || return
	mount -t tmpfs -o mode=755 dev "$root/dev" || return
	for node in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do
		set -- $node
		mknod -m 666 "$root/dev/$1" c 1 "$2" || return
	done
	ln -s /proc/self/fd "$root/dev/fd"
	ln -s /proc/self/fd/1 "$root/dev/stdout"
	ln -s /proc/self/fd/2 "$root/dev/stderr"
}

# The host's apt resolves and fetches (its mirrors, its keys); then the same apt installs from the
# cache with dpkg running inside the root. The host's own apt.conf is left out of that second
# step: its hooks are meant for the host.
apt_into() {
	local root=$1 common
	shift
	common=(-q -y -o Dir::State::status="$root/var/lib/dpkg/status"
		-o Dir::State::extended_states="$work/extended_states"
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o Dir::Log::Terminal= -o Dir::Log::History= -o Dir::Log::Planner= -o Dir::Log="$work"
		-o APT::Install-Recommends=false -o APT::Sandbox::User=root
		-o Acquire::Retries=3)
	apt-get "${common[@]}" -o Debug::NoLocking=1 -o Dir::Cache::archives="$debs" --download-only "$@" || return
	mkdir -p "$root/debs" "$work/empty"
	mount --bind "$debs" "$root/debs" || return
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	printf 'Dir::Etc::Parts "%s";\nDir::Etc::Main "/dev/null";\n' "$work/empty" >"$work/apt.conf"
	APT_CONFIG=$work/apt.conf DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C.UTF-8 \
		apt-get "${common[@]}" -o Dir::Cache::archives="$root/debs" -o DPkg::Chroot-Directory="$root" \
		-o APT::Keep-Downloaded-Packages=true -o Dpkg::Use-Pty=0 --no-download "$@" </dev/null || return
	umount "$root/debs"
	rm -rf "$root/debs" "$root/usr/sbin/policy-rc.d"
}

# Packages whose files are wanted without their dependencies and scripts. PKG:PATH,PATH takes only
# those paths.
unpack_into() {
	local root=$1 spec package paths file
	shift
	for spec in "$@"; do
		package=${spec%%:*}
		paths=${spec#"$package"}
		paths=${paths#:}
		file=$(fetch "$package") || return
		(
			set -o pipefail
			dpkg-deb --fsys-tarfile "$file" | tar -x -C "$root" --keep-directory-symlink ${paths:+$(echo "./$paths" | sed 's#,# ./#g')}
		) || return
	done
}

fetch() { # PACKAGE: path of its .deb in the cache
	local file
	file=$(cd "$debs" && apt-get --print-uris -o APT::Sandbox::User=root download "$1" | awk '{ print $2 }') || return
	if [ -z "$file" ]; then # already there
		file=$(cd "$debs" && ls -t "$1"_*.deb | head -n 1)
	elif [ ! -f "$debs/$file" ]; then
		(cd "$debs" && apt-get -qq -o APT::Sandbox::User=root download "$1" >&2) || return
	fi
	echo "$debs/$file"
}

run_setup() {
	local root=$1 shell=/bin/sh
	[ -e "$root/bin/sh" ] || [ -L "$root/bin/sh" ] || shell="/bin/busybox sh"
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
		SOURCE_DATE_EPOCH=0 chroot "$root" $shell -eu
}

# What no container needs or what differs from one build to the next.
strip_root() {
	local root=${1:?}
	rm -rf "${root:?}"/var/cache/{apt,man,ldconfig,debconf}/* "$root"/var/lib/apt/lists/* "$root"/var/lib/apt/extended_states \
		"$root"/tmp/* "$root"/var/lib/dpkg/*-old "$root"/var/lib/systemd/deb-systemd-helper-* \
		"$root"/usr/share/{man,info,lintian,locale}/* "$root"/etc/{passwd,group,shadow,gshadow,subuid,subgid}- \
		"$root"/etc/machine-id "$root"/etc/.pwd.lock "$root"/root/.bash_history
	[ ! -d "$root/var/log" ] || find "$root/var/log" -type f -delete
	[ ! -d "$root/usr/share/doc" ] || find "$root/usr/share/doc" ! -type d ! -name copyright -delete
	[ ! -d "$root/usr/share/doc" ] || find "$root/usr/share/doc" -depth -type d -empty -delete
	# The day a password last changed is the day of the build.
	[ ! -f "$root/etc/shadow" ] || sed -i 's/^\([^:]*:[^:]*\):[0-9]*:/\1:19000:/' "$root/etc/shadow"
}

# Everything is mounted in a namespace of our own, so that it ends with us however we end.
if [ -z "${CUBE_IMAGES_NS-}" ]; then
	CUBE_IMAGES_NS=1 exec unshare --mount --propagation private "$0" "$@"
fi
main "$@"
