#!/usr/bin/env python3
"""The API server under chaos: what was acknowledged is there, what is watched is whole, whatever happens to etcd.

    e2e/chaos/run.py [--kills N] [--seed N] [--jobs N] [--only NAME]

First the storms (storm.py; N kills in each), then one scenario after the other (scenarios.py), each in a process and a world
of its own. CUBE_BIN names the folder of kube-apiserver. Prints what was done and checked; the last line is
`N passed, N failed`.
"""

import argparse
import concurrent.futures
import os
import random
import subprocess
import sys
import time
import traceback

import scenarios
import storm


def all_tests(kills, seed):
    """Name and function of each; the long ones first."""
    tests = {
        "storm of kills and breaks": lambda: storm.run(kills, storm.KILLS + storm.BREAKS, seed + 1),
        "storm of kills": lambda: storm.run(kills, storm.KILLS, seed),
        "storm with compactions": lambda: storm.run(max(kills // 4, 2), (*storm.KILLS, "compact"), seed + 2),
    }
    return {**tests, **dict(scenarios.tests())}


def run_here(name, function):
    began = time.monotonic()
    try:
        report = function()
    except Exception as problem:
        text = problem if isinstance(problem, AssertionError) else traceback.format_exc()
        print(f"FAIL  {name} ({time.monotonic() - began:.1f} s): {text}", flush=True)
        return 1
    print(f"ok    {name} ({time.monotonic() - began:.1f} s)", flush=True)
    if report:
        print("      " + ", ".join(f"{what} {n}" for what, n in sorted(report.counts.items())), flush=True)
    return 0


def run_in_processes(names, options, seed):
    def run(name):
        done = subprocess.run(
            [sys.executable, os.path.abspath(__file__), "--here", "--only", name, "--seed", str(seed), "--kills", str(options.kills)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(done.stdout, end="", flush=True)
        return done.returncode

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        return list(pool.map(run, names))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5, help="of processes, in each storm")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--jobs", type=int, default=4, help="tests at a time")
    parser.add_argument("--only", default="", help="part of a test's name")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # the one test, in this process
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 30)
    tests = all_tests(options.kills, seed)
    if options.here:
        return run_here(options.only, tests[options.only])
    print(f"seed {seed}", flush=True)
    results = run_in_processes([name for name in tests if options.only in name], options, seed)
    failed = sum(1 for r in results if r)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
