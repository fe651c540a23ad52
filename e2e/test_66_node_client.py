"""npm's @kubernetes/client-node: clients/node/tests.mjs does against Cube what its documentation promises."""

import os
import pathlib
import re
import shutil
import subprocess

from harness import Skip, check, ensure_cluster, environment, load_image, namespace, ours, wait_ready
from test_65_python_client import POD

NS = "e2e-node"
HERE = pathlib.Path(__file__).resolve().parent / "clients" / "node"
INSTALLED = pathlib.Path(os.environ.get("CUBE_TOOLS", "/var/cache/cube/tools")) / "node-client"


def modules():
    """The folder that scripts/deps.sh filled from our lock file."""
    if not shutil.which("node"):
        raise Skip("no node on this machine: scripts/deps.sh --test installs it")
    lock = INSTALLED / "package-lock.json"
    if not lock.exists() or lock.read_bytes() != (HERE / "package-lock.json").read_bytes():
        raise Skip(f"{INSTALLED} does not hold what {HERE}/package-lock.json names: scripts/deps.sh --test fetches it with npm")
    return INSTALLED / "node_modules"


def test_client_node():
    folder = modules()
    ensure_cluster()
    load_image("nginx", "busybox")
    namespace(NS)
    ours.apply(POD, ns=NS)
    wait_ready("app=web", 1, NS)
    done = subprocess.run(["node", HERE / "tests.mjs", folder, NS], capture_output=True, text=True, timeout=600, env=environment())
    check(done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:])
    names = re.findall(r"^  async '?([^'(]+)'?\(", (HERE / "tests.mjs").read_text(), re.M)
    check(names and [f"ok {name}" for name in names] == done.stdout.splitlines(), f"not every test of {names} ran: {done.stdout}")
    ours("delete", "namespace", NS, timeout=120)
