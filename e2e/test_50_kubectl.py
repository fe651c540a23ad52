"""One session with every kubectl: ours, Debian's 1.20, and any newer one on this machine. The same steps, the same results."""

import re
import subprocess
import time

from harness import Failure, all_kubectls, check, ensure_cluster, environment, fetch, load_image, namespace, ours, wait_for, wait_ready

NS = "e2e-kubectl"
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: nginx
        image: nginx:1.22
        imagePullPolicy: IfNotPresent
        ports: [{containerPort: 80}]
        env: [{name: STEP, value: "1"}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


def port_forward(kubectl, target):
    process = subprocess.Popen([kubectl.path, "port-forward", "-n", NS, target, ":80"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())
    try:
        port = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        check(port, f"{kubectl.name}: port-forward said nothing of its port")
        status, page = wait_for("an answer through port-forward", lambda: fetch(f"http://127.0.0.1:{port[1]}/"), 10)
        check(status == 200 and "nginx" in page, f"{kubectl.name}: {status}")
    finally:
        process.terminate()
        process.wait(10)


def logs_follow(kubectl, pod):
    process = subprocess.Popen([kubectl.path, "logs", "-f", "-n", NS, pod], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())
    try:
        kubectl("exec", "-n", NS, pod, "--", "sh", "-c", "echo followed-line > /proc/1/fd/1")
        end = time.monotonic() + 20
        for line in process.stdout:
            if "followed-line" in line:
                return
            if time.monotonic() > end:
                break
        raise Failure(f"{kubectl.name}: logs -f did not show the line")
    finally:
        process.terminate()
        process.wait(10)


def terminal(kubectl, pod):
    """exec -it with a real terminal, by script(1)."""
    command = f"{kubectl.path} exec -it -n {NS} {pod} -- sh -c 'tty; stty size; read line; echo got-$line; exit 3'"
    done = subprocess.run(["script", "-qec", command, "/dev/null"], input="hello\n", capture_output=True, text=True, timeout=60, env=environment())
    check("/dev/pts/" in done.stdout and "got-hello" in done.stdout, f"{kubectl.name}: {done.stdout}")
    check(done.returncode == 3, f"{kubectl.name}: exit status {done.returncode}")


def session(kubectl):
    k = lambda *argv, **kw: kubectl(argv[0], "-n", NS, *argv[1:], **kw)  # noqa: E731
    check("created" in kubectl.apply(WEB, ns=NS).stdout, "apply")
    pod = wait_ready("app=web", 1, NS)[0]["metadata"]["name"]
    check("deployment.apps/web" in k("get", "all").stdout, "get all")
    check("nginx:1.22" in k("describe", "pod", pod).stdout and "Started" in k("describe", "pod", pod).stdout, "describe pod")
    check("RollingUpdate" in k("describe", "deployment", "web").stdout, "describe deployment")
    check("Endpoints:" in k("describe", "service", "web").stdout, "describe service")
    check("hello" in k("exec", pod, "--", "echo", "hello").stdout, "exec")
    check(k("exec", pod, "--", "sh", "-c", "exit 7", ok=None).returncode == 7, f"{kubectl.name}: exec's exit status")
    check(k("exec", "-i", pod, "--", "cat", input="through stdin").stdout == "through stdin", "exec -i")
    terminal(kubectl, pod)
    logs_follow(kubectl, pod)
    port_forward(kubectl, f"pod/{pod}")
    check("configured" in kubectl.apply(WEB.replace('value: "1"', 'value: "2"'), ns=NS).stdout, "apply a change")
    k("rollout", "status", "deployment/web", "--timeout=60s")
    check(len(k("rollout", "history", "deployment/web").stdout.strip().splitlines()) >= 4, "rollout history")
    k("rollout", "undo", "deployment/web")
    k("rollout", "status", "deployment/web", "--timeout=60s")
    check(ours.get("deployment", "web", NS)["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "1", "undo")
    k("scale", "deployment/web", "--replicas=2")
    wait_ready("app=web", 2, NS)
    k("rollout", "restart", "deployment/web")
    k("rollout", "status", "deployment/web", "--timeout=60s")
    k("delete", "deployment,service", "web", "--wait")
    wait_for("the pods to go", lambda: not ours.items("pods", "app=web", NS), 60)


def test_sessions():
    ensure_cluster()
    load_image("nginx")
    for kubectl in all_kubectls():
        namespace(NS)
        try:
            session(kubectl)
        except Failure as problem:
            raise Failure(f"with {kubectl.name} ({kubectl.path}): {problem}") from problem
    check(len(all_kubectls()) >= 2, "no stock kubectl on this machine")
    ours("delete", "namespace", NS, timeout=120)
