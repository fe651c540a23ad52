"""What really happened: etcd's own history from revision 1, read past the API server and the relay."""

import base64
import bisect
import collections
import http.client
import json
import threading
import time

import objects
import world

# One change of one object. main is None for a deletion; half is the problem of a half write, or None.
Change = collections.namedtuple("Change", "rv kind name main stat half")


def change_of(event):
    """A Change of an etcd event, or None for keys that the test does not write."""
    kv = event["kv"]
    key = base64.b64decode(kv["key"]).decode()
    kind = next((k for k in objects.KINDS if key.startswith(k.prefix)), None)
    if not kind:
        return None
    rv, name = int(kv["mod_revision"]), key[len(kind.prefix):]
    if event.get("type") == "DELETE":
        return Change(rv, kind.name, name, None, None, None)
    try:
        main, stat = objects.read(base64.b64decode(kv.get("value", "")))
        return Change(rv, kind.name, name, main, stat, None)
    except ValueError as problem:
        return Change(rv, kind.name, name, "", None, str(problem))


class History:
    """Changes in order, and the state of a kind at any revision."""

    def __init__(self, changes):
        self.by_kind = collections.defaultdict(list)
        for c in changes:
            self.by_kind[c.kind].append(c)
        self.revisions = {kind: [c.rv for c in changes] for kind, changes in self.by_kind.items()}

    def between(self, kind, after, upto):
        """Changes with after < rv <= upto."""
        revisions = self.revisions.get(kind, [])
        return self.by_kind[kind][bisect.bisect_right(revisions, after):bisect.bisect_right(revisions, upto)]

    def state(self, kind, rv, base=None):
        """{name: Change} at rv; base: (rv, state) of an earlier moment to go on from."""
        after, state = (base[0], dict(base[1])) if base and base[0] <= rv else (0, {})
        for c in self.between(kind, after, rv):
            if c.main is None:
                state.pop(c.name, None)
            else:
                state[c.name] = c
        return state


class Recorder(threading.Thread):
    """Watches etcd; resumes behind the last revision whenever etcd goes away. Every revision must show up."""

    def __init__(self, socket_path):
        super().__init__(daemon=True)
        self.socket_path = socket_path
        self.changes = []
        self.rv = 0
        self.problem = None

    def run(self):
        while not self.problem:
            try:
                self.watch()
            except (OSError, http.client.HTTPException, ValueError):
                pass
            time.sleep(0.05)

    def watch(self):
        connection = world.UnixConnection(self.socket_path, timeout=600)
        connection.request("POST", "/v3/watch", json.dumps({"create_request": {
            "key": "AA==", "range_end": "AA==", "start_revision": str(self.rv + 1)}}))
        response = connection.getresponse()
        try:
            while line := response.readline():
                self.take(json.loads(line))
        finally:
            connection.close()

    def take(self, message):
        result = message.get("result", {})
        if result.get("canceled"):
            self.problem = f"etcd refuses its history from {self.rv + 1}: {result}"
            return
        changes, last = [], self.rv
        for event in result.get("events", []):
            rv = int(event["kv"]["mod_revision"])
            if rv > last + 1 and last > 0:
                self.problem = f"etcd's history jumps from {last} to {rv}"
            last = max(last, rv)
            change = change_of(event)
            if change:
                changes.append(change)
        self.changes += changes
        self.rv = last

    def wait(self, revision):
        world.wait_for(f"revision {revision} in etcd's history", lambda: self.problem or self.rv >= revision)
