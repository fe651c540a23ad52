"""Debian's docker-registry on loopback, and what a client pushes into it: an image of manifests/images."""

import atexit
import base64
import crypt
import gzip
import hashlib
import io
import json
import shutil
import socket
import subprocess
import tarfile
import tempfile
import urllib.request

from harness import IMAGES, Skip, fetch, wait_for

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer_of(name, text):
    """A tar archive of one file."""
    out, entry = io.BytesIO(), tarfile.TarInfo(name)
    entry.size = len(text.encode())
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


class Registry:
    """A registry of its own port and directory. With `user` it wants that name and password."""

    def __init__(self, user=None, password=None):
        program = shutil.which("docker-registry")
        if not program:
            raise Skip("docker-registry is not installed (scripts/deps.sh --test)")
        self.dir = tempfile.mkdtemp(prefix="cube-registry-")
        self.host = f"127.0.0.1:{free_port()}"
        self.credentials = f"{user}:{password}" if user else None
        config = {"version": "0.1", "log": {"level": "warn"}, "http": {"addr": self.host},
                  "storage": {"filesystem": {"rootdirectory": f"{self.dir}/data"}}}
        if user:
            with open(f"{self.dir}/htpasswd", "w") as f:
                f.write(f"{user}:{crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}\n")
            config["auth"] = {"htpasswd": {"realm": "cube", "path": f"{self.dir}/htpasswd"}}
        with open(f"{self.dir}/config.yml", "w") as f:
            json.dump(config, f)  # JSON is YAML
        with open(f"{self.dir}/log", "w") as log:
            self.process = subprocess.Popen([program, "serve", f"{self.dir}/config.yml"], stdout=log, stderr=log)
        atexit.register(self.close)
        wait_for(f"the registry on {self.host}", lambda: fetch(f"http://{self.host}/v2/")[0] == (401 if user else 200), 30)

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def request(self, method, url, data=None, content_type="application/octet-stream"):
        """The headers of the answer; one that isn't 2xx raises."""
        request = urllib.request.Request(url if "://" in url else f"http://{self.host}{url}", data=data, method=method)
        request.add_header("Content-Type", content_type)
        if self.credentials:
            request.add_header("Authorization", "Basic " + base64.b64encode(self.credentials.encode()).decode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.headers

    def push(self, repository, tag, text="", archive="busybox"):
        """Pushes the archive's first image with a layer on top: the file /text. Returns the manifest's digest."""
        with tarfile.open(IMAGES / f"{archive}.tar") as tar:
            def blob(digest):
                return tar.extractfile(f"blobs/{digest.replace(':', '/')}").read()
            index = json.load(tar.extractfile("index.json"))
            manifest = json.loads(blob(index["manifests"][0]["digest"]))
            for layer in manifest["layers"]:
                self.push_blob(repository, blob(layer["digest"]))
            config = json.loads(blob(manifest["config"]["digest"]))
        layer = layer_of("text", f"{self.host}/{repository}:{tag} {text}")
        packed = gzip.compress(layer, mtime=0)
        manifest["layers"].append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": self.push_blob(repository, packed), "size": len(packed)})
        config["rootfs"]["diff_ids"].append(sha256(layer))
        config = json.dumps(config).encode()
        manifest["config"].update(digest=self.push_blob(repository, config), size=len(config))
        return self.request("PUT", f"/v2/{repository}/manifests/{tag}", json.dumps(manifest).encode(), MANIFEST)["Docker-Content-Digest"]

    def push_blob(self, repository, data):
        digest = sha256(data)
        where = self.request("POST", f"/v2/{repository}/blobs/uploads/", b"")["Location"]
        self.request("PUT", f"{where}{'&' if '?' in where else '?'}digest={digest}", data)
        return digest
