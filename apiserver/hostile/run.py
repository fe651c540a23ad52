#!/usr/bin/env python3
"""Hostile clients against a real kube-apiserver: what is bad is refused, memory stays bounded, others are served.

    apiserver/hostile/run.py [--full] [--list] BINARY [PATTERN...]      a pattern is part of FILE.FUNCTION

--full takes 10,000 idle connections and 2,000 watches instead of numbers that a CI machine does in seconds. After each test
the server must answer a probe; at the end it must leave in order, without a report of a sanitizer. Prints a line a test and
the figures measured. Exit status 1 when one failed.
"""

import argparse
import importlib
import pathlib
import resource
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import harness  # noqa: E402


class Counts:
    """How much of everything: `full`, or what CI does."""

    def __init__(self, full):
        self.idle = 10000 if full else 1000
        self.watches = 2000 if full else 100
        self.updates = 5000 if full else 4000
        self.slow = 500 if full else 50
        self.bodies = 500 if full else 60


def tests():
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for name, function in vars(module).items():
            if name.startswith("test_") and getattr(function, "__module__", "") == path.stem:
                yield f"{path.stem[5:]}.{name[5:]}", function


def run_one(name, function, server, counts):
    began = time.monotonic()
    try:
        arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
        figures = function(server, counts) if "counts" in arguments else function(server)
        server.probe()
    except Exception as problem:
        text = str(problem) if isinstance(problem, harness.Failure) else traceback.format_exc()
        print(f"FAIL  {name} ({time.monotonic() - began:.1f} s): {text}", flush=True)
        return False
    print(f"ok    {name} ({time.monotonic() - began:.1f} s, {server.rss_mb():.0f} MB){': ' + figures if figures else ''}", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("patterns", nargs="*")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    chosen = [(n, f) for n, f in tests() if not options.patterns or any(p in n for p in options.patterns)]
    if options.list:
        print("\n".join(name for name, _ in chosen))
        return 0
    server = harness.Server(options.binary.resolve())
    failed = 0
    try:
        for name, function in chosen:
            failed += not run_one(name, function, server, Counts(options.full))
            if server.process.poll() is not None:
                break
    finally:
        try:
            server.stop(ok=True)
        except harness.Failure as problem:
            failed += 1
            print(f"FAIL  the server: {problem}", flush=True)
    print(f"{len(chosen) - min(failed, len(chosen))} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
