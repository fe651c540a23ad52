"""A real etcd on a socket, spoken to through its gateway, and a kube-apiserver on it."""
import base64
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE_S = 120


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(self.path)


def b64(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


class Cluster:
    def __init__(self, binary):
        self.binary = os.path.abspath(binary)
        self.dir = tempfile.mkdtemp(prefix="cube-compat-")
        self.processes = []
        self.api = None
        self.port = 0

    def __enter__(self):
        # etcd's socket file is named as its URL says, port included
        self.spawn("etcd", ["etcd", "--unsafe-no-fsync", "--data-dir", "data", "--listen-client-urls", "unix://c.sock:1",
                            "--advertise-client-urls", "http://127.0.0.1:1", "--listen-peer-urls", "unix://p.sock:1",
                            "--initial-advertise-peer-urls", "http://127.0.0.1:1", "--initial-cluster",
                            "default=http://127.0.0.1:1"])
        self.wait(lambda: self.etcd("kv/range", {"key": b64("x")}), "etcd")
        return self

    def __exit__(self, kind, *rest):
        for p in reversed(self.processes):
            p.send_signal(signal.SIGKILL)
            p.wait()
        if kind is None:
            shutil.rmtree(self.dir)
        else:
            print("logs are kept in", self.dir)

    def spawn(self, name, argv):
        log = open(os.path.join(self.dir, name + ".log"), "ab")
        p = subprocess.Popen(argv, cwd=self.dir, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        self.processes.append(p)
        return p

    def wait(self, fn, what):
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                got = fn()
                if got:
                    return got
            except (OSError, http.client.HTTPException):
                got = None
            assert time.monotonic() < end, "%s did not come; last: %r" % (what, got)
            for p in self.processes:
                assert p.poll() is None, "%s ended with %s; logs in %s" % (p.args[0], p.returncode, self.dir)
            time.sleep(0.05)

    # --- etcd ---

    def etcd(self, method, body):
        c = UnixConnection(os.path.join(self.dir, "c.sock:1"))
        try:
            c.request("POST", "/v3/" + method, json.dumps(body))
            r = c.getresponse()
            text = r.read()
            assert r.status == 200, text
            return json.loads(text)
        finally:
            c.close()

    def put(self, key, value, lease=0):
        return int(self.etcd("kv/put", {"key": b64(key), "value": b64(value), "lease": str(lease)})["header"]["revision"])

    def get(self, key):
        """{"value", "mod_revision", "lease", ...}, or None."""
        kvs = self.etcd("kv/range", {"key": b64(key)}).get("kvs")
        if not kvs:
            return None
        kv = kvs[0]
        return {"value": base64.b64decode(kv.get("value", "")), "revision": int(kv["mod_revision"]),
                "lease": int(kv.get("lease", "0"))}

    def keys(self, prefix):
        kvs = self.etcd("kv/range", {"key": b64(prefix), "range_end": b64(prefix[:-1] + chr(ord(prefix[-1]) + 1)),
                                     "keys_only": True}).get("kvs", [])
        return [base64.b64decode(kv["key"]).decode() for kv in kvs]

    # --- the API server ---

    def start_api(self):
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        self.port = s.getsockname()[1]
        s.close()
        self.api = self.spawn("api", [self.binary, "--secure-port=%d" % self.port, "--bind-address=127.0.0.1",
                                      "--insecure-http", "--etcd-servers=unix://%s/c.sock:1" % self.dir,
                                      "--advertise-address=192.0.2.1", "--authorization-mode=AlwaysAllow",
                                      "--service-cluster-ip-range=10.96.0.0/24", "--allow-privileged=true",
                                      "--disable-admission-plugins=ServiceAccount"])
        self.wait(lambda: self.call("GET", "/readyz")[0] == 200, "the API server")

    def stop_api(self):
        self.api.terminate()
        code = self.api.wait(PATIENCE_S)
        assert code == 0, "the API server ended with %d; logs in %s" % (code, self.dir)
        self.processes.remove(self.api)

    def call(self, method, path, body=None, accept="application/json", content_type=None):
        """(status, headers, body): JSON as a tree, anything else as bytes."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        default = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            c.request(method, path, json.dumps(body) if body is not None else None,
                      {"Accept": accept, "Content-Type": content_type or default})
            r = c.getresponse()
            data = r.read()
            is_json = "json" in r.headers.get("Content-Type", "")
            return r.status, r.headers, json.loads(data) if is_json else data
        finally:
            c.close()

    def expect(self, status, method, path, body=None, **kw):
        got = self.call(method, path, body, **kw)
        assert got[0] == status, "%s %s: %d instead of %d: %.1500s" % (method, path, got[0], status, got[2])
        return got[2]

    def watch(self, path):
        """A generator of events; ends with the server's time-out."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        c.request("GET", path)
        r = c.getresponse()
        try:
            for line in r:
                yield json.loads(line)
        finally:
            c.close()
