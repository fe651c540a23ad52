"""cube start, stop, delete, status: idempotent, honest exit codes, nothing left behind."""

import os
import socket
import subprocess

from harness import BIN, DATA_DIR, KUBECONFIG, check, components, cube, cube_delete, cube_start, host_difference, host_state, ours, run, wait_for


def test_status_without_cluster():
    done = cube("status", ok=(4,))
    check("no cluster" in done.stderr, done.stderr)


def test_start_needs_root():
    done = run("setpriv", "--reuid", "65534", "--clear-groups", BIN / "cube", "start", "--data-dir", DATA_DIR, ok=(1,))
    check("root" in done.stderr and not os.path.exists(DATA_DIR), done.stderr)


def test_start_says_busy_port():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        done = cube("start", "--api-port", port, ok=(1,))
    check(port in done.stderr and "--api-port" in done.stderr, done.stderr)
    check(not os.path.exists(DATA_DIR), "something was made")


def test_start_says_missing_containerd():
    path = "/tmp/cube-e2e/path"
    os.makedirs(path, exist_ok=True)
    # Everything but containerd, seen through a mount namespace in which its binary is covered.
    done = run("unshare", "-m", "sh", "-c",
               f"mount --bind /dev/null /usr/bin/containerd && exec {BIN}/cube start --data-dir {DATA_DIR}", ok=(1,))
    check("containerd" in done.stderr and "apt-get install" in done.stderr, done.stderr)
    check(not os.path.exists(DATA_DIR), "something was made")


def test_unknown_flag_is_an_error():
    done = cube("start", "--nod-ip", "1.2.3.4", ok=(2,))
    check("nod-ip" in done.stderr and "node-ip" in done.stderr, done.stderr)


def differs(before):
    difference = host_difference(before, host_state())
    check(not difference, difference)
    return difference


def test_delete_restores_the_host_twice():
    before = host_state()
    for _ in range(2):
        seconds = cube_start()
        print(f"      node Ready after {seconds:.2f} s")
        check(ours("get", "nodes", "--no-headers").stdout.split()[1] == "Ready", "node not Ready")
        cube_delete()
        # Init may take a moment to reap what was killed.
        wait_for("the host to be as before", lambda: not differs(before), 5)
    check("cube" not in (KUBECONFIG.read_text() if KUBECONFIG.exists() else ""), "the kubeconfig still holds the context")


def test_start_is_idempotent():
    cube_start()
    first = components()
    cube_start()
    check(components() == first, "a second start changed processes")


def test_delete_with_everything_dead():
    cube_start()
    for pid in components().values():
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
    cube_delete()
    left = subprocess.run(["pgrep", "-f", DATA_DIR + "/"], capture_output=True, text=True).stdout
    check(not left, f"processes left: {left}")
    check(not os.path.exists(DATA_DIR), "the data directory is left")


def test_supervisor_and_guard_come_back():
    cube_start()
    for name in ("supervisor", "guard"):
        before = components()
        os.kill(before[name], 9)
        wait_for(f"{name} to come back", lambda: components().get(name, before[name]) != before[name], 20)
        others = {k: v for k, v in components().items() if k not in ("supervisor", "guard")}
        check(others == {k: v for k, v in before.items() if k not in ("supervisor", "guard")}, "other processes were restarted")
