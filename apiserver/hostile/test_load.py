"""Many of them: idle connections, more than there are descriptors for, watches that nobody reads."""

import json
import socket
import subprocess
import time

from harness import ADMIN, Failure, Server, check, hear, wait_for

ASK = f"GET /livez HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ADMIN}\r\n\r\n".encode()


def read_until(sock, end):
    data = b""
    while end not in data:
        part = sock.recv(4096)
        check(part, f"closed after {data[-200:]}")
        data += part
    return data


def test_idle_connections(server, counts):
    """Each has asked once and stays. The server keeps serving, and an idle connection costs little."""
    before = server.rss_mb()
    socks = []
    try:
        for _ in range(counts.idle):
            sock = server.dial()
            sock.sendall(ASK)
            read_until(sock, b"\r\n\r\nok")
            socks.append(sock)
        grown = server.rss_mb() - before
        cpu, began = server.cpu_s(), time.monotonic()
        time.sleep(2)
        share = (server.cpu_s() - cpu) / (time.monotonic() - began)
        for sock in socks[:: len(socks) // 50]:
            sock.sendall(ASK)
            read_until(sock, b"\r\n\r\nok")
        server.probe()
        each = grown * 1024 / counts.idle
        check(each < server.limit_mb(64), f"{each:.0f} KB for each idle connection")
        check(share < 0.5, f"{share:.0%} of a processor for idle connections")
        return f"{counts.idle} connections, {each:.1f} KB each, {share:.1%} of a processor"
    finally:
        for sock in socks:
            sock.close()


def test_more_clients_than_descriptors(server):
    """Too many are turned away before the server has no descriptor left for itself."""
    small = Server(server.process.args[0], nofile=128)
    try:
        crowd = Crowd(small, 200)
        check(small.descriptors() < 126, f"{small.descriptors()} of 128 descriptors are in use")
        share = crowd.wait_and_leave()
        small.stop()
        return f"{share:.1%} of a processor"
    except BaseException:
        small.stop(ok=False)
        raise


def test_out_of_descriptors(server):
    """When there are none after all, accepting waits instead of spinning, and goes on when some have left."""
    small = Server(server.process.args[0], nofile=512)
    try:
        limit = small.descriptors() + 20
        subprocess.run(["prlimit", f"--pid={small.process.pid}", f"--nofile={limit}:512"], check=True)
        share = Crowd(small, 60).wait_and_leave()
        check(share < 0.1, f"{share:.0%} of a processor while there are no descriptors")
        small.stop()
        return f"{share:.1%} of a processor"
    except BaseException:
        small.stop(ok=False)
        raise


class Crowd:
    """One client that was served before, and many that connect and say nothing."""

    def __init__(self, server, size):
        self.server = server
        self.first = server.dial()
        self.socks = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(size)]
        time.sleep(1)

    def wait_and_leave(self):
        """The first is still served, and new ones after the crowd has left. Returns the share of a processor meanwhile."""
        cpu, began = self.server.cpu_s(), time.monotonic()
        time.sleep(3)
        share = (self.server.cpu_s() - cpu) / (time.monotonic() - began)
        self.first.sendall(ASK)
        read_until(self.first, b"\r\n\r\nok")
        for sock in [*self.socks, self.first]:
            sock.close()
        wait_for("new clients to be served", lambda: answers(self.server))
        return share


def answers(server):
    try:
        return server.call("GET", "/livez", timeout=10)[0] == 200
    except OSError:
        return False


def test_watch_of_much(server):
    """What is there when a watch begins may be larger than what a watcher may lag behind."""
    path = "/api/v1/namespaces/much/configmaps"
    server.expect(201, "POST", "/api/v1/namespaces", {"metadata": {"name": "much"}})
    for n in range(25):
        server.expect(201, "POST", path, {"metadata": {"name": f"m{n}"}, "data": {"k": "x" * 900000}})
    connection = server.dial(rcvbuf=65536)
    connection.settimeout(60)
    connection.sendall(f"GET {path}?watch=1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ADMIN}\r\n\r\n".encode())
    counter = Counter(b'"ADDED"')
    while counter.seen < 25:
        part = connection.recv(1 << 20)
        check(part, f"cut off after {counter.seen} of 25 objects")
        counter.feed(part)
    connection.close()
    # Who does not read costs one object or two, not all 25 of them.
    before = server.rss_mb()
    deaf = [open_watch(server, 4096, path) for _ in range(100)]
    grown = server.rss_mb() - before
    for sock in deaf:
        sock.close()
    check(grown < server.limit_mb(400), f"100 watches that nobody reads took {grown:.0f} MB")
    for n in range(25):
        server.expect(200, "DELETE", f"{path}/m{n}")


class Counter:
    """How often a word came in a stream that arrives in pieces."""

    def __init__(self, word):
        self.word, self.tail, self.seen = word, b"", 0

    def feed(self, part):
        data = self.tail + part
        self.seen += data.count(self.word)
        self.tail = data[-(len(self.word) - 1) :]


def open_watch(server, rcvbuf, path):
    sock = server.dial(rcvbuf=rcvbuf)
    sock.sendall(f"GET {path}?watch=1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ADMIN}\r\n\r\n".encode())
    sock.recv(1)  # the head has come: the watch stands
    return sock


def test_watches_that_nobody_reads(server, counts):
    """Events of 5 KB each, for watchers that do not read: their queues are bounded, and who reads gets everything."""
    path = "/api/v1/namespaces/news/configmaps"
    server.expect(201, "POST", "/api/v1/namespaces", {"metadata": {"name": "news"}})
    server.expect(201, "POST", path, {"metadata": {"name": "news"}, "data": {"n": "start"}})
    before = server.rss_mb()
    deaf = [open_watch(server, 4096, path) for _ in range(counts.watches)]
    standing = server.rss_mb() - before
    reader = open_watch(server, None, path)
    reader.settimeout(60)
    writer = server.dial()
    counter, peak = Counter(b'"MODIFIED"'), 0
    padding = "x" * 5000
    for n in range(counts.updates):
        body = json.dumps({"data": {"n": str(n), "padding": padding}}).encode()
        head = f"PATCH {path}/news HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ADMIN}\r\nContent-Type: application/merge-patch+json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.sendall(head.encode() + body)
        answer = read_answer(writer)
        check(b" 200 " in answer[:20], answer[:200])
        while counter.seen <= n:
            part = reader.recv(65536)
            check(part, f"the reader was cut off after {counter.seen} events")
            counter.feed(part)
        if n % 100 == 0:
            peak = max(peak, server.rss_mb() - before)
    peak = max(peak, server.rss_mb() - before)
    for sock in deaf[:5]:
        hear(sock)  # what was on its way, and then the end: a watch that is not cut off would wait for more
    for sock in [*deaf, reader, writer]:
        sock.close()
    server.expect(200, "DELETE", f"{path}/news")
    check(peak < server.limit_mb(300 + counts.watches * 0.3), f"the server has grown by {peak:.0f} MB")
    return f"{counts.watches} watches, {counts.updates} updates of 5 KB: {standing:.0f} MB before, {peak:.0f} MB more at most"


def read_answer(sock):
    """One answer with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        if not part:
            raise Failure("closed")
        data += part
    head, body = data.split(b"\r\n\r\n", 1)
    size = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    while len(body) < size:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body
