"""The objects that are written: four kinds, each with self-checking content.

A write puts two texts into different fields of an object, `main=TOKEN;filler.` and `msum=HASH;`: an object whose hash is
not its text's is a half write. A status write does the same with `stat=` and `ssum=`. Tokens are never used twice, so a
token names one write. The texts can be found in JSON and in the protobuf that is stored alike.
"""

import collections
import hashlib
import re

NAMESPACE = "storm"
GROUP = "chaos.cube.test"
MAIN = re.compile(rb"main=([a-z0-9-]+);([x]*)\.")
MAIN_SUM = re.compile(rb"msum=([0-9a-f]{40});")
STATUS = re.compile(rb"stat=([a-z0-9-]+);([x]*)\.")
STATUS_SUM = re.compile(rb"ssum=([0-9a-f]{40});")
LAST = "zz-last"  # the object whose creation ends a watcher's work

Kind = collections.namedtuple("Kind", "name path prefix has_status")
KINDS = [
    Kind("configmaps", f"/api/v1/namespaces/{NAMESPACE}/configmaps", f"/registry/configmaps/{NAMESPACE}/", False),
    Kind("pods", f"/api/v1/namespaces/{NAMESPACE}/pods", f"/registry/pods/{NAMESPACE}/", True),
    Kind("services", f"/api/v1/namespaces/{NAMESPACE}/services", f"/registry/services/specs/{NAMESPACE}/", False),
    Kind("widgets", f"/apis/{GROUP}/v1/namespaces/{NAMESPACE}/widgets", f"/registry/{GROUP}/widgets/{NAMESPACE}/", True),
]

WIDGET_DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"widgets.{GROUP}"},
    "spec": {"group": GROUP, "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"}, "versions": [{
        "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]},
}


def texts(token, word="main"):
    text = f"{word}={token};{'x' * (len(token) * 37 % 300)}."
    return text, f"{word[0]}sum={hashlib.sha1(text.encode()).hexdigest()};"


def label_of(token):
    """The value of the label `half`: part of the token, so that whoever knows the token knows the label."""
    return token[-1]


def content(kind, token):
    """What a write of the main content changes, as a merge patch."""
    text, total = texts(token)
    patch = {"metadata": {"labels": {"half": label_of(token)}}}
    if kind.name == "configmaps":
        patch["data"] = {"text": text, "sum": total}
    elif kind.name == "widgets":
        patch["spec"] = {"text": text, "sum": total}
    else:
        patch["metadata"]["annotations"] = {"text": text, "sum": total}
    return patch


def status_content(kind, token):
    text, total = texts(token, "stat")
    if kind.name == "pods":
        return {"status": {"message": text, "reason": total}}
    return {"status": {"text": text, "sum": total}}


def merge(target, patch):
    """A JSON merge patch without deletions, into a copy."""
    out = dict(target)
    for key, value in patch.items():
        out[key] = merge(out.get(key) or {}, value) if isinstance(value, dict) else value
    return out


def new_object(kind, name, token):
    base = {
        "configmaps": {"apiVersion": "v1", "kind": "ConfigMap"},
        "pods": {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "c", "image": "none"}]}},
        "services": {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}},
        "widgets": {"apiVersion": f"{GROUP}/v1", "kind": "Widget"},
    }[kind.name]
    return merge({**base, "metadata": {"name": name}}, content(kind, token))


def read(raw):
    """(main token, status token or None) of an object's bytes; ValueError on a half write."""
    found = []
    for word, text, total in (("main", MAIN, MAIN_SUM), ("stat", STATUS, STATUS_SUM)):
        t, s = text.search(raw), total.search(raw)
        if not t and not s:
            found.append(None)
            continue
        if not t or not s or hashlib.sha1(t.group(0)).hexdigest() != s.group(1).decode():
            raise ValueError(f"half write: {word} text {t and t.group(0)!r}, hash {s and s.group(0)!r}")
        found.append(t.group(1).decode())
    if found[0] is None:
        raise ValueError("half write: no content")
    return found[0], found[1]
