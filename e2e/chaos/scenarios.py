"""One trouble with etcd each, in a quiet cluster: what the API server says meanwhile, and what it serves after."""

import json
import shutil
import subprocess
import threading
import time

import relay
import world
from client import Broken

MAPS = "/api/v1/namespaces/default/configmaps"


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def put(client, name, value, expect=(200, 201)):
    """Creates or replaces the ConfigMap; returns the answer."""
    body = {"metadata": {"name": name}, "data": {"value": value}}
    status, answer = client.call("POST", MAPS, body)
    if status == 409:
        status, answer = client.call("PUT", f"{MAPS}/{name}", body)
    check(status in expect, f"write of {name}: {status} {answer.get('message')}")
    return answer


def values(client, query=""):
    """(rv, {name: value}) of the ConfigMaps that the tests wrote."""
    status, answer = client.call("GET", f"{MAPS}?{query}")
    check(status == 200, f"list: {status} {answer}")
    return int(answer["metadata"]["resourceVersion"]), {
        o["metadata"]["name"]: o["data"]["value"] for o in answer["items"] if "value" in o.get("data", {})}


def eventually(what, predicate, timeout=world.PATIENCE_S):
    """Like world.wait_for, for checks of state."""
    def attempt():
        try:
            return predicate()
        except AssertionError as problem:
            raise ValueError(problem) from problem
    return world.wait_for(what, attempt, timeout)


class Watch(threading.Thread):
    """One watch of the ConfigMaps from rv on: its frames, until it ends."""

    def __init__(self, w, rv):
        super().__init__(daemon=True)
        self.frames, self.status = [], None
        self.client = w.client(timeout=world.PATIENCE_S)
        self.response = self.client.open("GET", f"{MAPS}?watch=true&resourceVersion={rv}")
        check(self.response.status == 200, f"watch: {self.response.status}")
        self.start()

    def run(self):
        try:
            while line := self.response.readline():
                self.frames.append(json.loads(line))
        except (OSError, ValueError):
            pass

    def end_code(self):
        """The code of the Status that ended the watch, or None."""
        self.join(world.PATIENCE_S)
        check(not self.is_alive(), "the watch did not end")
        return self.frames[-1]["object"].get("code") if self.frames and self.frames[-1]["type"] == "ERROR" else None

    def names(self):
        return [(f["type"], f["object"]["metadata"]["name"]) for f in self.frames if f["type"] != "ERROR"]


def check_status(status, answer, *codes):
    check(status in codes and answer.get("kind") == "Status" and answer.get("message") and answer.get("reason"),
          f"no clear Status: {status} {answer}")
    return answer["message"]


def frozen_etcd():
    """Requests wait or get a Status; readyz tells why, livez stays; nothing is lost."""
    with world.World() as w, w.client() as client:
        rv = int(put(client, "a", "1")["metadata"]["resourceVersion"])
        watch = Watch(w, rv)
        w.freeze_etcd()
        results = []

        def write(i):
            with w.client() as own:
                body = {"metadata": {"name": f"w{i}"}, "data": {"value": str(i)}}
                try:
                    results.append((i, own.call("POST", MAPS, body)))
                except Broken as problem:  # none may be left without an answer: check_status() complains
                    results.append((i, (0, {"message": str(problem)})))

        writers = [threading.Thread(target=write, args=(i,)) for i in range(8)]
        for t in writers:
            t.start()
        world.wait_for("readyz to fail", lambda: w.probe("/readyz")[0] == 500)
        check(w.probe("/livez")[0] == 200, "livez fails")
        status, text = w.probe("/readyz?verbose")
        check(status == 500 and "[-]etcd failed" in text, f"readyz: {status} {text}")
        status, text = w.probe("/readyz/etcd")
        check(status == 500 and "does not answer" in text, f"readyz/etcd: {status} {text}")
        check(values(client, "resourceVersion=0")[1].get("a") == "1", "the cache is not served")
        with w.client() as other:
            check_status(*other.call("GET", f"{MAPS}/a"), 500, 503, 504)
        w.thaw_etcd()
        for t in writers:
            t.join()
        world.wait_for("readyz", lambda: w.probe("/readyz")[0] == 200)
        for i, (status, answer) in results:
            if status != 201:
                check_status(status, answer, 500, 503, 504)
        _, now = values(client)
        acked = {f"w{i}" for i, (status, _) in results if status == 201}
        check(acked <= set(now), f"acknowledged {acked}, there {now}")
        put(client, "last", "1")
        eventually("the watch", lambda: ("ADDED", "last") in watch.names())
        check({n for _, n in watch.names()} == set(now) - {"a"} | {"last"}, f"watched {watch.names()}, there {now}")


def stopped_etcd():
    """Without etcd a write fails with a Status at once, reads of the cache go on, and the server recovers."""
    with world.World() as w, w.client() as client:
        put(client, "a", "1")
        w.etcd.kill()
        check_status(*client.call("POST", MAPS, {"metadata": {"name": "b"}}), 500, 503, 504)
        check_status(*client.call("GET", f"{MAPS}/a"), 500, 503, 504)
        check(values(client, "resourceVersion=0")[1] == {"a": "1"}, "the cache is not served")
        check(w.probe("/livez")[0] == 200 and w.probe("/readyz")[0] == 500, "health")
        w.start_etcd()
        w.wait_ready()
        put(client, "b", "2")
        check(values(client)[1] == {"a": "1", "b": "2"}, "state after the restart")


def compacted_under_us():
    """Open pages and watches are told 410 when their history is gone; a watch that is up to date never notices."""
    with world.World() as w, w.client() as client:
        for i in range(12):
            put(client, f"m{i:02}", "1")
        rv, _ = values(client)
        watch = Watch(w, rv)
        status, page = client.call("GET", f"{MAPS}?limit=5")
        put(client, "m00", "2")
        w.compact(w.revision())
        status, answer = client.call("GET", f"{MAPS}?limit=5&continue={page['metadata']['continue']}")
        check(status == 410 and answer["reason"] == "Expired", f"old page token: {status} {answer}")
        token, names = answer["metadata"]["continue"], {o["metadata"]["name"] for o in page["items"]}
        while token:
            status, page = client.call("GET", f"{MAPS}?limit=5&continue={token}")
            check(status == 200, f"token of the 410: {status} {page}")
            names |= {o["metadata"]["name"] for o in page["items"]}
            token = page["metadata"].get("continue")
        check({f"m{i:02}" for i in range(12)} <= names, f"pages held {names}")
        check_status(*client.call("GET", f"{MAPS}?resourceVersion={rv - 5}&resourceVersionMatch=Exact"), 410)
        put(client, "end", "1")
        eventually("the watch", lambda: watch.names() == [("MODIFIED", "m00"), ("ADDED", "end")])


def compacted_while_away():
    """A compaction at a deletion that the server has not seen yet: the deletion is noticed, watches end with 410."""
    with world.World() as w, w.client() as client:
        put(client, "a", "1")
        rv, _ = values(client)
        watch = Watch(w, rv)
        w.faults.set(relay.HANG)  # the server's watch is dead and does not know it
        key = {"key": "L3JlZ2lzdHJ5L2NvbmZpZ21hcHMvZGVmYXVsdC9h"}  # /registry/configmaps/default/a
        w.etcd_call("/v3/kv/deleterange", key)
        w.compact(w.revision())
        w.etcd.kill()
        w.start_etcd()
        eventually("the deletion", lambda: values(client)[1] == {})
        check(watch.end_code() == 410 or watch.names() == [("DELETED", "a")], f"the watch saw {watch.frames}")


def older_revision():
    """etcd put back to an older copy under a running server: the old state is served, never a mix, watches end."""
    with world.World() as w, w.client() as client:
        put(client, "kept", "old")
        w.etcd.kill()
        shutil.copytree(w.folder / "data", w.folder / "copy")
        w.start_etcd()
        w.wait_ready()
        put(client, "kept", "new")
        for i in range(30):
            put(client, f"lost{i}", "x")
        rv, before = values(client)
        check(len(before) == 31, f"before: {before}")
        watch = Watch(w, rv)
        seen, stop = [], threading.Event()

        def read():
            with w.client() as own:
                while not stop.is_set():
                    try:
                        seen.append(values(own, "resourceVersion=0" if len(seen) % 2 else "")[1])
                    except (AssertionError, Broken):
                        own.close()

        reader = threading.Thread(target=read)
        reader.start()
        w.etcd.kill()
        shutil.rmtree(w.folder / "data")
        (w.folder / "copy").rename(w.folder / "data")
        w.start_etcd()
        eventually("the old state", lambda: values(client)[1] == {"kept": "old"})
        check(watch.end_code() == 410, f"the watch ended with {watch.frames[-1:]}")
        stop.set()
        reader.join()
        check(all(s in (before, {"kept": "old"}) for s in seen), "a mix of two states was served")
        turn = seen.index({"kept": "old"}) if {"kept": "old"} in seen else len(seen)
        check(before not in seen[turn:], "the new state was served after the old one")
        check(Watch(w, rv).end_code() == 410, "a watch from the lost history was accepted")
        answer = put(client, "after", "1")
        now, state = values(client)
        check(state == {"kept": "old", "after": "1"} and int(answer["metadata"]["resourceVersion"]) <= now < rv,
              f"after the write: {now} {state}")


def diverged_history():
    """The copy has grown past the lost revisions before the server comes back to it: noticed all the same."""
    with world.World() as w, w.client() as client:
        put(client, "kept", "old")
        w.etcd.kill()
        shutil.copytree(w.folder / "data", w.folder / "copy")
        w.start_etcd()
        w.wait_ready()
        for i in range(5):
            put(client, f"lost{i}", "x")
        rv, _ = values(client)
        watch = Watch(w, rv)
        w.etcd.kill()
        w.relay.kill()  # nobody may look before the copy is ahead
        w.relay.join()
        shutil.rmtree(w.folder / "data")
        (w.folder / "copy").rename(w.folder / "data")
        w.start_etcd()
        while w.revision() < rv + 10:
            w.etcd_call("/v3/kv/put", {"key": "b3RoZXI=", "value": "eA=="})
        w.start_relay()
        eventually("the other history", lambda: values(client)[1] == {"kept": "old"})
        check(watch.end_code() == 410, f"the watch ended with {watch.frames[-1:]}")


def empty_etcd():
    """etcd comes back with nothing: the server serves nothing, and makes anew what a cluster needs."""
    with world.World() as w, w.client() as client:
        put(client, "a", "1")
        watch = Watch(w, values(client)[0])
        w.etcd.kill()
        shutil.rmtree(w.folder / "data")
        w.start_etcd()
        eventually("the empty state", lambda: values(client)[1] == {})
        check(watch.end_code() == 410, f"the watch ended with {watch.frames[-1:]}")
        for path in ("/api/v1/namespaces/default", "/api/v1/namespaces/default/services/kubernetes",
                     "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin"):
            eventually(path, lambda path=path: client.call("GET", path)[0] == 200)
        w.wait_ready()
        put(client, "b", "1")
        check(values(client)[1] == {"b": "1"}, "state after")


def history_after_restart():
    """A restarted server knows what was deleted before: exact lists and resumed watches of the past are right."""
    with world.World() as w, w.client() as client:
        put(client, "a", "1")
        rv, _ = values(client)
        put(client, "b", "1")
        middle, there = values(client)
        client.call("DELETE", f"{MAPS}/b")
        w.server.kill()
        w.start_server()
        client.close()
        watch = Watch(w, rv)
        eventually("the past", lambda: watch.names() == [("ADDED", "b"), ("DELETED", "b")])
        check(values(client, f"resourceVersion={middle}&resourceVersionMatch=Exact") == (middle, there), "the exact list")


def garbage():
    """Answers that cannot be read: a Status or the right answer, never a wrong one; no crash; all is well after."""
    with world.World() as w, w.client() as client:
        for i in range(10):
            put(client, f"m{i}", "0")
        w.faults.set(relay.GARBAGE)
        acked, end = {}, time.monotonic() + 4
        while time.monotonic() < end or not acked:
            name = f"m{len(acked) % 10}"
            value = str(time.monotonic())
            status, answer = client.call("PATCH", f"{MAPS}/{name}", {"data": {"value": value}}, "application/merge-patch+json")
            if status == 200:
                acked[name] = value
                status, answer = client.call("GET", f"{MAPS}/{name}")
                check(status != 200 or answer["data"]["value"] == value, f"read {answer} after {value}")
            if status != 200:
                check_status(status, answer, 409, 500, 503, 504)
                acked.pop(name, None)  # an unanswered write may have come after
        w.faults.set(relay.PASS)
        check(w.faults.done.value > 0 and w.server.is_running(), "the server ended")
        w.wait_ready()
        _, now = values(client)
        check(all(now[n] == v for n, v in acked.items()), f"acknowledged {acked}, there {now}")


def silent_connections():
    """Connections to etcd that die without a word: the server finds out and opens new ones."""
    with world.World() as w, w.client() as client:
        put(client, "a", "1")
        watch = Watch(w, values(client)[0])
        w.faults.set(relay.HANG)
        eventually("a write", lambda: put(client, "b", "2"))
        eventually("a read of it", lambda: values(client)[1].get("b") == "2")
        eventually("the watch", lambda: ("ADDED", "b") in watch.names())
        check(w.faults.done.value > 0, "no connection was silent")


def no_space():
    """etcd's space is used up: a write says so in its Status, reads go on; after the remedy writes go on."""
    with world.World(etcd_flags=("--quota-backend-bytes=8388608",)) as w, w.client() as client:
        status, answer = 201, None
        for i in range(60):
            status, answer = client.call("POST", MAPS, {"metadata": {"name": f"big{i}"}, "data": {"value": "x" * 500000}})
            if status != 201:
                break
        message = check_status(status, answer, 500, 507)
        check("no space" in message and "NOSPACE" in message, message)
        # etcd does the write with which it notices, and says no all the same
        check(len(values(client)[1]) in (i, i + 1), "reads while writes are refused")
        check(w.probe("/livez")[0] == 200, "livez")
        for j in range(i + 1):
            w.etcd_call("/v3/kv/deleterange", {"key": world.base64_of(f"/registry/configmaps/default/big{j}")})
        w.compact(w.revision())
        subprocess.run(["etcdctl", f"--endpoints=unix://{w.etcd_socket}", "defrag"], check=True, capture_output=True,
                       env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"}, timeout=world.PATIENCE_S)
        alarm = w.etcd_call("/v3/maintenance/alarm", {"action": "GET"})["alarms"][0]
        w.etcd_call("/v3/maintenance/alarm", {"action": "DEACTIVATE", "memberID": alarm["memberID"], "alarm": "NOSPACE"})
        eventually("a write", lambda: put(client, "after", "1"))
        check(values(client)[1] == {"after": "1"}, "state after")


def tests():
    for function in (frozen_etcd, stopped_etcd, compacted_under_us, compacted_while_away, older_revision, diverged_history,
                     empty_etcd, history_after_restart, garbage, silent_connections, no_space):
        yield function.__name__.replace("_", " "), function
