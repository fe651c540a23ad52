"""What many clients together make the server hold: bodies of strangers are not read, those of the known have a budget."""

import ssl
import time

from harness import ADMIN, check, statuses, wait_for

MAPS = "/api/v1/namespaces/default/configmaps"
MB = 1 << 20
SIZE = 3 * MB
BUDGET_MB = 64  # HTTP_PENDING_MAX of lib/http


def head(authorization, more=""):
    return f"POST {MAPS} HTTP/1.1\r\nHost: h\r\n{authorization}Content-Type: application/json\r\nContent-Length: {SIZE}\r\n{more}\r\n".encode()


KNOWN = f"Authorization: Bearer {ADMIN}\r\n"


def test_strangers_are_answered_from_the_head(server):
    """401 or 403 without a byte of the body having been asked for."""
    for what, authorization, wanted in [
        ("nobody", "", 403),  # anonymous, who may not
        ("a bad token", "Authorization: Bearer nonsense\r\n", 401),
        ("a bad name and password", "Authorization: Basic YTpi\r\n", 403),
        ("impersonation by nobody", "Impersonate-User: admin\r\n", 403),
    ]:
        answer = server.raw(head(authorization, "Expect: 100-continue\r\n"))
        check(statuses(answer) == [wanted], f"{what}: {statuses(answer)}, not [{wanted}]")
        check(b"Connection: close" in answer, f"{what}: the connection stays")
    answer = server.raw(head("").replace(f"Content-Length: {SIZE}".encode(), b"Transfer-Encoding: chunked") + b"5\r\nab")
    check(statuses(answer) == [403], f"in chunks: {statuses(answer)}")
    answer = server.raw(head("", "").replace(b"POST /api/v1/namespaces/default/configmaps", b"POST /%zz"))
    check(statuses(answer) == [400], f"a bad path: {statuses(answer)}")


def test_bodies_of_strangers(server, counts):
    """They send on, though nobody listens: nothing is kept."""
    before, peak = server.rss_mb(), 0
    part = b" " * (64 << 10)
    socks = [server.dial() for _ in range(counts.bodies)]
    for sock in socks:
        sock.settimeout(0.2)
        try:
            sock.sendall(head("Authorization: Bearer nonsense\r\n"))
            for _ in range(SIZE // len(part) - 1):
                sock.sendall(part)
        except OSError:
            pass
        peak = max(peak, server.rss_mb() - before)
    server.probe()
    for sock in socks:
        sock.close()
    check(peak < server.limit_mb(40), f"the server has grown by {peak:.0f} MB")
    return f"{counts.bodies} bodies: {peak:.0f} MB more at most"


def send_all_but_the_last(sock):
    sock.sendall(head(KNOWN))
    part = b" " * (64 << 10)
    for _ in range(SIZE // len(part) - 1):
        sock.sendall(part)


def is_refused(sock):
    """429 has come, or the connection is closed already."""
    sock.setblocking(False)
    try:
        data = sock.recv(65536)
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        return True
    check(not data or (statuses(data) == [429] and b"Retry-After: 1" in data), f"answered {data[:300]}")
    return True


def test_bodies_that_do_not_end(server, counts):
    """Each is nearly whole and waits. The oldest are sent away; others are served, with large bodies too."""
    before, peak = server.rss_mb(), 0
    whole = '{"metadata":{"name":"large"},"data":{"k":"' + "x" * 900000 + '"}}'
    socks = []
    try:
        for n in range(counts.bodies):
            sock = server.dial()
            socks.append(sock)
            send_all_but_the_last(sock)
            peak = max(peak, server.rss_mb() - before)
            if n % 10 == 9:
                server.expect(201, "POST", f"{MAPS}?dryRun=All", whole)
        fit = BUDGET_MB // (SIZE // MB) + 1
        left = socks[: counts.bodies - fit]

        def all_refused():
            left[:] = [sock for sock in left if not is_refused(sock)]
            return not left

        wait_for("the oldest to be refused", all_refused)
        server.probe()
    finally:
        for sock in socks:
            sock.close()
    check(peak < server.limit_mb(3 * BUDGET_MB), f"the server has grown by {peak:.0f} MB")
    return f"{counts.bodies} bodies of 3 MB, {counts.bodies - fit} or more refused: {peak:.0f} MB more at most"


def test_answers_nobody_reads(server, counts):
    """Small requests without a name, thousands in a row, and no answer is read."""
    before = server.rss_mb()
    many = b"GET /version HTTP/1.1\r\nHost: h\r\n\r\n" * 20000
    socks = []
    for _ in range(counts.bodies):
        sock = server.dial(rcvbuf=4096)
        sock.settimeout(0.1)
        socks.append(sock)
        try:
            sock.sendall(many)
        except (TimeoutError, OSError):
            pass
    server.probe()
    time.sleep(0.5)
    grown = server.rss_mb() - before
    for sock in socks:
        sock.close()
    each = grown * 1024 / counts.bodies
    check(each < server.limit_mb(600), f"{each:.0f} KB for each connection")
    return f"{counts.bodies} connections: {each:.0f} KB each"
