"""A writer: one thread that creates, updates, patches and deletes, and logs what it was told about each write.

Half of its objects are its own, half are shared with all others. A record is
  {"at", "end", "op", "kind", "name", "token", "base", "result": acked|refused|unknown, "status", "rv"}
with base the resourceVersion that the write insisted on, or None, and at and end in seconds of the monotonic clock.
"""

import json
import random
import threading
import time

import objects
from client import Broken, Client

OWN, SHARED = 2, 6  # objects of a kind
MERGE = "application/merge-patch+json"


class Writer(threading.Thread):
    def __init__(self, number, port, token, seed, path, stop, pause_s):
        super().__init__(daemon=True)
        self.number, self.stop, self.pause_s = number, stop, pause_s
        self.rng = random.Random(f"{seed}-{number}")
        self.client = Client(port, token)
        self.log = open(path, "w", buffering=1 << 16)
        self.known = {}  # (kind, name) -> object as last answered
        self.count = 0
        self.problem = None

    def run(self):
        try:
            while not self.stop.is_set():
                self.step()
                if self.pause_s:
                    time.sleep(self.rng.random() * self.pause_s * 2)
        except Exception as problem:  # a bug of the test, or an answer that is no JSON: reported by the main program
            self.problem = f"writer {self.number}: {problem!r}"
        finally:
            self.log.close()
            self.client.close()

    def new_token(self):
        self.count += 1
        return f"w{self.number}-{self.count}{self.rng.choice('eo')}"

    def step(self):
        kind = self.rng.choice(objects.KINDS)
        is_own = self.rng.random() < 0.5
        name = f"w{self.number}-{self.rng.randrange(OWN)}" if is_own else f"shared-{self.rng.randrange(SHARED)}"
        current = self.known.get((kind.name, name))
        if current is None:
            self.create(kind, name)
            return
        action = self.rng.choices(["update", "patch", "status", "delete", "get"], [4, 3, 2, 1, 1])[0]
        if action == "status" and not kind.has_status:
            action = "patch"
        getattr(self, action)(kind, name, current)

    def create(self, kind, name):
        token = self.new_token()
        self.write("create", kind, name, token, None, "POST", kind.path, objects.new_object(kind, name, token))

    def update(self, kind, name, current):
        token = self.new_token()
        body = objects.merge(current, objects.content(kind, token))
        self.write("update", kind, name, token, current["metadata"]["resourceVersion"], "PUT", f"{kind.path}/{name}", body)

    def patch(self, kind, name, current):
        token = self.new_token()
        body, base = objects.content(kind, token), None
        if self.rng.random() < 0.5:
            base = body["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
        self.write("patch", kind, name, token, base, "PATCH", f"{kind.path}/{name}", body, MERGE)

    def status(self, kind, name, current):
        token = self.new_token()
        body = objects.status_content(kind, token)
        self.write("status", kind, name, token, None, "PATCH", f"{kind.path}/{name}/status", body, MERGE)

    def delete(self, kind, name, current):
        base, body = None, {"gracePeriodSeconds": 0}
        if self.rng.random() < 0.5:
            base = current["metadata"]["resourceVersion"]
            body["preconditions"] = {"resourceVersion": base}
        self.write("delete", kind, name, None, base, "DELETE", f"{kind.path}/{name}", body)

    def get(self, kind, name, current):
        at = time.monotonic()
        try:
            status, obj = self.client.call("GET", f"{kind.path}/{name}")
        except Broken:
            return
        if status == 200:
            objects.read(json.dumps(obj).encode())
            self.record(at, "get", kind, name, None, None, "acked", status, obj["metadata"]["resourceVersion"])
            self.known[kind.name, name] = obj
        elif status == 404:
            self.record(at, "get", kind, name, None, None, "acked", status, None)
            self.known[kind.name, name] = None

    def write(self, op, kind, name, token, base, method, path, body, content_type="application/json"):
        at = time.monotonic()
        try:
            status, answer = self.client.call(method, path, body, content_type)
        except Broken:
            self.record(at, op, kind, name, token, base, "unknown", 0, None)
            self.known[kind.name, name] = None
            time.sleep(0.02)
            return
        if status in (200, 201, 202):
            rv = None if op == "delete" else answer["metadata"]["resourceVersion"]
            self.known[kind.name, name] = None if op == "delete" else answer
            self.record(at, op, kind, name, token, base, "acked", status, rv)
            return
        if answer.get("kind") != "Status" or not answer.get("message") or not answer.get("reason"):
            raise ValueError(f"{method} {path}: {status} without a Status: {answer}")
        result = "unknown" if status >= 500 or status == 429 else "refused"
        if result == "refused" and status not in (404, 409):
            raise ValueError(f"{method} {path}: {status} {answer['message']}")
        self.record(at, op, kind, name, token, base, result, status, None)
        if status == 409:  # who lost looks at what is there
            self.get(kind, name, None)
        else:
            self.known[kind.name, name] = None

    def record(self, at, op, kind, name, token, base, result, status, rv):
        self.log.write(json.dumps({
            "at": at, "end": time.monotonic(), "op": op, "kind": kind.name, "name": name, "token": token, "base": base,
            "result": result, "status": status, "rv": rv and int(rv)}) + "\n")


def run(numbers, port, token, seed, folder, stop, problems, pause_s):
    """A process of writers: threads of one interpreter would not keep 64 requests under way."""
    writers = [Writer(n, port, token, seed, f"{folder}/writer-{n}.jsonl", stop, pause_s) for n in numbers]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
        if w.problem:
            problems.put(w.problem)
