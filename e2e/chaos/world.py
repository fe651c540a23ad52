"""The programs under test: one etcd, one kube-apiserver, and the relay between them; started, killed, frozen, restarted.

Everything lives in one temporary folder; etcd listens on unix sockets there, the API server on a free port of loopback.
"""

import base64
import http.client
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import relay
from client import Broken, Client

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
# absolute, for the programs start in a folder of their own
BIN = pathlib.Path(os.environ.get("CUBE_BIN", TOP / "build" / "bin")).resolve()
TOKEN = "chaos-admin"
PATIENCE_S = 180  # machines may be slow: no test fails because of that


def wait_for(what, predicate, timeout=PATIENCE_S, every=0.02):
    """Calls predicate until it returns something true and returns that; connection failures count as `not yet`."""
    end = time.monotonic() + timeout
    last = None
    while time.monotonic() < end:
        try:
            last = predicate()
            if last:
                return last
        except (Broken, OSError, http.client.HTTPException, ValueError) as problem:
            last = problem
        time.sleep(every)
    raise AssertionError(f"waited {timeout} s for {what}; last: {last!r}")


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Process:
    """A program that is started again and again with the same arguments; its output is appended to one file."""

    def __init__(self, name, argv, folder, env=None):
        self.name, self.argv, self.folder, self.env = name, argv, folder, env
        self.log = folder / f"{name}.log"
        self.child = None

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.argv, cwd=self.folder, stdout=log, stderr=log, env=self.env)

    def kill(self):
        """kill -9, as a power cut would end it; an end of its own is a failure."""
        if self.child:
            self.child.kill()
            if self.child.wait() not in (0, -signal.SIGKILL):
                raise AssertionError(f"{self.name} ended by itself with {self.child.returncode}; see {self.log}")

    def signal(self, number):
        self.child.send_signal(number)

    def is_running(self):
        return self.child is not None and self.child.poll() is None


class World:
    def __init__(self, etcd_flags=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cube-chaos-", dir="/tmp"))
        self.etcd_socket = str(self.folder / "client.sock:1")
        self.relay_socket = str(self.folder / "relay.sock")
        self.etcd = Process("etcd", self._etcd_argv(etcd_flags), self.folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (self.folder / "tokens.csv").write_text(f"{TOKEN},admin,1,system:masters\n")
        self.server = Process("kube-apiserver", self._server_argv(), self.folder)
        self.faults = relay.Faults()
        self.relay = None

    def _etcd_argv(self, flags):
        return ["etcd", "--name=chaos", f"--data-dir={self.folder / 'data'}", "--listen-client-urls=unix://client.sock:1",
                "--advertise-client-urls=http://127.0.0.1:1", "--listen-peer-urls=unix://peer.sock:1",
                "--initial-advertise-peer-urls=http://127.0.0.1:1", "--initial-cluster=chaos=http://127.0.0.1:1",
                "--max-request-bytes=4194304", "--logger=zap", "--log-level=warn", *flags]

    def _server_argv(self):
        return [str(BIN / "kube-apiserver"), f"--etcd-servers=unix://{self.relay_socket}", f"--secure-port={self.port}",
                "--bind-address=127.0.0.1", f"--cert-dir={self.folder / 'pki'}",
                f"--token-auth-file={self.folder / 'tokens.csv'}", "--authorization-mode=RBAC",
                "--disable-admission-plugins=ServiceAccount", "--service-cluster-ip-range=10.64.0.0/16",
                "--etcd-compaction-interval=0"]

    def __enter__(self):
        try:
            self.start_etcd()
            self.start_relay()
            self.start_server()
        except BaseException:
            self.end_all()
            raise
        return self

    def end_all(self):
        """Ends what runs, whatever it is; the folder, if it is still there, is kept for who looks for the cause."""
        try:
            for program in (self.server, self.etcd):
                if program.is_running():
                    program.kill()
        finally:
            if self.relay:
                self.relay.kill()
                self.relay.join()
            if self.folder.exists():
                print(f"logs and data: {self.folder}", flush=True)

    def stop_server(self):
        """In good order: a sanitizer's complaints and leaks show in the exit status."""
        self.server.signal(signal.SIGTERM)
        status = self.server.child.wait(PATIENCE_S)
        if status != 0:
            raise AssertionError(f"kube-apiserver ended with {status}; see {self.server.log}")

    def __exit__(self, kind, problem, trace):
        try:
            if kind is None:
                self.stop_server()
                shutil.rmtree(self.folder)
        finally:
            self.end_all()

    def start_etcd(self):
        # etcd does not remove the sockets that a killed one left
        for name in ("client.sock:1", "peer.sock:1"):
            (self.folder / name).unlink(missing_ok=True)
        self.etcd.start()
        wait_for("etcd", lambda: self.etcd_call("/v3/kv/range", {"key": "AA=="}).get("header"))

    def start_relay(self):
        pathlib.Path(self.relay_socket).unlink(missing_ok=True)
        self.relay = multiprocessing.Process(
            target=relay.run, args=(self.relay_socket, self.etcd_socket, self.faults), daemon=True)
        self.relay.start()
        wait_for("the relay", lambda: os.path.exists(self.relay_socket))

    def start_server(self):
        self.server.start()
        wait_for("the API server", self._is_ready)

    def _is_ready(self):
        if not self.server.is_running():
            raise AssertionError(f"kube-apiserver ended with {self.server.child.returncode}; see {self.server.log}")
        return self.probe("/readyz")[0] == 200

    def wait_ready(self):
        wait_for("the API server", lambda: self.probe("/readyz")[0] == 200)

    def freeze_etcd(self):
        self.etcd.signal(signal.SIGSTOP)

    def thaw_etcd(self):
        self.etcd.signal(signal.SIGCONT)

    def client(self, timeout=60):
        return Client(self.port, TOKEN, timeout)

    def probe(self, path):
        """Status and text of one GET over a new connection."""
        with self.client() as client:
            return client.text("GET", path)

    def etcd_call(self, path, body):
        """One call of etcd's gateway past the relay; the answer's object, whatever its status."""
        connection = UnixConnection(self.etcd_socket)
        try:
            connection.request("POST", path, json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def revision(self):
        return int(self.etcd_call("/v3/kv/range", {"key": "AA=="})["header"]["revision"])

    def compact(self, revision):
        return self.etcd_call("/v3/kv/compaction", {"revision": str(revision), "physical": True})
