"""64 writers and 16 watchers while the API server and etcd are killed, frozen and lied to; then the proof.

A round without compactions allows no 410 at all; a round with them allows 410 and checks what follows.
"""

import json
import multiprocessing
import pathlib
import random
import time

import checker
import objects
import relay
import truth
import watcher
import world
import writer

WRITERS, WRITER_PROCESSES = 64, 4
KILLS = ("kill server", "kill etcd", "kill both")
BREAKS = ("freeze", "delay", "cut", "garbage", "hang")


class Storm:
    def __init__(self, w, seed, pause_s):
        self.world, self.seed, self.pause_s = w, seed, pause_s
        self.rng = random.Random(seed)
        self.recorder = truth.Recorder(w.etcd_socket)
        self.folder = pathlib.Path(w.folder) / "logs"
        self.folder.mkdir()
        self.compactions = []
        self.report = checker.Report()

    # ---- what happens to the programs ----

    def kill_server(self):
        self.world.server.kill()
        self.world.start_server()

    def kill_etcd(self):
        self.world.etcd.kill()
        time.sleep(self.rng.random() * 0.5)
        self.world.start_etcd()

    def kill_both(self):
        self.world.etcd.kill()
        self.world.server.kill()
        self.world.start_etcd()
        self.world.start_server()

    def freeze(self):
        self.world.freeze_etcd()
        time.sleep(1 + self.rng.random() * 3)
        self.world.thaw_etcd()

    def fault(self, mode):
        self.world.faults.set(mode)
        time.sleep(0.5 + self.rng.random())
        self.world.faults.set(relay.PASS)

    def compact(self):
        """At the head, and past what our own history still needs."""
        self.recorder.wait(self.world.revision())
        revision = self.recorder.rv
        self.compactions.append(revision)
        self.world.compact(revision)

    def strike(self, what):
        self.report.counts[what] += 1
        if what == "compact":
            self.world.faults.set(relay.CUT)  # watches are behind when they come back
            self.compact()
            time.sleep(0.5)
            self.world.faults.set(relay.PASS)
            self.compact()
        elif what in relay.FAULT_NAMES:
            self.fault(relay.FAULT_NAMES.index(what))
        else:
            getattr(self, what.replace(" ", "_"))()
        self.check_alive()

    def check_alive(self):
        for program in (self.world.server, self.world.etcd):
            if not program.is_running():
                raise AssertionError(f"{program.name} ended by itself with {program.child.returncode}; see {program.log}")
        if self.recorder.problem:
            raise AssertionError(self.recorder.problem)

    # ---- the run ----

    def set_up(self):
        with self.world.client() as client:
            def post(path, body):
                status, answer = client.call("POST", path, body)
                assert status == 201, answer
            post("/api/v1/namespaces", {"metadata": {"name": objects.NAMESPACE}})
            post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", objects.WIDGET_DEFINITION)
            world.wait_for("the custom resource", lambda: client.call("GET", objects.KINDS[3].path)[0] == 200)
        self.recorder.start()

    def start_processes(self):
        context = multiprocessing.get_context("fork")
        self.stop_writing, self.stop_lists, self.stop_watching = (context.Event() for _ in range(3))
        self.complaints = context.Queue()
        share = WRITERS // WRITER_PROCESSES
        self.writers = [context.Process(target=writer.run, daemon=True, args=(
            range(i * share, (i + 1) * share), self.world.port, world.TOKEN, self.seed, self.folder, self.stop_writing,
            self.complaints, self.pause_s)) for i in range(WRITER_PROCESSES)]
        self.readers = context.Process(target=watcher.run, daemon=True, args=(
            self.world.port, world.TOKEN, self.folder, self.stop_lists, self.stop_watching, self.complaints))
        for p in [*self.writers, self.readers]:
            p.start()

    def insist(self, method, path, body, wanted, content_type="application/json"):
        """Until it is answered: connections that have died may have to be found out first."""
        def attempt():
            with self.world.client() as client:
                return client.call(method, path, body, content_type)[0] in wanted
        world.wait_for(f"{method} {path}", attempt)

    def end_writing(self):
        """Writers finish, then the object that every watcher waits for is written: in one half, then in the other."""
        self.stop_writing.set()
        for p in self.writers:
            p.join(world.PATIENCE_S)
        self.stop_lists.set()
        for kind in objects.KINDS:
            self.insist("POST", kind.path, objects.new_object(kind, objects.LAST, "last-1e"), (201, 409))
            self.insist("PATCH", f"{kind.path}/{objects.LAST}", objects.content(kind, "last-2o"), (200,), writer.MERGE)
        self.readers.join(world.PATIENCE_S)
        self.stop_watching.set()
        self.readers.join(world.PATIENCE_S)
        self.recorder.wait(self.world.revision())
        while not self.complaints.empty():
            self.report.fail(self.complaints.get())

    def run(self, kills, modes):
        self.set_up()
        self.start_processes()
        began = time.monotonic()
        others = [m for m in modes if m not in KILLS]
        self.rng.shuffle(others)
        for i in range(kills):
            time.sleep(0.2 + self.rng.random() * 0.8)
            self.strike(self.rng.choice([m for m in modes if m in KILLS]))
            if others:
                time.sleep(self.rng.random() * 0.5)
                self.strike(others[i % len(others)])
                self.world.wait_ready()
        time.sleep(1)
        self.end_writing()
        self.check_alive()
        self.report.counts["seconds"] = round(time.monotonic() - began)
        return self.check()

    # ---- the proof ----

    def read_logs(self, pattern):
        for path in sorted(self.folder.glob(pattern)):
            with open(path) as log:
                yield path.stem, [json.loads(line) for line in log]

    def check(self):
        history = truth.History(self.recorder.changes)
        writes = [r for _, records in self.read_logs("writer-*") for r in records]
        acked = sorted((r["end"], r["rv"]) for r in writes if r["result"] == "acked" and r["rv"] and r["op"] != "get")
        checker.check_history(self.report, history)
        checker.check_writers(self.report, writes, history)
        for name, records in self.read_logs("watcher-*"):
            kind, label = name.split("-")[1], name[-1] if name[-1] in "eo" else None
            checker.check_watcher(self.report, name, kind, label, records, history, self.compactions)
        for name, records in self.read_logs("lister-*"):
            checker.check_lister(self.report, name, name.split("-")[1], records, history, acked)
        return self.report


def run(kills, modes, seed, pause_s=0.05):
    with world.World() as w:
        storm = Storm(w, seed, pause_s)
        report = storm.run(kills, modes)
        if report.problems:
            print("\n".join(report.problems[:20]), flush=True)
            raise AssertionError(f"{len(report.problems)} problems")
        return report
