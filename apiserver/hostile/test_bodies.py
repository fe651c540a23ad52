"""Bodies that are small to send and large to hold, deep, long, or none of what they say."""

import gzip
import json
import time

from harness import ADMIN, check, statuses

MAPS = "/api/v1/namespaces/default/configmaps"
MB = 1 << 20


def config_map(name, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **more}


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def envelope(kind, version, raw):
    return b"k8s\0" + field(1, field(1, version.encode()) + field(2, kind.encode())) + field(2, raw)


def post(server, body, kind="application/json", path=MAPS):
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    return server.call("POST", path, body, headers={"Content-Type": kind})


def refused(server, what, body, wanted, kind="application/json", path=MAPS):
    before, began = server.rss_mb(), time.monotonic()
    status, text = post(server, body, kind, path)
    check(status in wanted, f"{what}: {status}, not {wanted}: {text[:300]}")
    check(len(text) < 64 * MB, f"{what}: the answer has {len(text)} bytes")
    grown = server.rss_mb() - before
    check(grown < server.limit_mb(300), f"{what}: the server has grown by {grown:.0f} MB in {time.monotonic() - began:.1f} s")


def test_nesting(server):
    deep = 200000
    for what, text in [
        ("arrays", '{"metadata":{"name":"x"},"data":' + "[" * deep + "]" * deep + "}"),
        ("objects", '{"metadata":{"name":"x"},"data":' + '{"a":' * deep + "1" + "}" * deep + "}"),
        ("an open end", "[" * (3 * MB - 10)),
        ("many small ones", "[" + "[[[]]]," * 400000 + "[]]"),
    ]:
        refused(server, what, text, {400})
    for what, text in [
        ("flow lists", "[" * deep + "]" * deep),
        ("block lists", "- " * deep),
        ("indentation", "".join(" " * i + "a:\n" for i in range(2000))),
        ("keys of keys", "? " * deep),
    ]:
        refused(server, f"YAML, {what}", text, {400}, "application/yaml")
    # JSONSchemaProps hold themselves in `not` (field 20): a definition with a schema of 100,000 levels.
    props = b""
    for _ in range(100000):
        props = field(20, props)
        if len(props) > 2 * MB:
            break
    version = field(1, b"v1") + field(4, field(1, props))
    crd = envelope("CustomResourceDefinition", "apiextensions.k8s.io/v1", field(2, field(7, version)))
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    refused(server, "protobuf", crd, {400, 413, 422}, "application/vnd.kubernetes.protobuf", path)


def test_yaml_aliases(server):
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for i in range(1, 12):
        laughs += f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 9) + "]\n"
    refused(server, "billion laughs", laughs + "metadata: {name: x}\n", {400, 413}, "application/yaml")
    refused(server, "an alias of itself", "a: &a [*a]\n", {400}, "application/yaml")
    merges = "a0: &a0 {k: v}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}], k{i}: v}}\n" for i in range(1, 400))
    refused(server, "merges", merges, {400, 413, 422}, "application/yaml")


def test_many_keys(server):
    keys = {f"k{i:06d}": "" for i in range(190000)}
    refused(server, "190,000 keys of data", config_map("keys", data=keys), {201, 413, 422})
    refused(server, "unknown keys", {**config_map("unknown"), **keys}, {201, 400, 413})
    path = f"{MAPS}?fieldValidation=Strict"
    refused(server, "unknown keys, strictly", {**config_map("strict"), **keys}, {400, 413}, path=path)
    twice = '{"metadata":{"name":"twice"},"data":{' + ",".join(['"k":""'] * 400000) + "}}"
    refused(server, "one key 400,000 times", twice, {201, 400, 413})
    refused(server, "the same, strictly", twice, {400, 413}, path=path)
    refused(server, "160,000 unknown fields in YAML", "".join(f"k{i:06d}: x\n" for i in range(160000)), {400, 413, 422}, "application/yaml")


def test_many_labels(server):
    labels = {f"l{i:06d}": "v" for i in range(100000)}
    body = config_map("labels")
    body["metadata"]["labels"] = labels
    refused(server, "100,000 labels", body, {201, 413, 422})
    body["metadata"] = {"name": "bad-labels", "labels": {f"-{i}": "?" for i in range(100000)}}
    refused(server, "100,000 bad labels", body, {422})
    body["metadata"] = {"name": "notes", "annotations": {f"a{i}": "x" * 20 for i in range(50000)}}
    refused(server, "1 MB of annotations", body, {422})
    body["metadata"] = {"name": "fins", "finalizers": [f"a.b/{i}" for i in range(100000)]}
    refused(server, "100,000 finalizers", body, {201, 413, 422})
    body["metadata"] = {"name": "n" * 2 * MB}
    refused(server, "a name of 2 MB", body, {422})
    terms = ",".join(f"a{i}=b" for i in range(4000))
    server.expect((200, 400), "GET", f"{MAPS}?labelSelector={terms}")
    server.expect((200, 400), "GET", f"{MAPS}?labelSelector=a+in+(" + ",".join(f"v{i}" for i in range(5000)) + ")")
    server.expect(400, "GET", f"{MAPS}?fieldSelector={terms}")


def test_body_sizes(server):
    head = '{"metadata":{"name":"big"},"data":{"k":"'
    for size, wanted in [(3 * MB - 100, {422, 413}), (3 * MB + 1, {413}), (12 * MB, {413})]:
        refused(server, f"{size} bytes", head + "x" * (size - len(head) - 3) + '"}}', wanted)
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    start = f"POST {MAPS} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ADMIN}\r\n".encode()
    got = statuses(server.raw(start + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 64 + b"0\r\n\r\n"))
    check(got in ([413], []), f"4 MB in chunks: {got}")
    got = statuses(server.raw(start + b"Expect: 100-continue\r\nContent-Length: 4000000\r\n\r\n"))
    check(got == [413], f"4 MB announced: {got}")


def test_odd_values(server):
    for what, text, wanted in [
        ("a number of a million digits", '{"metadata":{"name":"x","generation":' + "9" * MB + "}}", {400}),
        ("an exponent", '{"metadata":{"name":"x","generation":1e999999999}}', {400}),
        ("a lone surrogate", b'{"metadata":{"name":"x"},"data":{"k":"\\ud800"}}', {201, 400, 422}),
        ("bytes that are no UTF-8", b'{"metadata":{"name":"x\xff\xfe"}}', {400, 422}),
        ("a NUL", b'{"metadata":{"name":"x\\u0000y"}}', {400, 422}),
        ("raw NULs", b"\0" * 100000, {400}),
        ("no body", b"", {400}),
        ("two values", b"{}{}", {400}),
        ("only blanks", b" " * 2 * MB, {400}),
        ("a string", b'"' + b"x" * 2 * MB + b'"', {400}),
    ]:
        refused(server, what, text, wanted)
    for what, raw in [
        ("cut off", envelope("ConfigMap", "v1", b"\x0a\x05ab")),
        ("a length of 2^63", b"k8s\0\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
        ("groups", envelope("ConfigMap", "v1", b"\x0b" * 100000)),
        ("a magic and no more", b"k8s\0"),
        ("random", bytes(range(256)) * 4000),
    ]:
        refused(server, f"protobuf, {what}", raw, {400, 422}, "application/vnd.kubernetes.protobuf")


def test_zip_bomb(server):
    """Compressed bodies are not taken: so much less that they are unpacked."""
    bomb = gzip.compress(b" " * (200 * MB))
    headers = {"Content-Encoding": "gzip"}
    server.expect((400, 415), "POST", MAPS, bomb, headers=headers)


def test_patches(server):
    server.expect(201, "POST", MAPS, config_map("patched", data={"a": "b"}))
    path = f"{MAPS}/patched"

    def patch(what, kind, body, wanted):
        before = server.rss_mb()
        headers = {"Content-Type": f"application/{kind}"}
        status, text = server.call("PATCH", path, body if isinstance(body, str) else json.dumps(body), headers=headers)
        check(status in wanted, f"{what}: {status}, not {wanted}: {text[:300]}")
        check(server.rss_mb() - before < server.limit_mb(400), f"{what}: the server has grown")

    copies = [{"op": "add", "path": "/x", "value": [1] * 100}]
    copies += [{"op": "copy", "from": "/x", "path": "/x/-"} for _ in range(60)]
    patch("copies of copies", "json-patch+json", copies, {400, 413, 422})
    patch("10,001 operations", "json-patch+json", [{"op": "test", "path": "/kind", "value": "ConfigMap"}] * 10001, {413, 400, 422})
    patch("a deep pointer", "json-patch+json", [{"op": "add", "path": "/a" * 100000, "value": 1}], {400, 422})
    patch("a huge index", "json-patch+json", [{"op": "add", "path": "/metadata/finalizers/99999999999999999999", "value": "a"}], {400, 422})
    for kind in ("merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml?"):
        patch(f"depth, {kind}", kind.rstrip("?"), '{"a":' * 100000 + "1" + "}" * 100000, {400, 422})
    patch("3 MB of keys", "merge-patch+json", {"data": {f"k{i:06d}": "" for i in range(190000)}}, {200, 413, 422})
    patch("not a list", "json-patch+json", {"op": "add"}, {400})
    many = [{"name": f"c{i}"} for i in range(30000)]
    patch("a long list", "strategic-merge-patch+json", {"metadata": {"ownerReferences": [{"uid": c["name"]} for c in many]}}, {400, 413, 422})
