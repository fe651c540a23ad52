"""Certificates and nodes: signing requests, taints, cordon, drain with a disruption budget in the way."""

import json
import subprocess

from harness import check, ours, wait_ready

REQUEST = """
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: %s}
spec: {signerName: kubernetes.io/kube-apiserver-client, usages: [client auth], request: %s}
"""


def chapter(s):
    node = ours("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}").stdout
    certificates(s)
    try:
        taints(s, node)
        drains(s, node)
    finally:  # other tests need the node, however this ended
        ours("uncordon", node)
        ours("taint", "nodes", node, "cube.test/only:NoSchedule-", ok=None)


def certificates(s):
    done = subprocess.run(f"openssl req -new -newkey rsa:2048 -nodes -keyout {s.folder}/jane.key -subj /O=dev/CN=jane | base64 -w0",
                          shell=True, capture_output=True, text=True, timeout=60, check=True)
    for name in ("yes", "no"):
        s("create", "-f", "-", input=REQUEST % (f"{s.ns}-{name}", done.stdout), has=f"{s.ns}-{name} created")
    s("get", "csr", f"{s.ns}-yes", has="kube-apiserver-client .*Pending")
    s("certificate", "approve", f"{s.ns}-yes", has="approved")
    s("certificate", "deny", f"{s.ns}-no", has="denied")
    s("get", "csr", f"{s.ns}-no", has="Denied")
    s("get", "csr", f"{s.ns}-yes", has="Approved")
    s.expect("csr", f"{s.ns}-yes", "status", "conditions", 0, "type", "Approved")


def taints(s, node):
    s("taint", "nodes", node, "cube.test/only=us:NoSchedule", has="tainted")
    s.expect("node", node, "spec", "taints", [{"key": "cube.test/only", "value": "us", "effect": "NoSchedule"}])
    s("taint", "nodes", node, "cube.test/only=them:NoSchedule", rc=1, err="already has")
    s("taint", "nodes", node, "cube.test/only:NoSchedule-", has="untainted")
    s.expect("node", node, "spec", "taints", None)


def observe_budget(s, name):
    """What a disruption controller says of a budget that allows none: until then clients are told to come again in 10 s."""
    status = {"observedGeneration": 1, "expectedPods": 1, "currentHealthy": 1, "desiredHealthy": 1, "disruptionsAllowed": 0}
    ours("patch", "poddisruptionbudget", name, "-n", s.ns, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))


def drains(s, node):
    s("cordon", node, has="cordoned")
    s("cordon", node, has="already cordoned")
    s("get", "nodes", has="Ready,SchedulingDisabled")
    pod = wait_ready("app=web", 1, s.ns)[0]["metadata"]["name"]
    s("label", "pod", pod, f"drained-by={s.ns}", has="labeled")  # nobody else's pods are to go
    observe_budget(s, "web")
    drain = ["drain", node, "--ignore-daemonsets", "--force", "--delete-emptydir-data", f"--pod-selector=drained-by={s.ns}"]
    s(*drain, "--timeout=3s", rc=1, err="disruption budget|global timeout")
    check(s.object("pod", pod), "drain went against the budget")
    s("delete", "poddisruptionbudget", "web", has="deleted")
    s(*drain, "--timeout=60s", has=f"pod/{pod} evicted")
    s.gone("pod", pod)
    s("uncordon", node, has="uncordoned")
    s("rollout", "status", "deployment/web", "--timeout=120s", has="successfully rolled out")
