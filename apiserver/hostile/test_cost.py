"""Bodies whose work or memory could grow with the square of their length: long lists of equal and of different items."""

import json

from harness import check

MB = 1 << 20
SIZE = MB  # of each body; a square of it is seen
GROWTH_MB = 300
NS = "/api/v1/namespaces/default"


def many(item, size=SIZE):
    """As many as fit; `item` gets a number."""
    return [item(i) for i in range(size // (len(json.dumps(item(100000), separators=(",", ":"))) + 1))]


def amounts(size=SIZE):
    return {f"k{i}": "1" for i in range(size // 13)}


def pod(**spec):
    return {"spec": spec}


def container(**more):
    return pod(containers=[{"name": "a", "image": "i", **more}])


def twice(what, path, make, item):
    """With items that differ, and with equal ones."""
    yield f"{what}, all different", path, make(many(item))
    yield f"{what}, all equal", path, make(many(lambda i: item(7)))


def bodies():
    pods = f"{NS}/pods"
    yield "limits of a container", pods, container(resources={"limits": amounts()})
    yield from twice("containers", pods, lambda items: pod(containers=items), lambda i: {"name": f"a{i}"})
    yield from twice("variables", pods, lambda items: container(env=items), lambda i: {"name": f"a{i}"})
    yield from twice("ports", pods, lambda items: container(ports=items), lambda i: {"containerPort": i % 65535 + 1})
    yield from twice("volumes", pods, lambda items: pod(containers=[], volumes=items), lambda i: {"name": f"a{i}"})
    yield from twice("tolerations", pods, lambda items: pod(containers=[], tolerations=items), lambda i: {"key": f"a{i}"})
    mounts = many(lambda i: {"name": f"a{i}", "mountPath": f"/{i}"}, SIZE // 2)
    volumes = many(lambda i: {"name": f"a{i}", "emptyDir": {}}, SIZE // 2)
    yield "mounts of as many volumes", pods, pod(containers=[{"name": "a", "image": "i", "volumeMounts": mounts}], volumes=volumes)
    spread = many(lambda i: {"topologyKey": f"a{i}", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"})
    yield "spread constraints", pods, pod(containers=[], topologySpreadConstraints=spread)
    yield from twice("owners", f"{NS}/configmaps", lambda items: {"metadata": {"name": "x", "ownerReferences": items}}, lambda i: {"uid": f"a{i}"})
    yield from twice("ports of a service", f"{NS}/services", lambda items: {"spec": {"ports": items}}, lambda i: {"port": i % 65535 + 1})
    yield "text of a secret", f"{NS}/secrets", {"stringData": amounts()}
    yield "amounts of a node", "/api/v1/nodes", {"status": {"capacity": amounts()}}
    yield "limits of a range", f"{NS}/limitranges", {"spec": {"limits": [{"type": "Container", "max": amounts()}]}}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    ask = {"nonResourceAttributes": {"path": "/", "verb": "get"}}
    yield "groups of a review", path, {"spec": {**ask, "groups": many(lambda i: f"a{i}")}}
    yield "extras of a review", path, {"spec": {**ask, "user": "u", "extra": {f"k{i}": ["v"] for i in range(SIZE // 16)}}}
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    yield from twice("usages", path, lambda items: {"spec": {"usages": items}}, lambda i: f"a{i}")


def test_long_lists(server):
    """Each ends, within the client's patience of minutes, and leaves the server as it was; the report names the dearest."""
    server.expect((201, 409), "POST", f"{NS}/serviceaccounts", {"metadata": {"name": "default"}})
    worst, which = 0, ""
    for what, path, body in bodies():
        body.setdefault("metadata", {"name": "x"})
        before, cpu = server.rss_mb(), server.cpu_s()
        status, text = server.call("POST", f"{path}?dryRun=All", json.dumps(body, separators=(",", ":")), timeout=300)
        cpu = server.cpu_s() - cpu
        check(status in (200, 201, 400, 403, 409, 413, 422), f"{what}: {status}: {text[:300]}")
        check(status < 300 or len(text) < 4 * MB, f"{what}: an answer of {len(text)} bytes")
        grown = server.rss_mb() - before
        check(grown < server.limit_mb(GROWTH_MB), f"{what}: the server has grown by {grown:.0f} MB")
        if cpu > worst:
            worst, which = cpu, what
    return f"at most {worst:.2f} s of a processor, for {which}"
