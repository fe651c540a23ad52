#!/usr/bin/env python3
"""The checker must find what it is for: a sound log passes, each kind of damage is reported."""

import copy
import unittest

import checker
import objects
from truth import Change, History

KIND = "configmaps"
CHANGES = [
    Change(10, KIND, "a", "w1-1e", None, None),
    Change(12, KIND, "a", "w1-2o", None, None),
    Change(13, KIND, "b", "w2-1e", None, None),
    Change(15, KIND, "a", None, None, None),
    Change(18, KIND, "b", "w2-1e", "w2-2e", None),
]
WATCHER = [
    {"list": 10, "items": {"a": [10, "w1-1e", None]}},
    {"event": "MODIFIED", "rv": 12, "name": "a", "main": "w1-2o", "stat": None},
    {"bookmark": 12},
    {"event": "ADDED", "rv": 13, "name": "b", "main": "w2-1e", "stat": None},
    {"event": "DELETED", "rv": 15, "name": "a", "main": "w1-2o", "stat": None},
    {"event": "MODIFIED", "rv": 18, "name": "b", "main": "w2-1e", "stat": "w2-2e"},
]


def write(op, name, token, rv, base=None, result="acked", status=200, at=0.0):
    return {"at": at, "end": at + 1, "op": op, "kind": KIND, "name": name, "token": token, "base": base, "result": result,
            "status": status, "rv": rv}


WRITES = [
    write("create", "a", "w1-1e", 10),
    write("update", "a", "w1-2o", 12, "10"),
    write("create", "b", "w2-1e", 13),
    write("delete", "a", None, None, "12"),
    write("status", "b", "w2-2e", 18),
    write("get", "b", None, 18, at=5.0),
    write("update", "a", "w3-1e", None, "11", "refused", 409),
    write("create", "c", "w3-2e", None, None, "unknown", 0),
]


class Checks(unittest.TestCase):
    def watcher(self, records, label=None, compactions=(), changes=CHANGES):
        report = checker.Report()
        checker.check_watcher(report, "w", KIND, label, records, History(changes), compactions)
        return report.problems

    def writers(self, records, changes=CHANGES):
        report = checker.Report()
        checker.check_history(report, History(changes))
        checker.check_writers(report, records, History(changes))
        return report.problems

    def damaged(self, records, at, **change):
        out = copy.deepcopy(records)
        out[at].update(change)
        return out

    def test_a_sound_log_passes(self):
        self.assertEqual(self.watcher(WATCHER), [])
        self.assertEqual(self.writers(WRITES), [])

    def test_lost_doubled_and_swapped_events(self):
        self.assertTrue(self.watcher(WATCHER[:3] + WATCHER[4:]))
        self.assertTrue(self.watcher(WATCHER[:2] + WATCHER[1:]))
        self.assertTrue(self.watcher(WATCHER[:3] + [WATCHER[4], WATCHER[3], WATCHER[5]]))

    def test_a_bookmark_ahead_of_events(self):
        self.assertTrue(self.watcher(WATCHER[:1] + [{"bookmark": 13}] + WATCHER[5:]))

    def test_events_of_wrong_type_or_content(self):
        self.assertTrue(self.watcher(self.damaged(WATCHER, 3, event="MODIFIED")))
        self.assertTrue(self.watcher(self.damaged(WATCHER, 4, main="w1-1e")))
        self.assertTrue(self.watcher(self.damaged(WATCHER, 5, stat=None)))

    def test_a_list_that_never_was(self):
        self.assertTrue(self.watcher(self.damaged(WATCHER, 0, items={})))
        report = checker.Report()
        lists = [{"at": 0, "end": 1, "rv": 13, "is_consistent": True, "items": {"b": [13, "w2-1e", None]}}]
        checker.check_lister(report, "l", KIND, lists, History(CHANGES), [])
        self.assertTrue(report.problems)

    def test_consistent_lists_that_go_back_or_lag(self):
        good = {"at": 5, "end": 6, "rv": 10, "is_consistent": True, "items": {"a": [10, "w1-1e", None]}}
        for acked, lists in (([(1.0, 12)], [good]), ([], [{**good, "rv": 11}, good])):
            report = checker.Report()
            checker.check_lister(report, "l", KIND, lists, History(CHANGES), acked)
            self.assertTrue(report.problems)

    def test_410_needs_a_compaction(self):
        records = WATCHER[:2] + [{"expired": 12, "behind_s": 1}, {"list": 13, "items": {"a": [12, "w1-2o", None], "b": [13, "w2-1e", None]}}]
        self.assertTrue(self.watcher(records))
        self.assertEqual(self.watcher(records, compactions=[12]), [])
        self.assertEqual(self.watcher(self.damaged(records, 2, behind_s=100)), [])

    def test_selectors(self):
        records = [{"list": 9, "items": {}},
                   {"event": "ADDED", "rv": 10, "name": "a", "main": "w1-1e", "stat": None},
                   {"event": "DELETED", "rv": 12, "name": "a", "main": "w1-1e", "stat": None},
                   {"event": "ADDED", "rv": 13, "name": "b", "main": "w2-1e", "stat": None}]
        self.assertEqual(self.watcher(records, "e"), [])
        self.assertTrue(self.watcher(records[:2] + records[3:], "e"))

    def test_lost_and_misplaced_writes(self):
        self.assertTrue(self.writers(WRITES, CHANGES[:-1]))
        self.assertTrue(self.writers(self.damaged(WRITES, 1, rv=13)))
        self.assertTrue(self.writers(self.damaged(WRITES, 1, base="9")))

    def test_a_refused_write_that_was_done(self):
        self.assertTrue(self.writers(self.damaged(WRITES, 4, result="refused", status=409)))

    def test_a_write_that_was_done_twice(self):
        twice = CHANGES + [Change(19, KIND, "b", "w2-9e", None, None), Change(20, KIND, "b", "w2-1e", None, None)]
        self.assertTrue(self.writers(WRITES, twice))

    def test_deletions(self):
        self.assertTrue(self.writers(self.damaged(WRITES, 3, base="10")))
        self.assertTrue(self.writers(self.damaged(WRITES, 3, result="refused", status=409)))

    def test_a_write_that_completes_the_deletion_of_a_pod(self):
        pods = [c._replace(kind="pods") for c in CHANGES]
        records = [{**r, "kind": "pods"} for r in WRITES]
        late = {**write("update", "a", "w4-1e", 15), "kind": "pods"}
        self.assertEqual(self.writers(records + [late], pods), [])
        self.assertTrue(self.writers(records + [{**late, "rv": 14}], pods))
        self.assertTrue(self.writers(WRITES + [{**late, "kind": KIND}]))

    def test_a_stale_get(self):
        self.assertTrue(self.writers(self.damaged(WRITES, 5, rv=13)))

    def test_half_writes(self):
        text, total = objects.texts("w1-1e")
        self.assertEqual(objects.read(f"{text}{total}".encode()), ("w1-1e", None))
        for half in (text, total, text.replace("x", "y", 1) + total, "", text + objects.texts("w1-2e")[1]):
            with self.assertRaises(ValueError):
                objects.read(half.encode())


if __name__ == "__main__":
    unittest.main()
