#!/usr/bin/env python3
"""A store filled by upstream v1.20, served by Cube, and what Cube leaves there, read without Cube's code.

Usage: storage_compat_test.py KUBE_APISERVER VECTORS_FOLDER
"""
import json
import sys
import time

import upstream
import written
from server import Cluster, b64
from wire import decode, dig, envelope, msg, open_envelope

PODS = "/api/v1/namespaces/default/pods"
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
OLD = "/apis/old.example"
FLOW_CONTROL = "/apis/flowcontrol.apiserver.k8s.io/"  # the server writes the status of these itself, at any time


def holds(got, want, path=""):
    """Everything of `want` is in `got`; lists have the same length."""
    if isinstance(want, dict):
        assert isinstance(got, dict), "%s: %r" % (path, got)
        for k, v in want.items():
            assert k in got, "%s.%s is missing in %r" % (path, k, got)
            holds(got[k], v, path + "." + k)
    elif isinstance(want, list):
        assert isinstance(got, list) and len(got) == len(want), "%s: %r" % (path, got)
        for i, v in enumerate(want):
            holds(got[i], v, "%s[%d]" % (path, i))
    else:
        assert got == want, "%s: %r instead of %r" % (path, got, want)


# --- the store before Cube ---

def fill(c):
    for entry in upstream.BUILT_IN:
        c.put("/registry/" + entry[0], upstream.envelope_of(entry))
    c.put("/registry/configmaps/default/bare", envelope("v1", "ConfigMap", msg(
        (1, upstream.meta("bare", "default", managed=False)), (2, {"k": "v"}))))
    lease = int(c.etcd("lease/grant", {"TTL": "3600"})["ID"])
    c.put("/registry/events/default/ev", upstream.EVENT, lease)
    c.put("/registry/masterleases/192.0.2.77", envelope("v1", "Endpoints", msg(
        (1, msg((1, ""))), (2, msg((1, msg((1, "192.0.2.77"))))))), lease)
    for key, value in upstream.service_ranges().items():
        c.put(key, value)
    for plural, value in upstream.DEFINITIONS.items():
        c.put("/registry/apiextensions.k8s.io/customresourcedefinitions/%s.old.example" % plural, value)
    for key, value in upstream.CUSTOM.items():
        c.put(key, value)
    c.put("/registry/apiregistration.k8s.io/apiservices/v1.apps", upstream.LOCAL_API_SERVICE)


BROKEN = {  # name of a pod -> what is stored in its place
    "garbage": b"\x01\x02 no object",
    "empty": b"",
    "truncated": upstream.envelope_of(upstream.BUILT_IN[2])[:-40],
    "wrong-kind": envelope("v1", "ConfigMap", msg((1, upstream.meta("wrong-kind", "default")), (2, {"k": "v"}))),
    "wrong-json": b'{"kind":"Widget","apiVersion":"old.example/v1","metadata":{"name":"wrong-json"}}\n',
    "unknown-version": envelope("v7", "Pod", msg((1, upstream.meta("unknown-version", "default")))),
    "no-kind": b"k8s\0",
}


def fill_broken(c):
    for name, value in BROKEN.items():
        c.put("/registry/pods/default/" + name, value)
    c.put("/registry/old.example/widgets/default/broken", b'{"kind":"Widget","apiVersion":')
    c.put("/registry/old.example/widgets/default/other", envelope("v1", "Pod", msg((1, msg((1, "other"))))))
    c.put("/registry/apiextensions.k8s.io/customresourcedefinitions/broken.old.example", b'{"kind":"Other"}')
    c.put("/registry/masterleases/192.0.2.78", b"garbage")


# --- served by Cube ---

def test_every_object_is_served(c):
    for entry in upstream.BUILT_IN:
        key, _, kind, _, path, want = entry
        stored = c.get("/registry/" + key)
        got = c.expect(200, "GET", path)
        name = key.split("/")[-1]
        holds(got, dict(want, kind=kind), path)
        if name not in ("default", "fs", "pl"):  # the server itself has something to add to those
            holds(got["metadata"], {"name": name, "uid": "uid-" + name, "creationTimestamp": "2020-09-13T12:26:40Z",
                                    "resourceVersion": str(stored["revision"]), "labels": {"app": name}})
            assert got["metadata"]["managedFields"][0]["manager"] == "kubectl-create", got["metadata"]
        data = c.expect(200, "GET", path, accept="application/vnd.kubernetes.protobuf")
        api_version, proto_kind, message = open_envelope(data)
        assert (api_version, proto_kind) == (got["apiVersion"], kind), (api_version, proto_kind)
        assert dig(message, 1, 1) == name.encode(), path
        items = c.expect(200, "GET", path.rsplit("/", 1)[0])["items"]
        assert name in [i["metadata"]["name"] for i in items], path
    assert c.expect(200, "GET", CONFIGMAPS + "/bare")["data"] == {"k": "v"}
    assert c.expect(200, "GET", "/api/v1/namespaces/default/events/ev")["reason"] == "Started"
    holds(c.expect(200, "GET", "/apis/events.k8s.io/v1/namespaces/default/events/ev"), {"note": "text"})
    assert c.expect(200, "GET", "/apis/apps/v1/namespaces/default/deployments")["items"], "the local APIService is in the way"
    holds(c.expect(200, "GET", "/apis/apiregistration.k8s.io/v1/apiservices/v1.apps"), {"spec": {"group": "apps"}})


def test_other_versions_are_served(c):
    for version, path in [("batch/v1beta1", "cronjobs/cj"), ("policy/v1beta1", "poddisruptionbudgets/pdb"),
                          ("discovery.k8s.io/v1beta1", "endpointslices/web-x"),
                          ("autoscaling/v1", "horizontalpodautoscalers/hpa")]:
        got = c.expect(200, "GET", "/apis/%s/namespaces/default/%s" % (version, path))
        assert got["apiVersion"] == version, got
    # what acts on the object knows its version: the budget, stored as v1beta1, counts evictions
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web", "namespace": "default"}}
    budget = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/pdb"
    c.expect(201, "POST", PODS + "/web/eviction?dryRun=All", dict(eviction, deleteOptions={"dryRun": ["All"]}))
    assert c.expect(200, "GET", budget)["status"]["disruptionsAllowed"] == 1


# --- every kind: upstream's key, and objects recorded from upstream ---

# Where upstream's key is not /registry/PLURAL.
KEYS = {"nodes": "minions", "services": "services/specs", "endpoints": "services/endpoints",
        "replicationcontrollers": "controllers", "ingresses": "ingress",
        "customresourcedefinitions": "apiextensions.k8s.io/customresourcedefinitions",
        "apiservices": "apiregistration.k8s.io/apiservices"}


def stored_kinds(c):
    """(apiVersion, resource of the discovery document, folder of keys) of what is listed and created, betas left out."""
    versions = ["/api/v1"] + ["/apis/" + g["preferredVersion"]["groupVersion"] for g in c.expect(200, "GET", "/apis")["groups"]
                              if not g["name"].endswith(".example")]
    for path in versions:
        listing = c.expect(200, "GET", path)
        for r in listing["resources"]:
            if "/" not in r["name"] and {"create", "list"} <= set(r["verbs"]):
                yield listing["groupVersion"], path, r, "/registry/" + KEYS.get(r["name"], r["name"])


def test_keys_of_every_kind(c):
    kinds = list(stored_kinds(c))
    assert len(kinds) >= 50, len(kinds)
    for api_version, path, r, folder in kinds:
        ns = "default/" if r["namespaced"] else ""
        key = "%s/%severy.kind.example" % (folder, ns)
        url = "%s/%s%s/every.kind.example" % (path, "namespaces/default/" if ns else "", r["name"])
        c.put(key, envelope(api_version, r["kind"], msg((1, upstream.meta("every.kind.example", ns[:-1])))))
        holds(c.expect(200, "GET", url), {"kind": r["kind"], "metadata": {"uid": "uid-every.kind.example"}})
        c.call("DELETE", url)
        left = c.get(key)
        assert left is None or b"deletionGracePeriodSeconds" in left["value"] or left["value"].startswith(b"k8s"), url
        if left:
            assert c.expect(200, "GET", url)["metadata"]["deletionTimestamp"], url
            c.etcd("kv/deleterange", {"key": b64(key)})
            c.expect(404, "GET", url)


def as_served(tree):
    """What upstream too answers otherwise than it was recorded: a field for writing, and one that mirrors another."""
    if isinstance(tree, dict):
        tree = {k: as_served(v) for k, v in tree.items() if k != "stringData"}
        if "serviceAccountName" in tree and "serviceAccount" in tree:
            tree["serviceAccount"] = tree["serviceAccountName"]
    elif isinstance(tree, list):
        tree = [as_served(v) for v in tree]
    return tree


def test_recorded_objects(c):
    kinds = {(api_version, r["kind"]): (path, r, folder) for api_version, path, r, folder in stored_kinds(c)}
    seen = 0
    for want, value in upstream.vectors(sys.argv[2]):
        found = kinds.get((want["apiVersion"], want["kind"]))
        if not found:
            continue
        path, r, folder = found
        ns = want["metadata"]["namespace"] + "/" if r["namespaced"] else ""
        key = "%s/%s%s" % (folder, ns, want["metadata"]["name"])
        revision = c.put(key, value)
        url = "%s/%s%s/%s" % (path, "namespaces/" + ns if ns else "", r["name"], want["metadata"]["name"])
        want["metadata"]["resourceVersion"] = str(revision)
        holds(c.expect(200, "GET", url), as_served(want), url)
        c.etcd("kv/deleterange", {"key": b64(key)})
        seen += 1
    assert seen >= 25, seen


def test_writes(c):
    seen = c.watch(PODS + "?watch=true&timeoutSeconds=60&resourceVersion=%s" % c.expect(200, "GET", PODS)["metadata"][
        "resourceVersion"])
    for entry in upstream.BUILT_IN:
        key, path = entry[0], entry[4]
        before = c.get("/registry/" + key)
        got = c.expect(200, "PATCH", path, {"metadata": {"annotations": {"touched": "yes"}}})
        after = c.get("/registry/" + key)
        assert after["revision"] > before["revision"], path
        assert str(after["revision"]) == got["metadata"]["resourceVersion"] or path.startswith(FLOW_CONTROL), path
        _, kind, message = open_envelope(after["value"])
        assert kind == entry[2] and b"touched" in message, path
        if key.split("/")[-1] != "default":
            assert dig(message, 1, 5) == b"uid-" + key.split("/")[-1].encode(), path
        assert dig(message, 1, 6) in (None, b""), "a resourceVersion is stored: " + path
        got["metadata"]["labels"] = {"app": "renamed"}
        if path.startswith(FLOW_CONTROL):
            del got["metadata"]["resourceVersion"]
        holds(c.expect(200, "PUT", path, got)["metadata"], {"labels": {"app": "renamed"}, "annotations": {"touched": "yes"}})
    events = [next(seen), next(seen)]
    assert [e["type"] for e in events] == ["MODIFIED"] * 2, events
    assert events[1]["object"]["metadata"]["labels"] == {"app": "renamed"}, events
    seen.close()


def test_custom_resources(c):
    widgets = OLD + "/v1/namespaces/default/widgets"
    c.wait(lambda: c.call("GET", widgets)[0] == 200, "the type of widgets")
    items = {i["metadata"]["name"]: i for i in c.expect(200, "GET", widgets)["items"]}
    holds(items, {"w": {"apiVersion": "old.example/v1", "spec": {"size": 3, "color": "red"}},
                  "w2": {"apiVersion": "old.example/v1", "spec": {"size": 4, "color": "blue"}}})
    holds(c.expect(200, "GET", OLD + "/v2/namespaces/default/widgets/w2"), {"apiVersion": "old.example/v2"})
    table = c.expect(200, "GET", widgets, accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert [d["name"] for d in table["columnDefinitions"]] == ["Name", "Size"], table["columnDefinitions"]
    holds(c.expect(200, "PATCH", widgets + "/w/status", {"status": {"ready": True}}), {"status": {"ready": True}})
    c.expect(422, "PATCH", widgets + "/w", {"spec": {"size": "big"}})
    c.expect(201, "POST", widgets, {"apiVersion": "old.example/v1", "kind": "Widget", "metadata": {"name": "new"},
                                    "spec": {"size": 1, "unknown": 1}})
    value = c.get("/registry/old.example/widgets/default/new")["value"]
    assert value.endswith(b"}\n") and b"\n" not in value[:-1] and b": " not in value, value
    tree = json.loads(value)
    assert tree["spec"] == {"size": 1, "color": "red"} and "resourceVersion" not in tree["metadata"], tree
    # a definition from before structural schemas: nothing is pruned
    loose = OLD + "/v1/namespaces/default/looses/l"
    holds(c.expect(200, "GET", loose), {"anything": {"goes": [1, "two"]}})
    holds(c.expect(200, "PATCH", loose, {"more": 1}), {"anything": {"goes": [1, "two"]}, "more": 1})
    assert json.loads(c.get("/registry/old.example/looses/default/l")["value"])["anything"] == {"goes": [1, "two"]}
    crd = c.expect(200, "GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.old.example")
    holds(crd, {"spec": {"versions": [{"name": "v1", "subresources": {"status": {}}}, {"name": "v2"}]}})
    assert "validation" not in crd["spec"] and crd["spec"]["versions"][1]["schema"]["openAPIV3Schema"], crd


def test_addresses_continue(c):
    def create(name, **spec):
        return c.call("POST", "/api/v1/namespaces/default/services", {"metadata": {"name": name},
                      "spec": dict({"ports": [{"port": 80}]}, **spec)})

    assert create("taken", clusterIP="10.96.0.20")[0] == 422
    status, _, got = create("free", clusterIP="10.96.0.21")
    assert status == 201, got
    _, kind, message = open_envelope(c.get("/registry/ranges/serviceips")["value"])
    bits = int.from_bytes(dig(message, 3), "big")
    assert kind == "RangeAllocation" and dig(message, 2) == b"10.96.0.0/24"
    assert bits >> 19 & 1 and bits >> 20 & 1 and bits & 1, bin(bits)
    leases = c.keys("/registry/masterleases/")
    assert "/registry/masterleases/192.0.2.1" in leases, leases
    ips = c.expect(200, "GET", "/api/v1/namespaces/default/endpoints/kubernetes")["subsets"][0]["addresses"]
    assert sorted(a["ip"] for a in ips) == ["192.0.2.1", "192.0.2.77"], ips


# --- what Cube writes ---

def check_written(c, name, entry):
    folder, path, api_version, body, fields = entry
    got = c.expect(201, "POST", path, dict(body, metadata={"name": name, "labels": {"l": "1"}}))
    key = "/registry/%s/%s%s" % (folder, "default/" if "/namespaces/" in path else "", name)
    stored = c.get(key)
    assert stored, key
    if path.startswith(FLOW_CONTROL):
        assert int(got["metadata"]["resourceVersion"]) <= stored["revision"], key
    else:
        assert got["metadata"]["resourceVersion"] == str(stored["revision"]), key
    written_version, kind, message = open_envelope(stored["value"])
    assert (written_version, kind) == (api_version, got["kind"]), "%s is stored as %s" % (key, written_version)
    meta = decode(dig(message, 1))
    assert meta[1] == [name.encode()] and meta[5] == [got["metadata"]["uid"].encode()], key
    assert meta.get(4, [b""]) == [b""] and meta.get(6, [b""]) == [b""], "selfLink or resourceVersion is stored: " + key
    assert 17 in meta or folder == "events", "managedFields are missing: " + key
    for numbers, value in fields:
        assert dig(message, *numbers) == value, "%s %s: %r" % (key, numbers, dig(message, *numbers))
    assert bool(stored["lease"]) == (folder == "events"), key
    if path.startswith(FLOW_CONTROL):
        return
    # and it is read again as it was answered, by the store and not only by the cache
    c.put(key, stored["value"], stored["lease"])
    again = c.expect(200, "GET", "%s/%s" % (path, name))
    again["metadata"]["resourceVersion"] = got["metadata"]["resourceVersion"]
    assert again == got, "%s\n%r\n%r" % (key, again, got)


def test_written_objects(c):
    for entry in written.OBJECTS:
        check_written(c, "written", entry)
    for entry in written.NEWER:
        check_written(c, "newer", entry)
    for name in c.keys("/registry/flowschemas/"):
        assert open_envelope(c.get(name)["value"])[0].endswith("/v1beta1"), name


def test_empty_selectors(c):
    """An empty selector means nothing in policy/v1beta1 and everything in v1."""
    path = "/apis/policy/%s/namespaces/default/poddisruptionbudgets"
    c.expect(201, "POST", path % "v1", {"metadata": {"name": "all"}, "spec": {"selector": {}}})
    c.expect(201, "POST", path % "v1beta1", {"metadata": {"name": "none"}, "spec": {"selector": {}}})
    for name, operator in (("all", b"DoesNotExist"), ("none", None)):
        version, _, message = open_envelope(c.get("/registry/poddisruptionbudgets/default/" + name)["value"])
        assert version == "policy/v1beta1" and dig(message, 2, 2) is not None
        assert dig(message, 2, 2, 2, 2) == operator, (name, dig(message, 2, 2, 2, 2))
    assert c.expect(200, "GET", path % "v1" + "/all")["spec"]["selector"] == {}
    assert c.expect(200, "GET", path % "v1beta1" + "/none")["spec"]["selector"] == {}
    holds(c.expect(200, "GET", path % "v1" + "/none"), {"spec": {"selector": {"matchExpressions": [{"operator": "Exists"}]}}})
    for name in ("all", "none"):
        c.expect(200, "DELETE", path % "v1" + "/" + name)


# --- what cannot be read ---

def test_broken_values(c):
    for name in BROKEN:
        got = c.expect(500, "GET", PODS + "/" + name)
        assert got["reason"] == "InternalError" and "/registry/pods/default/" + name in got["message"], got
        c.expect(500, "PATCH", PODS + "/" + name, {"metadata": {"labels": {"a": "b"}}})
        c.expect(500, "DELETE", PODS + "/" + name)
        c.expect(409, "POST", PODS, {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    status, headers, got = c.call("GET", PODS)
    assert status == 200 and [i["metadata"]["name"] for i in got["items"]] == ["web", "written"], got
    assert "/registry/pods/default/" in headers["Warning"] and str(len(BROKEN)) in headers["Warning"], headers
    assert c.call("GET", CONFIGMAPS)[1]["Warning"] is None
    for name in ("broken", "other"):
        c.expect(500, "GET", OLD + "/v1/namespaces/default/widgets/" + name)
    c.expect(500, "GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/broken.old.example")
    # at a revision of the past the store itself is asked
    rv = got["metadata"]["resourceVersion"]
    c.expect(200, "PATCH", PODS + "/web", {"metadata": {"labels": {"later": "1"}}})
    past = c.expect(200, "GET", PODS + "?resourceVersion=%s&resourceVersionMatch=Exact" % rv)
    assert [i["metadata"]["name"] for i in past["items"]] == ["web", "written"], past


def test_broken_while_serving(c):
    c.expect(201, "POST", CONFIGMAPS, {"metadata": {"name": "rots"}, "data": {"k": "v"}})
    key = "/registry/configmaps/default/rots"
    good = c.get(key)["value"]
    seen = c.watch(CONFIGMAPS + "?watch=true&timeoutSeconds=60&fieldSelector=metadata.name%3Drots")
    assert next(seen)["type"] == "ADDED"
    c.put(key, good[:-20])
    assert next(seen)["type"] == "DELETED"
    c.expect(500, "GET", CONFIGMAPS + "/rots")
    c.put(key, good)
    assert next(seen)["type"] == "ADDED"
    assert c.expect(200, "GET", CONFIGMAPS + "/rots")["data"] == {"k": "v"}
    seen.close()


def test_broken_values_can_be_removed(c):
    flag = "?ignoreStoreReadErrorWithClusterBreakingPotential=true"
    for i, name in enumerate(BROKEN):
        if i % 2:
            c.expect(200, "DELETE", PODS + "/" + name + flag)
        else:
            c.expect(200, "DELETE", PODS + "/" + name, {"kind": "DeleteOptions", "apiVersion": "v1",
                                                        "ignoreStoreReadErrorWithClusterBreakingPotential": True})
        c.expect(404, "GET", PODS + "/" + name)
        assert c.get("/registry/pods/default/" + name) is None
    for name in ("broken", "other"):
        c.expect(200, "DELETE", OLD + "/v1/namespaces/default/widgets/" + name + flag)
    c.expect(200, "DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/broken.old.example" + flag)
    assert c.call("GET", PODS)[1]["Warning"] is None
    # the flag changes nothing for what can be read: finalizers hold
    c.expect(201, "POST", CONFIGMAPS, {"metadata": {"name": "held", "finalizers": ["example.com/f"]}})
    c.expect(200, "DELETE", CONFIGMAPS + "/held" + flag)
    assert c.expect(200, "GET", CONFIGMAPS + "/held")["metadata"]["deletionTimestamp"]


def main():
    binary, vectors = sys.argv[1:]
    with Cluster(binary) as c:
        fill(c)
        fill_broken(c)
        c.start_api()
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                start = time.monotonic()
                test(c)
                print("%-40s %6.2f s" % (name, time.monotonic() - start))
        c.stop_api()


if __name__ == "__main__":
    main()
