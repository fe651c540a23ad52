"""Proves what was logged against what happened. Pure: logs and history in, problems and counts out."""

import collections

# What a server keeps for those who come back, whether it was restarted (revisions) or not (seconds); a machine may be slow.
KEPT_REVISIONS, KEPT_S = 5000, 60


class Report:
    def __init__(self):
        self.problems = []
        self.counts = collections.Counter()

    def fail(self, text):
        self.problems.append(text)


def check_history(report, history):
    """No half write is in the store; no content appears twice."""
    for kind, changes in history.by_kind.items():
        seen = set()
        state = {}
        for c in changes:
            report.counts["revisions"] += 1
            if c.half:
                report.fail(f"{kind} {c.name} at {c.rv}: {c.half}")
            before = state.get(c.name)
            for field in ("main", "stat"):
                token = getattr(c, field)
                if token and token != (before and getattr(before, field)):
                    if token in seen:
                        report.fail(f"{kind} {c.name} at {c.rv}: the write {token} was done twice")
                    seen.add(token)
            state[c.name] = c if c.main is not None else None


def index_writes(history):
    """{(kind, name, token): (change, change before)} of the change that brought each token, and deletions by object.

    A deletion is (rv, revisions of the content it took): a pod is marked, a revision of its own, before it goes.
    """
    brought, deletions = {}, collections.defaultdict(list)
    for kind, changes in history.by_kind.items():
        state, same = {}, {}
        for c in changes:
            before = state.get(c.name)
            if c.main is None:
                deletions[kind, c.name].append((c.rv, same.pop(c.name, set())))
            elif before and (c.main, c.stat) == (before.main, before.stat):
                same[c.name].add(c.rv)
            else:
                same[c.name] = {c.rv}
            for field in ("main", "stat"):
                token = getattr(c, field)
                if token and token != (before and getattr(before, field)):
                    brought.setdefault((kind, c.name, token), (c, before))
            state[c.name] = c if c.main is not None else None
    return brought, deletions


def completes_deletion(record, deletions):
    """A pod is marked before it goes; a write to a marked pod, by whomever, completes the deletion."""
    return record["kind"] == "pods" and record["result"] == "acked" and any(
        record["rv"] == rv for rv, _ in deletions[record["kind"], record["name"]])


def check_write(report, record, brought):
    where = f"{record['op']} of {record['kind']} {record['name']} ({record['token']})"
    found = brought.get((record["kind"], record["name"], record["token"]))
    if record["result"] == "refused" and found:
        report.fail(f"{where} was refused with {record['status']} but is in the store at {found[0].rv}")
    if record["result"] != "acked":
        return
    if not found:
        report.fail(f"{where} was acknowledged at {record['rv']} and is not in the store")
        return
    change, before = found
    if change.rv != record["rv"]:
        report.fail(f"{where} was acknowledged at {record['rv']} but is in the store at {change.rv}")
    if record["op"] == "create" and before:
        report.fail(f"{where} was acknowledged, over what was there since {before.rv}")
    if record["base"] and (not before or before.rv != int(record["base"])):
        report.fail(f"{where} insisted on {record['base']} and was done on {before and before.rv}")


def check_deletions(report, records, deletions):
    """Those with a precondition name what they deleted; of the others the number must fit.

    Of pods several may have been told that they deleted one: one marks, another removes.
    """
    told = collections.defaultdict(collections.Counter)
    for r in records:
        if r["token"] and completes_deletion(r, deletions):
            told[r["kind"], r["name"]]["completed"] += 1
        if r["op"] != "delete":
            continue
        told[r["kind"], r["name"]][r["result"]] += 1
        done = deletions[r["kind"], r["name"]]
        if r["base"] and r["result"] == "acked" and not any(int(r["base"]) in took for _, took in done):
            report.fail(f"deletion of {r['kind']} {r['name']} at {r['base']} was acknowledged and was not done")
    for key in set(told) | set(deletions):
        done, t = len(deletions[key]), told[key]
        least = min(t["acked"], 1) if key[0] == "pods" else t["acked"]
        if not least <= done <= t["acked"] + t["unknown"] + t["completed"]:
            report.fail(f"{key}: {done} deletions in the store, {t['acked']} acknowledged, {t['unknown']} without an answer")


def check_reads(report, records, history):
    """A GET shows at least what had been acknowledged for the object before it was sent, and a state that was."""
    acked = collections.defaultdict(list)
    for r in records:
        if r["result"] == "acked" and r["rv"] and r["op"] != "get":
            acked[r["kind"], r["name"]].append((r["end"], r["rv"]))
    content = {(c.kind, c.name, c.rv) for changes in history.by_kind.values() for c in changes if c.main}
    for r in records:
        if r["op"] != "get" or r["status"] != 200:
            continue
        report.counts["gets"] += 1
        newest = max((rv for end, rv in acked[r["kind"], r["name"]] if end < r["at"]), default=0)
        if r["rv"] < newest:
            report.fail(f"GET of {r['kind']} {r['name']} shows {r['rv']} after {newest} had been acknowledged")
        if (r["kind"], r["name"], r["rv"]) not in content:
            report.fail(f"GET of {r['kind']} {r['name']} shows {r['rv']}, which never was")


def check_writers(report, records, history):
    brought, deletions = index_writes(history)
    for r in records:
        if r["op"] != "get":
            report.counts[r["result"]] += 1
        if r["token"] and not completes_deletion(r, deletions):
            check_write(report, r, brought)
    check_deletions(report, records, deletions)
    check_reads(report, records, history)


def items_of(state, label):
    return {name: [c.rv, c.main, c.stat] for name, c in state.items() if not label or c.main.endswith(label)}


def difference(seen, truth):
    names = sorted(n for n in set(seen) | set(truth) if seen.get(n) != truth.get(n))
    return ", ".join(f"{n}: seen {seen.get(n)}, is {truth.get(n)}" for n in names[:5])


def expected_events(changes, state, label):
    """What a watcher that begins with `state` must see: (type, rv, name, main, stat). Changes state."""
    for c in changes:
        before = state.get(c.name)
        was = before is not None and (not label or before.main.endswith(label))
        now = c.main is not None and (not label or c.main.endswith(label))
        if c.main is None:
            state.pop(c.name, None)
        else:
            state[c.name] = c
        if now:
            yield ("MODIFIED" if was else "ADDED", c.rv, c.name, c.main, c.stat)
        elif was:
            yield ("DELETED", c.rv, c.name, before.main, before.stat)


def check_watcher(report, name, kind, label, records, history, compactions):
    """The watcher's stretches, each from a list on: every event of the history, once, in order, and nothing else.

    compactions: revisions that were dropped. A 410 has no other excuse but a watcher that was away for too long.
    """
    rv, seen, state, expired = None, [], None, None

    def finish(upto):
        if rv is None:
            return
        expected = list(expected_events(history.between(kind, rv, upto), state, label))
        if expected != seen:
            at = next((i for i, (a, b) in enumerate(zip(expected, seen)) if a != b), min(len(expected), len(seen)))
            report.fail(f"{name}: event {at} behind the list at {rv} is {seen[at:at + 1]}, must be {expected[at:at + 1]} "
                        f"({len(seen)} seen, {len(expected)} happened up to {upto})")

    last = 0
    for r in records:
        if "event" in r:
            report.counts["events"] += 1
            if r["rv"] <= last:
                report.fail(f"{name}: event {r} behind {last}: doubled, or out of order")
            last = r["rv"]
            seen.append((r["event"], r["rv"], r["name"], r["main"], r["stat"]))
        elif "bookmark" in r:
            report.counts["bookmarks"] += 1
            if r["bookmark"] < last:
                report.fail(f"{name}: a bookmark at {r['bookmark']} behind {last}")
            last = r["bookmark"]
        elif "expired" in r:
            report.counts["expired"] += 1
            expired = r
            finish(last)
            rv = None
        else:
            if rv is not None:
                finish(last)
            if expired and not compactions and r["list"] - expired["expired"] < KEPT_REVISIONS and expired["behind_s"] < KEPT_S:
                report.fail(f"{name}: 410 at {expired['expired']}, followed by a list at {r['list']}, though nothing was compacted")
            expired = None
            if r["list"] < last:
                report.fail(f"{name}: a list at {r['list']} behind {last}")
            rv, last, seen = r["list"], r["list"], []
            state = history.state(kind, rv)
            truth = items_of(state, label)
            if r["items"] != truth:
                report.fail(f"{name}: the list at {rv} differs: {difference(r['items'], truth)}")
    finish(last)


def check_lister(report, name, kind, records, history, acked):
    """Each list is a state that was; consistent ones hold what had been acknowledged, and never go back.

    acked: (end, rv) of all acknowledged writes by time.
    """
    base, newest, newest_acked, i = None, 0, 0, 0
    for r in records:
        report.counts["lists"] += 1
        state = history.state(kind, r["rv"], base)
        base = (r["rv"], state)
        if r["items"] != items_of(state, None):
            report.fail(f"{name}: the list at {r['rv']} differs: {difference(r['items'], items_of(state, None))}")
        while i < len(acked) and acked[i][0] < r["at"]:
            newest_acked = max(newest_acked, acked[i][1])
            i += 1
        if r["is_consistent"]:
            if r["rv"] < newest:
                report.fail(f"{name}: a consistent list at {r['rv']} after one at {newest}")
            if r["rv"] < newest_acked:
                report.fail(f"{name}: a consistent list at {r['rv']} after {newest_acked} had been acknowledged")
            newest = r["rv"]
