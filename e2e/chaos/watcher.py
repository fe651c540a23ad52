"""Readers: watchers that resume where they were, and listers of pages. Each logs what it saw, in the order it saw it.

A watcher's records:
  {"list": rv, "items": {name: [rv, main, status]}}      what it begins with
  {"event": type, "rv", "name", "main", "stat"}
  {"bookmark": rv}
  {"expired": rv, "behind_s": seconds}                   410 for a watch from rv, reached so long ago; a list follows
A lister's: {"at", "end", "rv", "items", "is_consistent"}.
"""

import http.client
import json
import threading
import time

import objects
from client import Broken, Client

WATCH_S = 3  # of one watch: streams end in good order too, two seconds after a bookmark


def read_item(obj):
    main, stat = objects.read(json.dumps(obj).encode())
    return [int(obj["metadata"]["resourceVersion"]), main, stat]


class Expired(Exception):
    """410: history has gone, or a page token with it."""


def list_pages(client, path, query, limit):
    """All pages of one list: (rv, items by name). Broken, or Expired."""
    items, token, rv = {}, "", None
    while True:
        page = f"&limit={limit}" + (f"&continue={token}" if token else "") if limit else ""
        status, answer = client.call("GET", f"{path}?{query}{page}")
        if status == 410:
            raise Expired
        if status != 200:
            raise Broken(f"{status} {answer.get('message')}")
        if rv is not None and answer["metadata"]["resourceVersion"] != rv:
            raise ValueError(f"the pages of one list are of {rv} and {answer['metadata']['resourceVersion']}")
        rv = answer["metadata"]["resourceVersion"]
        for obj in answer["items"]:
            if obj["metadata"]["name"] in items:
                raise ValueError(f"{obj['metadata']['name']} is on two pages")
            items[obj["metadata"]["name"]] = read_item(obj)
        token = answer["metadata"].get("continue", "")
        if not token:
            return int(rv), items


class Reader(threading.Thread):
    def __init__(self, name, port, token, path, stop):
        super().__init__(daemon=True, name=name)
        self.client = Client(port, token)
        self.stop = stop
        self.log = open(path, "w", buffering=1 << 16)
        self.problem = None

    def run(self):
        try:
            self.work()
        except Exception as problem:
            self.problem = f"{self.name}: {problem!r}"
        finally:
            self.log.close()
            self.client.close()

    def put(self, **record):
        self.log.write(json.dumps(record) + "\n")


class Watcher(Reader):
    """Begins with a list in pages, or with a streaming list; label: only objects of that half."""

    def __init__(self, name, port, token, path, stop, kind, label, is_streaming):
        super().__init__(name, port, token, path, stop)
        self.kind, self.is_streaming = kind, is_streaming
        self.selector = f"labelSelector=half%3D{label}" if label else "labelSelector="
        self.rv, self.moved = None, time.monotonic()
        self.has_seen_last = False

    def work(self):
        while not self.has_seen_last and not self.stop.is_set():
            try:
                if self.rv is None and not self.is_streaming:
                    self.rv, items = list_pages(self.client, self.kind.path, self.selector, 50)
                    self.put(list=self.rv, items=items)
                    self.moved = time.monotonic()
                    self.has_seen_last = objects.LAST in items
                self.watch()
            except Expired:
                self.rv = None
            except (Broken, OSError, http.client.HTTPException):
                self.client.close()
                time.sleep(0.05)
        if not self.has_seen_last:
            self.problem = f"{self.name}: did not see the end; is at {self.rv}"

    def watch(self):
        initial = None if self.rv else {}
        start = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan" if initial is not None else f"resourceVersion={self.rv}"
        response = self.client.open(
            "GET", f"{self.kind.path}?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_S}&{self.selector}&{start}")
        if response.status != 200:
            response.read()
            raise Broken(f"watch: {response.status}")
        while not self.has_seen_last and not self.stop.is_set():
            line = response.readline()
            if not line.endswith(b"\n"):
                self.client.close()
                return  # the end, or a cut in the middle of a frame
            initial = self.take(json.loads(line), initial)
        self.client.close()

    def take(self, frame, initial):
        """One frame. While the initial events come, they are collected; their bookmark makes them a list."""
        obj, what = frame["object"], frame["type"]
        if what == "ERROR":
            if obj.get("code") != 410:
                raise Broken(f"watch: {obj}")
            self.put(expired=self.rv, behind_s=time.monotonic() - self.moved)
            raise Expired
        rv = int(obj["metadata"]["resourceVersion"])
        self.moved = time.monotonic()
        if what == "BOOKMARK":
            if initial is not None:
                self.put(list=rv, items=initial)
                self.has_seen_last = objects.LAST in initial
            else:
                self.put(bookmark=rv)
            self.rv = rv
            return None
        name, item = obj["metadata"]["name"], read_item(obj)
        if initial is not None:
            initial[name] = item
            return initial
        self.put(event=what, rv=rv, name=name, main=item[1], stat=item[2])
        self.rv = rv
        self.has_seen_last = name == objects.LAST
        return None


class Lister(Reader):
    """Lists again and again: consistent in pages, and whatever the cache has."""

    def __init__(self, name, port, token, path, stop, kind):
        super().__init__(name, port, token, path, stop)
        self.kind = kind

    def work(self):
        turn = 0
        while not self.stop.is_set():
            turn += 1
            is_consistent = turn % 4 != 0
            at = time.monotonic()
            try:
                rv, items = list_pages(self.client, self.kind.path, "labelSelector=" if is_consistent else "resourceVersion=0",
                                       [7, 40, 0][turn % 3] if is_consistent else 0)
            except (Broken, Expired):
                self.client.close()
                time.sleep(0.05)
                continue
            self.put(at=at, end=time.monotonic(), rv=rv, items=items, is_consistent=is_consistent)
            time.sleep(0.1)


def run(port, token, folder, stop_lists, stop, problems):
    """A process with 16 watchers and a lister for each kind."""
    readers = []
    for kind in objects.KINDS:
        for i, (label, is_streaming) in enumerate([(None, False), (None, True), ("e", False), ("o", True)]):
            name = f"watcher-{kind.name}-{i}{'-' + label if label else ''}"
            readers.append(Watcher(name, port, token, f"{folder}/{name}.jsonl", stop, kind, label, is_streaming))
        name = f"lister-{kind.name}"
        readers.append(Lister(name, port, token, f"{folder}/{name}.jsonl", stop_lists, kind))
    for r in readers:
        r.start()
    for r in readers:
        r.join()
        if r.problem:
            problems.put(r.problem)
