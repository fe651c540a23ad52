"""Heads and framing: what could be read in two ways is refused, and nothing is smuggled past the first reading."""

import time

from harness import ADMIN, check, statuses

AUTH = f"Authorization: Bearer {ADMIN}\r\n"
MAPS = "/api/v1/namespaces/default/configmaps"
SMUGGLED = f'POST {MAPS} HTTP/1.1\r\nHost: h\r\n{AUTH}Content-Type: application/json\r\nContent-Length: 32\r\n\r\n{{"metadata":{{"name":"smuggled"}}}}'

# What is sent behind "POST /... HTTP/1.1\r\nHost: h\r\n" and what may come back; [] is a closed connection.
FRAMING = [
    ("two lengths", f"Content-Length: 0\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}", [400]),
    ("two lengths in one", f"Content-Length: 0, {len(SMUGGLED)}\r\n\r\n{SMUGGLED}", [400]),
    ("length and chunks", f"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}", [400]),
    ("chunks and length", f"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{SMUGGLED}", [400]),
    ("chunked twice", f"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}", [400]),
    ("chunked, chunked", f"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n{SMUGGLED}", [400, 501]),
    ("identity", f"Transfer-Encoding: identity\r\n\r\n{SMUGGLED}", [400, 501]),
    ("chunked with a tab", f"Transfer-Encoding:\tchunked\x0b\r\n\r\n0\r\n\r\n{SMUGGLED}", [400, 501]),
    ("xchunked", f"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{SMUGGLED}", [400, 501]),
    ("blank before the colon", f"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{SMUGGLED}", [400]),
    ("negative length", f"Content-Length: -1\r\n\r\n{SMUGGLED}", [400]),
    ("plus", f"Content-Length: +4\r\n\r\n{SMUGGLED}", [400]),
    ("hexadecimal length", f"Content-Length: 0x4\r\n\r\n{SMUGGLED}", [400]),
    ("length of 2^64", f"Content-Length: 18446744073709551616\r\n\r\n{SMUGGLED}", [400]),
    ("huge length", "Content-Length: 9223372036854775807\r\n\r\n", [413, 400]),
    ("chunk size overflows", "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n", [400]),
    ("chunk size is negative", "Transfer-Encoding: chunked\r\n\r\n-1\r\n", [400]),
    ("huge chunk", "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nx", [413, 400]),
    ("endless chunk extension", "Transfer-Encoding: chunked\r\n\r\n1;" + "x" * 200000, [400, 431]),
    ("endless trailer", "Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + "x" * 200000, [400, 431]),
    ("name with a blank", f"X A: b\r\n\r\n{SMUGGLED}", [400]),
    ("header without a colon", f"nothing\r\n\r\n{SMUGGLED}", [400]),
    ("name is empty", f": b\r\n\r\n{SMUGGLED}", [400]),
    ("NUL in a value", f"A: b\0c\r\n\r\n{SMUGGLED}", [400]),
    ("NUL in a name", f"A\0: b\r\n\r\n{SMUGGLED}", [400]),
    ("bare CR in a value", f"A: b\rc\r\n\r\n{SMUGGLED}", [400]),
    ("two hosts", "Host: other\r\n\r\n", [400]),
    ("header of 1 MB", "A: " + "x" * (1 << 20) + "\r\n\r\n", [431, 400]),
    ("1 MB of headers", "".join(f"X-{i}: {i}\r\n" for i in range(80000)) + "\r\n", [431, 400]),
    ("unknown expectation", "Expect: a miracle\r\nContent-Length: 1\r\n\r\nx", [417]),
]

HEADS = [
    ("HTTP/0.9", "GET /version\r\n\r\n", [400]),
    ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", [505, 400]),
    ("HTTP/3.0", "GET /version HTTP/3.0\r\nHost: h\r\n\r\n", [505, 400]),
    ("HTTP/1.10", "GET /version HTTP/1.10\r\nHost: h\r\n\r\n", [400, 505]),
    ("no version", "GET /version HTTP\r\nHost: h\r\n\r\n", [400]),
    ("no host", f"GET /version HTTP/1.1\r\n{AUTH}\r\n", [400]),
    ("host with a path", f"GET /version HTTP/1.1\r\nHost: a/b\r\n{AUTH}\r\n", [400]),
    ("TLS in TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", [400]),
    ("spaces in the target", "GET /version /x HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("NUL in the target", "GET /ver\0sion HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("target of 1 MB", "GET /" + "a" * (1 << 20) + " HTTP/1.1\r\nHost: h\r\n\r\n", [431, 414, 400]),
    ("query of 1 MB", "GET /version?" + "a&" * (1 << 19) + " HTTP/1.1\r\nHost: h\r\n\r\n", [431, 414, 400]),
    ("method of 1 MB", "A" * (1 << 20) + " / HTTP/1.1\r\nHost: h\r\n\r\n", [400, 431]),
    ("only line breaks, then nothing", "\r\n" * 1000 + "X\r\n\r\n", [400]),
    ("random bytes", bytes(range(256)).decode("latin-1") * 10, [400]),
]


def ask(server, text):
    return statuses(server.raw(text.encode("latin-1")))


def test_framing_that_reads_two_ways(server):
    for name, rest, wanted in FRAMING:
        got = ask(server, f"POST {MAPS} HTTP/1.1\r\nHost: h\r\n{AUTH}{rest}")
        check(len(got) <= 1 and (not got or got[0] in wanted), f"{name}: answered {got}, not {wanted}")
    server.expect(404, "GET", f"{MAPS}/smuggled")


def test_heads(server):
    for name, text, wanted in HEADS:
        got = ask(server, text)
        check(len(got) <= 1 and (not got or got[0] in wanted), f"{name}: answered {got}, not {wanted}")


def test_forms_that_are_allowed(server):
    """Unusual, but with one meaning only: served as upstream serves them."""
    close = "Connection: close\r\n\r\n"
    for name, text, wanted in [
        ("absolute form", f"GET http://h/version HTTP/1.1\r\nHost: h\r\n{AUTH}{close}", ([200], [404], [403])),
        ("authority form", f"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n{AUTH}{close}", ([404], [405], [400], [403])),
        ("asterisk", f"OPTIONS * HTTP/1.1\r\nHost: h\r\n{AUTH}{close}", ([404], [405], [400], [403], [200])),
        ("unknown method", f"BREW /version HTTP/1.1\r\nHost: h\r\n{AUTH}{close}", ([405],)),
        ("lower-case method", f"get /version HTTP/1.1\r\nHost: h\r\n{AUTH}{close}", ([405],)),
        ("HTTP/1.0", f"GET /version HTTP/1.0\r\n{AUTH}\r\n", ([200],)),
        ("bare line feeds", f"GET /version HTTP/1.1\nHost: h\n{AUTH}{close}", ([200],)),
        ("100-continue", f"POST {MAPS} HTTP/1.1\r\nHost: h\r\n{AUTH}Expect: 100-continue\r\nContent-Length: 2\r\n{close}{{}}", ([422], [100, 422])),
        ("trailer", f"POST {MAPS} HTTP/1.1\r\nHost: h\r\n{AUTH}Transfer-Encoding: chunked\r\n{close}2;x=y\r\n{{}}\r\n0\r\nHost: other\r\n\r\n", ([422],)),
        ("upgrade with a body", f"POST {MAPS} HTTP/1.1\r\nHost: h\r\n{AUTH}Connection: close, Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 2\r\n\r\n{{}}", ([422],)),
    ]:  # fmt: skip
        got = ask(server, text)
        check(got in list(wanted), f"{name}: answered {got}, not {wanted}")


def test_pipelined_requests(server):
    """Many at once: each is answered, in order; a bad one ends the connection."""
    one = f"GET /version HTTP/1.1\r\nHost: h\r\n{AUTH}\r\n".encode()
    last = f"GET /version HTTP/1.1\r\nHost: h\r\n{AUTH}Connection: close\r\n\r\n".encode()
    check(statuses(server.raw(one * 2000 + last)) == [200] * 2001, "2001 pipelined requests")
    check(statuses(server.raw(one * 10 + b"GET / HTTP/1.1\r\nA b: c\r\n\r\n" + one)) == [200] * 10 + [400], "a bad one among them")


def test_pipelined_requests_whose_answers_are_not_read(server):
    before = server.rss_mb()
    one = f"GET /openapi/v2 HTTP/1.1\r\nHost: h\r\n{AUTH}\r\n".encode()
    socks = []
    for _ in range(20):
        sock = server.dial(rcvbuf=4096)
        sock.settimeout(0.2)
        socks.append(sock)
        try:
            sock.sendall(one * 5000)
        except (TimeoutError, OSError):
            pass
    server.probe()
    time.sleep(0.5)
    grown = server.rss_mb() - before
    for sock in socks:
        sock.close()
    check(grown < server.limit_mb(200), f"the server has grown by {grown:.0f} MB")


PATHS = [
    "/api/v1/namespaces/dev%2F..%2Fkube-system/secrets/hidden",
    "/api/v1/namespaces/dev/../kube-system/secrets/hidden",
    "/api/v1/namespaces/dev/%2e%2e/kube-system/secrets/hidden",
    "/api/v1/namespaces/dev/secrets/..%2F..%2Fkube-system%2Fsecrets%2Fhidden",
    "/api/v1/namespaces/dev/secrets/%2e%2e/%2e%2e/kube-system/secrets/hidden",
    "/api/v1/namespaces/dev%00/secrets/hidden",
    "/api/v1/namespaces/kube-system%00dev/secrets/hidden",
    "/api/v1/namespaces//secrets/hidden",
    "/api/v1//namespaces/kube-system/secrets/hidden",
    "//api/v1/namespaces/kube-system/secrets/hidden",
    "/api//v1/namespaces/kube-system/secrets/hidden",
    "/healthz/../api/v1/namespaces/kube-system/secrets/hidden",
    "/openapi/v2/../../api/v1/namespaces/kube-system/secrets/hidden",
    "/api/v1/namespaces/dev/secrets/hidden/../../../kube-system/secrets/hidden",
    "/api/v1/namespaces/dev/pods/p/proxy/../../../../kube-system/secrets/hidden",
    "/api/v1/namespaces/dev;/kube-system/secrets/hidden",
    "/api/v1/namespaces/dev\\..\\kube-system/secrets/hidden",
    "/api/v1/namespaces/%6bube-system/secrets/hidden",
    "/api/v1/watch/namespaces/kube-system/secrets/hidden",
    "/api/v1/proxy/namespaces/kube-system/secrets/hidden",
    "/api/v1/namespaces/dev/secrets/hidden?namespace=kube-system",
    "/%61pi/v1/namespaces/kube-system/secrets/hidden",
    "/api/v1/namespaces/kube-system/secrets//hidden",
    "/api/v1/namespaces/kube-system/secrets/hidden//",
    "/api/v1/namespaces/dev/secrets/" + "a/" * 20000,
    "/api/v1/namespaces/dev/secrets/" + "%2e%2e%2f" * 5000 + "kube-system/secrets/hidden",
    "/api/v1/namespaces/dev/secrets/%",
    "/api/v1/namespaces/dev/secrets/%zz",
    "/api/v1/namespaces/dev/secrets/%c0%af",
    "/..",
    "/",
    "*",
    "",
]


def test_paths(server):
    """alice may read in dev; no spelling of a path gets her what is in kube-system."""
    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/dev"
    server.expect(201, "POST", "/api/v1/namespaces", {"metadata": {"name": "dev"}})
    server.expect(201, "POST", "/api/v1/namespaces/kube-system/secrets", {"metadata": {"name": "hidden"}, "stringData": {"k": "x"}})
    rules = [{"apiGroups": [""], "resources": ["*"], "verbs": ["get", "list", "watch"]}]
    server.expect(201, "POST", f"{rbac}/roles", {"metadata": {"name": "r"}, "rules": rules})
    subject = {"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}
    ref = {"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"}
    server.expect(201, "POST", f"{rbac}/rolebindings", {"metadata": {"name": "r"}, "roleRef": ref, "subjects": [subject]})
    for path in PATHS:
        answer = server.raw(f"GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer alicetoken\r\nConnection: close\r\n\r\n".encode())
        got = statuses(answer)
        check(len(got) == 1, f"{path[:100]}: answered {got}")
        check(b'"hidden"' not in answer or got[0] != 200, f"{path[:100]}: shown to alice")
        check(got[0] in (400, 403, 404, 431, 301) or path in ("/", "/.."), f"{path[:100]}: {got[0]}")
    # Slashes at the end mean nothing.
    server.expect(200, "GET", "/api/v1/namespaces/kube-system/secrets/hidden//")
    text = server.expect(200, "GET", "/api/v1/namespaces/dev/configmaps//", token="alicetoken")
    check(b'"ConfigMapList"' in text, text[:200])
