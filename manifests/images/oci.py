#!/usr/bin/python3
"""Layers and images in OCI form, the same bytes for the same content.

  oci.py layer TREE OUTDIR        TREE (a root, or the upper directory of an overlay
                                  mount) becomes OUTDIR/layer.tar.gz and OUTDIR/layer.json
  oci.py image CONFIG OUT.tar NAMES LAYERDIR...
                                  an image of those layers, lowest first; CONFIG is JSON with
                                  the `config` section of the OCI image (Env, Cmd, ...);
                                  NAMES separated by commas

Times are zero, entries sorted, owners numeric, so a rebuild of unchanged input has an
unchanged digest. Whiteouts of overlayfs turn into those of the OCI layer format.

Each name has a manifest of its own, with the name as a label, and they share the layers: containerd
reports a container's image by image id, and one id under several names would come back as any of them.
"""
import gzip
import hashlib
import io
import json
import os
import platform
import stat
import sys
import tarfile

MEDIA = "application/vnd.oci.image."
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


class Tee(io.RawIOBase):
    """Passes bytes on and keeps their digest and count."""

    def __init__(self, out):
        self.out, self.sha, self.size = out, hashlib.sha256(), 0

    def writable(self):
        return True

    def write(self, data):
        self.sha.update(data)
        self.size += len(data)
        self.out.write(data)
        return len(data)

    @property
    def digest(self):
        return "sha256:" + self.sha.hexdigest()


def entry(name, mode, kind=tarfile.REGTYPE, size=0):
    info = tarfile.TarInfo(name)
    info.mode, info.type, info.size = mode, kind, size
    return info


def add_tree(tar, top):
    links = {}  # inode -> first name, for hard links
    for folder, dirs, files in os.walk(top):
        dirs.sort()
        rel = os.path.relpath(folder, top)
        for name in sorted(dirs + files):
            path = os.path.join(folder, name)
            member = os.path.normpath(os.path.join(rel, name))
            add_member(tar, path, member, links)


def add_member(tar, path, member, links):
    st = os.lstat(path)
    if stat.S_ISCHR(st.st_mode) and st.st_rdev == 0:
        head, tail = os.path.split(member)
        tar.addfile(entry(os.path.join(head, ".wh." + tail), 0o444))
        return
    if stat.S_ISSOCK(st.st_mode):
        return
    info = entry(member, stat.S_IMODE(st.st_mode))
    info.uid, info.gid = st.st_uid, st.st_gid
    if stat.S_ISLNK(st.st_mode):
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
        tar.addfile(info)
        return
    attrs = os.listxattr(path, follow_symlinks=False)
    if "security.capability" in attrs:
        sys.exit("oci.py: %s has file capabilities, which this writer drops" % member)
    if stat.S_ISDIR(st.st_mode):
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
        if "trusted.overlay.opaque" in attrs:
            tar.addfile(entry(member + "/.wh..wh..opq", 0o444))
    elif stat.S_ISREG(st.st_mode):
        if st.st_nlink > 1 and st.st_ino in links:
            info.type, info.linkname = tarfile.LNKTYPE, links[st.st_ino]
            tar.addfile(info)
            return
        links[st.st_ino] = member
        info.size = st.st_size
        with open(path, "rb") as f:
            tar.addfile(info, f)
    elif stat.S_ISFIFO(st.st_mode):
        info.type = tarfile.FIFOTYPE
        tar.addfile(info)
    else:
        info.type = tarfile.CHRTYPE if stat.S_ISCHR(st.st_mode) else tarfile.BLKTYPE
        info.devmajor, info.devminor = os.major(st.st_rdev), os.minor(st.st_rdev)
        tar.addfile(info)


def write_layer(tree, outdir):
    path = os.path.join(outdir, "layer.tar.gz")
    with open(path, "wb") as raw:
        packed = Tee(raw)
        with gzip.GzipFile(filename="", mode="wb", compresslevel=4, fileobj=packed, mtime=0) as gz:
            plain = Tee(gz)
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT,
                              bufsize=1 << 20) as tar:
                add_tree(tar, tree)
    facts = {"digest": packed.digest, "size": packed.size, "diff_id": plain.digest}
    with open(os.path.join(outdir, "layer.json"), "w") as f:
        json.dump(facts, f)


def dump(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def describe(kind, data):
    return {"mediaType": MEDIA + kind, "size": len(data),
            "digest": "sha256:" + hashlib.sha256(data).hexdigest()}


def write_image(config_path, out, names, layer_dirs):
    with open(config_path) as f:
        section = json.load(f)
    layers = []
    for folder in layer_dirs:
        with open(os.path.join(folder, "layer.json")) as f:
            layers.append(json.load(f))
    blobs, entries = [], []
    for name in names.split(","):
        labels = dict(section.get("Labels", {}), **{"org.opencontainers.image.ref.name": name})
        config = dump({"architecture": ARCH, "os": "linux", "config": dict(section, Labels=labels),
                       "rootfs": {"type": "layers", "diff_ids": [l["diff_id"] for l in layers]}})
        manifest = dump({"schemaVersion": 2, "mediaType": MEDIA + "manifest.v1+json",
                         "config": describe("config.v1+json", config),
                         "layers": [{"mediaType": MEDIA + "layer.v1.tar+gzip",
                                     "digest": l["digest"], "size": l["size"]} for l in layers]})
        note = {"io.containerd.image.name": name,
                "org.opencontainers.image.ref.name": name.rsplit(":", 1)[1]}
        entries.append(dict(describe("manifest.v1+json", manifest), annotations=note,
                            platform={"architecture": ARCH, "os": "linux"}))
        blobs += [config, manifest]
    index = dump({"schemaVersion": 2, "manifests": entries})

    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as tar:
        def add(name, data):
            tar.addfile(entry(name, 0o644, size=len(data)), io.BytesIO(data))

        add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        add("index.json", index)
        tar.addfile(entry("blobs", 0o755, tarfile.DIRTYPE))
        tar.addfile(entry("blobs/sha256", 0o755, tarfile.DIRTYPE))
        for data in blobs:
            add("blobs/sha256/" + hashlib.sha256(data).hexdigest(), data)
        for folder, layer in zip(layer_dirs, layers):
            with open(os.path.join(folder, "layer.tar.gz"), "rb") as f:
                tar.addfile(entry("blobs/sha256/" + layer["digest"].split(":")[1], 0o644,
                                  size=layer["size"]), f)


def main(argv):
    if len(argv) == 4 and argv[1] == "layer":
        write_layer(argv[2], argv[3])
    elif len(argv) >= 6 and argv[1] == "image":
        write_image(argv[2], argv[3], argv[4], argv[5:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv)
