"""Clients that are slow, stall or vanish in the middle: each is let go after a bounded time, and nobody else waits for them."""

import socket
import ssl
import struct
import time

from harness import ADMIN, CONTEXT, check

HEAD = f"POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ADMIN}\r\n"
HELLO = bytes.fromhex("16030101000100 00fc0303".replace(" ", "")) + b"x" * 20  # a quarter of a ClientHello


def drip_head(sock, n):
    sock.send(b"GET /version HTTP/1.1\r\nX-Slow: "[n : n + 1] or b"a")


def drip_body(sock, n):
    sock.send((HEAD + "Content-Length: 1000000\r\n\r\n").encode() if n == 0 else b"x")


def drip_chunks(sock, n):
    sock.send((HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode() if n == 0 else b"1\r\nx\r\n")


def say_nothing(sock, n):
    pass


def half_a_head(sock, n):
    if n == 0:
        sock.send(b"GET /version HT")


# Who, over TLS or below it, what he does every half second, and how long he may do it, in seconds.
SLOW = [
    ("TLS: nothing at all", False, say_nothing, 60),
    ("TLS: a part of the first message", False, lambda sock, n: sock.send(HELLO) if n == 0 else None, 60),
    ("TLS: a byte at a time", False, lambda sock, n: sock.send(HELLO[n : n + 1] or b"x"), 60),
    ("a silent connection", True, say_nothing, 60),
    ("half a head", True, half_a_head, 60),
    ("a slow head", True, drip_head, 60),
    ("line breaks for ever", True, lambda sock, n: sock.send(b"\r\n"), 240),
    ("a slow body", True, drip_body, 120),
    ("slow chunks", True, drip_chunks, 120),
]


def is_closed(sock):
    """Whether the peer has closed; what it said before is read and dropped."""
    try:
        while sock.recv(65536):
            pass
        return True
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        return True


def test_slow_clients(server, counts):
    """Some of each kind at once. Each drips until it is cut off; the probe answers all the while."""
    each = counts.slow
    before = server.rss_mb()
    clients = []
    for what, tls, act, limit in SLOW:
        for _ in range(each):
            sock = server.dial(tls=tls)
            sock.setblocking(False)
            clients.append([what, sock, act, time.monotonic(), limit])
    peak, worst, taken, n = 0, 0, {}, 0
    while clients:
        left = []
        for client in clients:
            what, sock, act, began, limit = client
            closed = is_closed(sock)
            if not closed:
                try:
                    act(sock, n)
                except (ssl.SSLWantWriteError, BlockingIOError):
                    pass
                except OSError:
                    closed = True
            age = time.monotonic() - began
            if closed:
                taken[what] = max(taken.get(what, 0), age)
                sock.close()
                continue
            check(age < limit, f"{what}: still there after {age:.0f} s")
            left.append(client)
        clients = left
        asked = time.monotonic()
        server.probe()
        worst = max(worst, time.monotonic() - asked)
        peak = max(peak, server.rss_mb() - before)
        n += 1
        time.sleep(0.5)
    check(peak < server.limit_mb(200), f"the server has grown by {peak:.0f} MB")
    lasted = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in taken.items())
    return f"{each} of each: {lasted}; slowest probe {worst * 1000:.0f} ms, {peak:.0f} MB more"


def reset(sock):
    """Closes with a reset instead of an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def test_half_open_and_vanishing_clients(server):
    """Ends in the middle of everything: half-closed, reset, gone before the answer."""
    requests = [
        b"", b"G", b"GET /version HTTP/1.1\r\nHost: h\r\n", HEAD.encode() + b"Content-Length: 10\r\n\r\nabc",
        HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        f"GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ADMIN}\r\n\r\n".encode(),
        f"GET /openapi/v2 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ADMIN}\r\n\r\n".encode(),
    ]  # fmt: skip
    for _ in range(20):
        for data in requests:
            for end in (socket.socket.close, reset):
                sock = socket.create_connection(("127.0.0.1", server.port), timeout=30)
                sock = CONTEXT.wrap_socket(sock)
                if data:
                    sock.send(data)
                plain = socket.socket(fileno=sock.detach())
                end(plain)
    for data in requests[:5]:
        sock = server.dial()
        if data:
            sock.send(data)
        sock.shutdown(socket.SHUT_WR)  # the peer cannot send any more: what is begun will never be whole
        sock.settimeout(60)
        try:
            while sock.recv(4096):
                pass
        except (ssl.SSLError, ConnectionError):
            pass
        sock.close()
    server.probe()
