"""A real kube-apiserver with the memory store, and what the hostile clients use: raw bytes, requests, probes, measures."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import time

ADMIN = "admintoken"  # system:masters
ALICE = "alicetoken"  # may read what is in the namespace dev
PATIENCE = 120  # seconds until what must happen has happened: generous, for slow machines
http.client._MAXHEADERS = 1000  # warnings are headers, up to a hundred


class Failure(AssertionError):
    """The server did what it must not do."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def wait_for(what, predicate, timeout=PATIENCE, every=0.05):
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {timeout} s for {what}")
        time.sleep(every)


def client_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


CONTEXT = client_context()


class Server:
    """One server process in a folder of its own. `nofile` limits its descriptors."""

    def __init__(self, binary, nofile=None):
        self.folder = tempfile.TemporaryDirectory(prefix="cube-hostile-")
        self.dir = pathlib.Path(self.folder.name)
        (self.dir / "tokens.csv").write_text(f'{ADMIN},admin,1,"system:masters"\n{ALICE},alice,2,"dev"\n')
        self.key = self.dir / "sa.key"
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        self.log = open(self.dir / "log", "wb")
        self.is_sanitized = b"__asan_init" in pathlib.Path(binary).read_bytes()
        flags = [
            "--etcd-servers=memory:", "--secure-port=0", "--bind-address=127.0.0.1", f"--cert-dir={self.dir}",
            f"--token-auth-file={self.dir}/tokens.csv", "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://issuer", f"--service-account-key-file={self.key}",
            f"--service-account-signing-key-file={self.key}", "--service-cluster-ip-range=10.96.0.0/16",
        ]  # fmt: skip
        limit = ["prlimit", f"--nofile={nofile}:{nofile}"] if nofile else []
        self.process = subprocess.Popen([*limit, binary, *flags], stdout=self.log, stderr=subprocess.STDOUT)
        try:
            self.port = wait_for("the server's port", self._find_port)
            wait_for("readiness", self._is_ready)
        except BaseException:
            self.stop(ok=False)
            raise

    def _find_port(self):
        check(self.process.poll() is None, f"the server ended: {self.read_log()[-2000:]}")
        pid = str(self.process.pid)
        inodes = set()
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                found = re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
            except OSError:
                continue
            if found:
                inodes.add(found.group(1))
        for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                return int(fields[1].split(":")[1], 16)
        return None

    def _is_ready(self):
        try:
            return self.call("GET", "/readyz", token=None)[0] == 200
        except OSError:
            return False

    def read_log(self):
        return (self.dir / "log").read_text(errors="replace")

    def stop(self, ok=True):
        """Ends the server; a sanitizer's report or a crash is a failure."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.log.close()
        text = self.read_log()
        self.folder.cleanup()
        if ok:
            report = re.search(r"(ERROR: \w*Sanitizer|runtime error:)[^\0]*", text)
            check(not report, report and report.group(0)[:4000])
            check(status == 0, f"the server ended with status {status}: {text[-2000:]}")

    # ---- measures ----

    def rss_mb(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise Failure("the server has ended: " + self.read_log()[-3000:])

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def limit_mb(self, mb):
        """A sanitizer keeps what is freed for a while."""
        return mb * 4 + 600 if self.is_sanitized else mb

    # ---- clients ----

    def dial(self, tls=True, timeout=PATIENCE, rcvbuf=None):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(timeout)
        sock.connect(("127.0.0.1", self.port))
        return CONTEXT.wrap_socket(sock) if tls else sock

    def raw(self, data, timeout=PATIENCE):
        """Sends bytes, returns all that comes back until the server closes."""
        sock = self.dial(timeout=timeout)
        try:
            try:
                sock.sendall(data)
            except OSError:
                pass  # refused before the end was sent: what was answered counts
            return hear(sock)
        finally:
            sock.close()

    def call(self, method, path, body=None, token=ADMIN, headers=None, timeout=60):
        """Status and text of one request over a connection of its own."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=CONTEXT, timeout=timeout)
        all_headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            all_headers["Content-Type"] = "application/json"
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        all_headers.update(headers or {})
        try:
            connection.request(method, path, body=body, headers=all_headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def expect(self, status, method, path, body=None, **more):
        got, text = self.call(method, path, body, **more)
        wanted = status if isinstance(status, (tuple, set, list)) else (status,)
        check(got in wanted, f"{method} {path[:200]}: {got}, not {status}: {text[:300]}")
        return text

    def probe(self):
        """Others are served."""
        self.expect(200, "GET", "/api/v1/namespaces/default")


def hear(sock):
    """All that the server sends until it closes."""
    parts = []
    try:
        while part := sock.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    except ssl.SSLError:
        pass
    return b"".join(parts)


def statuses(answer):
    """The status codes of the answers in a stream."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]
