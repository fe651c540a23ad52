"""An idle cluster: nothing but leases is written, and its memory stays small."""

import base64
import json
import pathlib
import time

from harness import DATA_DIR, check, components, cube, cube_delete, cube_start, run

MEGABYTES = 60


def etcd_keys():
    """Key -> revision of the last change, asked of etcd itself."""
    socket = f"{DATA_DIR}/etcd/client.sock:1"
    done = run("curl", "-sS", "--unix-socket", socket, "http://localhost/v3/kv/range", "-d", '{"key":"AA==","range_end":"AA==","keys_only":true}')
    return {base64.b64decode(kv["key"]).decode(): kv["mod_revision"] for kv in json.loads(done.stdout).get("kvs", [])}


def ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def resident(pid):
    """Megabytes, pages of libraries that several processes share by parts (Pss): added up it is what the cluster takes."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.split("\nPss:")[1].split()[0]) / 1024


def test_idle_cluster():
    cube_delete()
    seconds = cube_start()
    # Observing for a while is the test here: 4 s for what starting needs to be given back, then a window without work.
    time.sleep(8)
    before, began = etcd_keys(), {name: ticks(pid) for name, pid in components().items()}
    time.sleep(25)
    after = etcd_keys()
    changed = [key for key in after if after[key] != before.get(key)]
    odd = [key for key in changed if not key.startswith(("/registry/leases/", "/registry/masterleases/"))]
    check(not odd, f"an idle cluster wrote {odd}")
    ours = {name: pid for name, pid in components().items() if name not in ("etcd", "containerd")}
    busy = {name: ticks(pid) - began[name] for name, pid in ours.items()}
    check(max(busy.values()) <= 25, f"hundredths of a second of CPU in 25 s: {busy}")
    memory = {name: round(resident(pid), 1) for name, pid in ours.items()}
    total = sum(memory.values())
    print(f"      start to Ready {seconds:.2f} s; resident {total:.1f} MB: {memory}; CPU ticks in 25 s: {busy}")
    check(total < MEGABYTES, f"{total:.1f} MB: {memory}")
    cube("status")
