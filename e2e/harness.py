"""What every e2e test uses: the cluster under test, kubectls, waiting with deadlines, a snapshot of the host.

Tests assert the state of the world and wait on conditions; they never sleep for a fixed time.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request

TOP = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("CUBE_BIN", TOP / "build" / "bin"))
DATA_DIR = "/var/lib/cube-e2e"
IMAGES = pathlib.Path(os.environ.get("CUBE_IMAGES", "/var/cache/cube/images"))
WORK = pathlib.Path("/tmp/cube-e2e")
KUBECONFIG = WORK / "kubeconfig"


class Failure(AssertionError):
    """The world is not as it should be."""


class Skip(Exception):
    """This machine lacks what the test needs; says what."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def environment(**more):
    """What programs under test see: the test's own kubeconfig and home."""
    return {**os.environ, "KUBECONFIG": str(KUBECONFIG), "HOME": str(WORK), **more}


def run(*argv, input=None, timeout=120, ok=(0,), env=None):
    """Runs a program; fails unless its exit status is one of `ok` (None: any). Returns the CompletedProcess, output as text."""
    full = environment(**(env or {}))
    done = subprocess.run([str(a) for a in argv], input=input, capture_output=True, text=True, timeout=timeout, env=full)
    if ok is not None and done.returncode not in ok:
        raise Failure(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done


def wait_for(what, predicate, timeout=60, every=0.05):
    """Calls predicate until it returns something true; returns that. Its exceptions count as `not yet`."""
    end = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = predicate()
            if value:
                return value
            last = value
        except (Failure, subprocess.TimeoutExpired, OSError, ValueError, KeyError, IndexError) as problem:
            last = problem
        if time.monotonic() > end:
            raise Failure(f"waited {timeout} s for {what}; last: {last}")
        time.sleep(every)


# ---- the cluster ----


def cube(*argv, **kw):
    return run(BIN / "cube", argv[0], "--data-dir", DATA_DIR, *argv[1:], **kw)


def cube_start(*flags, **kw):
    """Starts the cluster; returns the seconds that took."""
    began = time.monotonic()
    cube("start", *flags, **kw)
    return time.monotonic() - began


def cube_delete():
    cube("delete")


def ensure_cluster():
    """The cluster that most tests share: started when it isn't running."""
    if cube("status", ok=None).returncode != 0:
        cube_start()


def load_image(*names):
    for name in names:
        archive = IMAGES / f"{name}.tar"
        if not archive.exists():
            run(TOP / "manifests" / "images" / "build.sh", "--out", IMAGES, name, timeout=900)
        cube("image", "load", archive)


def components():
    """Name -> pid of what `cube status` shows running."""
    text = cube("status", ok=None).stdout
    return {m[1]: int(m[2]) for m in re.finditer(r"^(\S+) +running +pid (\d+)", text, re.M)}


def log_of(component):
    path = pathlib.Path(DATA_DIR) / "logs" / f"{component}.log"
    return path.read_text(errors="replace") if path.exists() else ""


# ---- clients ----


class Kubectl:
    """One kubectl binary against the cluster under test."""

    def __init__(self, path, name):
        self.path, self.name = path, name

    def __call__(self, *argv, **kw):
        return run(self.path, *argv, **kw)

    def json(self, *argv, **kw):
        return json.loads(self(*argv, "-o", "json", **kw).stdout)

    def get(self, kind, name, ns="default"):
        return self.json("get", kind, name, "-n", ns)

    def items(self, kind, selector=None, ns="default"):
        extra = ["-l", selector] if selector else []
        return self.json("get", kind, "-n", ns, *extra)["items"]

    def apply(self, text, ns=None, **kw):
        extra = ["-n", ns] if ns else []
        return self("apply", "-f", "-", *extra, input=text, **kw)


ours = Kubectl(BIN / "kubectl", "ours")


def stock_kubectls():
    """Every stock kubectl on this machine, Debian's 1.20 among them."""
    lines = run(TOP / "scripts" / "stock-kubectls.sh", ok=None).stdout.split()
    return [Kubectl(path, f"stock-{i}-{pathlib.Path(path).parts[-4] if 'tools' in path else 'host'}") for i, path in enumerate(lines)]


def all_kubectls():
    return [ours, *stock_kubectls()]


def fetch(url, data=None, headers=None, timeout=10, opener=None):
    """(status, body) of one request; a refused connection raises OSError."""
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with (opener.open if opener else urllib.request.urlopen)(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


# ---- common waits ----


def ready_pods(selector, ns="default"):
    return [p for p in ours.items("pods", selector, ns)
            if not p["metadata"].get("deletionTimestamp")
            and any(c["type"] == "Ready" and c["status"] == "True" for c in p.get("status", {}).get("conditions", []))]


def wait_ready(selector, count, ns="default", timeout=120):
    def enough():
        pods = ready_pods(selector, ns)
        return pods if len(pods) == count else None
    return wait_for(f"{count} ready pods with {selector} in {ns}", enough, timeout)


def in_pod(pod, *argv, ns="default", **kw):
    return ours("exec", "-n", ns, pod, "--", *argv, **kw)


def namespace(name):
    """A namespace of the test's own; one left by an earlier run goes first."""
    ours("delete", "namespace", name, "--ignore-not-found", "--wait", timeout=120)
    ours("create", "namespace", name)
    return name


# ---- the host ----


def host_state():
    """What a cluster must leave as it found it. Values are sorted lists of lines."""
    def lines(*argv):
        done = subprocess.run(argv, capture_output=True, text=True)
        return sorted(line for line in done.stdout.splitlines() if line.strip())

    def rules(program):
        out = lines(program)
        # Counters and comments with the time differ always; an empty table may have been made by looking at it.
        return [re.sub(r"\[\d+:\d+\]", "[]", line) for line in out
                if not line.startswith("#") and line != "COMMIT" and not line.startswith("*")
                and not re.match(r":(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) ACCEPT", line)]

    cgroups = sorted(str(p) for root in pathlib.Path("/sys/fs/cgroup").glob("*/") for p in root.glob("cube*"))
    sysctls = [f"{name}={pathlib.Path('/proc/sys', name).read_text().strip()}"
               for name in ("net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet") if pathlib.Path("/proc/sys", name).exists()]
    programs = ("kube-", "kubelet", "containerd", "etcd", "cube", "runc", "pause")
    processes = sorted(line for line in lines("ps", "-eo", "comm=") if line.startswith(programs))
    files = sorted(str(p) for p in map(pathlib.Path, (DATA_DIR, "/run/containerd", "/var/lib/cni")) if p.exists())
    return {
        "links": sorted(re.sub(r"@.*", "", line.split(": ")[1]) for line in lines("ip", "-o", "link")),
        "addresses": [re.sub(r"valid_lft.*", "", line) for line in lines("ip", "-o", "-4", "address")],
        "routes": lines("ip", "route"),
        "rules": rules("iptables-save"),
        "rules6": rules("ip6tables-save"),
        "mounts": sorted(line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()),
        "netns": lines("ip", "netns"),
        "cgroups": cgroups,
        "sysctls": sysctls,
        "processes": processes,
        "files": files,
    }


def host_difference(before, after):
    """What is there now and was not, or the other way round, as text; empty when all is as before."""
    out = []
    for key in before:
        more = [x for x in after[key] if x not in before[key]]
        less = [x for x in before[key] if x not in after[key]]
        out += [f"{key}: left behind: {x}" for x in more] + [f"{key}: gone: {x}" for x in less]
    return "\n".join(out)


def prepare():
    """A clean slate before the first test, whatever an earlier run left."""
    WORK.mkdir(parents=True, exist_ok=True)
    run(BIN / "cube", "delete", "--data-dir", DATA_DIR, ok=None)
    if os.path.isdir(DATA_DIR) and not os.listdir(DATA_DIR):
        os.rmdir(DATA_DIR)  # somebody's empty folder: tests look whether Cube makes one
    KUBECONFIG.unlink(missing_ok=True)


def finish(keep):
    if not keep:
        run(BIN / "cube", "delete", "--data-dir", DATA_DIR, ok=None)
        shutil.rmtree(WORK, ignore_errors=True)
