#!/usr/bin/env python3
"""Makes the C of the API: protoc-c's structs and, from the options, the schema table of lib/api/schema.h.

usage: generate.py SOURCE_DIR OUTPUT_DIR STEM...
Reads SOURCE_DIR/proto/STEM.proto. Writes OUTPUT_DIR/proto/STEM.pb-c.{c,h}, STEM.schema.c and schema_index.c.
A file whose content stays the same is not touched, so that changing one .proto recompiles only what it reaches.
"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import schema_table
import wire


def main():
    source, output, stems = sys.argv[1], sys.argv[2], sys.argv[3:]
    protos = ["proto/%s.proto" % stem for stem in stems]
    with tempfile.TemporaryDirectory() as tmp:
        run(source, "protoc-c", "--c_out=" + tmp, *protos)
        for stem in stems:
            for end in ("c", "h"):
                name = "proto/%s.pb-c.%s" % (stem, end)
                with open(os.path.join(tmp, name), encoding="utf-8") as f:
                    write(output, name, f.read())
        descriptors = os.path.join(tmp, "all.bin")
        run(source, "protoc", "--include_imports", "--include_source_info", "--descriptor_set_out=" + descriptors, *protos)
        with open(descriptors, "rb") as f:
            files = wire.file_set(f.read())
    table = schema_table.Table(files)
    for stem in stems:
        if table.has(stem):
            write(output, "proto/%s.schema.c" % stem, table.file(stem))
    write(output, "proto/schema_index.c", table.index())


def run(source, tool, *args):
    done = subprocess.run([tool, "-I" + source, "-I/usr/include", *args], cwd=source, stderr=subprocess.PIPE, text=True)
    for line in done.stderr.splitlines():
        if "is unused" not in line:
            print(line, file=sys.stderr)
    if done.returncode:
        sys.exit(done.returncode)


def write(output, name, text):
    path = os.path.join(output, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            if f.read() == text:
                return
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


if __name__ == "__main__":
    main()
