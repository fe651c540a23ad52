#!/usr/bin/env python3
"""Fails on a source file, or a function, that a Markdown file names between backquotes and that does not exist.

A name may be shortened from the left (`cycle.c`, `registry/store.c`) as long as some path ends with it. Passed over are
patterns (`*_test.c`), placeholders (`NAME.c`), absolute paths, and what the tutorials invent or the build makes. A function
(`name()`) exists when its name stands in some source.
"""

import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
NAMED = re.compile(r"`((?:\.\./)*[A-Za-z0-9_.-][A-Za-z0-9_./-]*\.(?:c|h|def|proto|py|sh))(?![A-Za-z0-9_*-])")
FUNCTION = re.compile(r"`([a-z][a-z0-9_]*)\(\)`")
PLACEHOLDER = re.compile(r"(?<![A-Za-z])[A-Z]{2,}")
INVENTED = {"proto/example_v1.proto", "lib/resources/widget.c", "foo.c", "foo.h", "foo_test.c"}
GENERATED = {"schema_index.c"}
SOURCES = (".c", ".h", ".py", ".sh", ".def", ".cmake")


def main():
    files = subprocess.run(["git", "ls-files"], cwd=TOP, check=True, text=True, capture_output=True).stdout.split("\n")
    ends = set()
    for path in files:
        parts = path.split("/")
        ends.update("/".join(parts[i:]) for i in range(len(parts)))
    words = set()
    for path in files:
        if path.endswith(SOURCES):
            words.update(re.findall(r"\w+", (TOP / path).read_text(errors="replace")))
    missing = 0
    for page in (path for path in files if path.endswith(".md")):
        for number, line in enumerate((TOP / page).read_text().split("\n"), 1):
            for name in NAMED.findall(line):
                name = name.lstrip("./")
                if name not in ends and name not in INVENTED | GENERATED and not PLACEHOLDER.search(name):
                    print(f"{page}:{number}: no file is called {name}; name the one that is meant, or drop it")
                    missing += 1
            for name in FUNCTION.findall(line):
                if name not in words and not PLACEHOLDER.search(name):
                    print(f"{page}:{number}: no source has {name}(); name the one that is meant, or drop it")
                    missing += 1
    return missing > 0


if __name__ == "__main__":
    sys.exit(main())
