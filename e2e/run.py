#!/usr/bin/python3
"""Runs the e2e tests: every function test_* of every test_*.py, in the order of the files' names and of the functions.

    e2e/run.py [--keep] [--list] [PATTERN...]      a pattern is part of FILE.FUNCTION

Prints a line a test, with its time; on a failure the reason and where the logs were kept. The last line is
`N passed, N failed`, with `, N skipped` where any were. Exit status 1 when one failed.
"""

import argparse
import importlib
import os
import pathlib
import shutil
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import harness  # noqa: E402

LOGS = pathlib.Path(os.environ.get("CUBE_E2E_LOGS", "/tmp/cube-e2e-logs"))


def tests():
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for name, function in vars(module).items():
            if name.startswith("test_") and callable(function) and getattr(function, "__module__", "") == path.stem:
                yield f"{path.stem[5:]}.{name[5:]}", function


def keep_logs(name):
    target = LOGS / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    logs = pathlib.Path(harness.DATA_DIR) / "logs"
    if logs.exists():
        shutil.copytree(logs, target / "logs")
    for what in (["get", "all,events,nodes,persistentvolumeclaims", "-A", "-o", "wide"], ["describe", "pods", "-A"]):
        try:
            done = harness.ours(*what, ok=None, timeout=20)
            (target / f"{what[0]}.txt").write_text(done.stdout + done.stderr)
        except Exception as problem:  # the cluster may be gone: that is what the test found
            (target / f"{what[0]}.txt").write_text(str(problem))
    return target


def run_one(name, function):
    began = time.monotonic()
    try:
        function()
    except harness.Skip as reason:
        print(f"skip  {name}: {reason}", flush=True)
        return "skipped"
    except Exception as problem:
        text = str(problem) if isinstance(problem, harness.Failure) else traceback.format_exc()
        print(f"FAIL  {name} ({time.monotonic() - began:.1f} s): {text}\n      logs: {keep_logs(name)}", flush=True)
        return "failed"
    print(f"ok    {name} ({time.monotonic() - began:.1f} s)", flush=True)
    return "passed"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true", help="leave the cluster running at the end")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("patterns", nargs="*")
    options = parser.parse_args()
    chosen = [(n, f) for n, f in tests() if not options.patterns or any(p in n for p in options.patterns)]
    if options.list:
        print("\n".join(n for n, _ in chosen))
        return 0
    if os.geteuid() != 0:
        print("e2e tests need root", file=sys.stderr)
        return 1
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    harness.prepare()
    try:
        for name, function in chosen:
            counts[run_one(name, function)] += 1
    finally:
        harness.finish(options.keep)
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return 1 if counts["failed"] or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
