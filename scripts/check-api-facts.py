#!/usr/bin/env python3
"""Compares the schema table of a build with facts of upstream's types: check-api-facts.py FACTS_DIR BUILD_DIR

FACTS_DIR holds a GROUP.VERSION.json for each version of the API: {"protoPackage", "messages": {NAME: {"markers": [...],
"fields": [{"number", "json", "go", "type", "label", "omitempty", "patchStrategy", "patchMergeKey", "listType", "listMapKeys",
"mapType", "default"}]}}}. Run by hand when a version is taken over; prints what differs, and which versions we lack.
"""
import glob
import json
import os
import re
import sys

ATTRIBUTE = r'\.%s = ("(?:[^"\\]|\\.)*"|[^,}]*)'
NAMES = ("json", "number", "flags", "list_type", "list_map_keys", "patch_merge_key", "default_value")


def read_table(build):
    """OpenAPI name of a message -> {field number: attributes of the generated C}."""
    table = {}
    for path in glob.glob(os.path.join(build, "proto", "*.schema.c")):
        text = open(path).read()
        keys = dict(re.findall(r"static const char \*const (\w+)\[\] = \{([^}]*)\}", text))
        fields = {}
        for name, body in re.findall(r"static const struct schema_field (\w+)__fields\[\] = \{\n(.*?)\n\};", text, re.S):
            fields[name] = {}
            for line in body.split("\n"):
                f = {n: m.group(1).strip() for n in NAMES for m in [re.search(ATTRIBUTE % n, line)] if m}
                if not f:
                    continue
                inline = re.search(r"list_map_keys = [^{,]*\{([^}]*)\}", line)
                f["keys"] = re.findall(r'"(\w+)"', inline.group(1) if inline else keys.get(f.get("list_map_keys"), ""))
                fields[name][int(f["number"])] = f
        for name, openapi in re.findall(r'const struct schema (\w+)__schema = \{\n\t\.name = "([^"]+)"', text):
            table[openapi] = fields.get(name, {})
    return table


def read_facts(folder):
    messages = {}
    for path in glob.glob(os.path.join(folder, "*.json")):
        doc = json.load(open(path))
        if not isinstance(doc, dict) or "protoPackage" not in doc:
            continue
        for name, message in doc["messages"].items():
            messages["%s.%s" % (doc["protoPackage"], name)] = (os.path.basename(path)[:-5], message)
    return messages


def is_atomic(fact, full, messages):
    found = messages.get(fact["type"]) or messages.get("%s.%s" % (full.rsplit(".", 1)[0], fact["type"]))
    markers = found[1].get("markers", []) if found else []
    return "atomic" in (fact.get("mapType"), fact.get("structType")) or any("Type=atomic" in m for m in markers)


def differences(fact, ours, full, messages):
    """Yields (what, upstream's, ours)."""
    flags, strategy = ours.get("flags", ""), (fact.get("patchStrategy") or "").split(",")
    default = fact.get("default")
    yield "json", fact["json"], ours["json"].strip('"')
    yield "omitempty", bool(fact.get("omitempty")), "OMITEMPTY" in flags
    yield "pointer", fact["go"].startswith("*"), "NULLABLE" in flags
    for name, flag in (("merge", "PATCH_MERGE"), ("retainKeys", "PATCH_RETAIN_KEYS"), ("replace", "PATCH_REPLACE")):
        yield name, name in strategy, flag in flags
    if "merge" in strategy:
        yield "merge key", fact.get("patchMergeKey") or "", ours.get("patch_merge_key", '""').strip('"')
    if fact["label"] == "repeated":
        kind = fact.get("listType") or "atomic"
        yield "list type", kind, ours.get("list_type", "SCHEMA_LIST_ATOMIC")[len("SCHEMA_LIST_"):].lower()
        if kind == "map":
            yield "keys", fact.get("listMapKeys"), ours["keys"]
    else:
        yield "atomic", is_atomic(fact, full, messages), "ATOMIC" in flags
    if default is not None and not default.startswith("ref("):
        yield "default", default, ours.get("default_value", '""')[1:-1].replace('\\"', '"')


def main(facts, build):
    table, messages = read_table(build), read_facts(facts)
    fields = bad = 0
    lacking = set()
    for full, (version, message) in sorted(messages.items()):
        ours = table.get(full.replace("k8s.io.", "io.k8s.", 1))
        if ours is None:
            lacking.add(version)
            continue
        for fact in message["fields"]:
            if "number" not in fact or "go" not in fact or fact.get("inline") or fact.get("json") in (None, "", "-"):
                continue
            fields += 1
            where = "%s.%s" % (full, fact["json"])
            if fact["number"] not in ours:
                found = [("field", "number %d" % fact["number"], "none")]
            else:
                found = [d for d in differences(fact, ours[fact["number"]], full, messages) if d[1] != d[2]]
            for what, theirs, mine in found:
                print("%s: %s: upstream %r, ours %r" % (where, what, theirs, mine))
            bad += len(found)
    print("%d fields compared, %d differences; versions with messages that we lack: %s" % (fields, bad, ", ".join(sorted(lacking))))
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2]))
