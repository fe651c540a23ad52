"""Bad input: each with a clear error, an exit code, and nothing created."""

from harness import all_kubectls, check, ensure_cluster, load_image, namespace, ours, wait_for

NS = "e2e-bad"
DEPLOYMENT = """
apiVersion: {version}
kind: {kind}
metadata: {{name: web}}
spec:
  {replicas}: {count}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: c, image: busybox, imagePullPolicy: IfNotPresent, command: [sleep, "1000"]}}]}}
"""


def deployment(version="apps/v1", kind="Deployment", replicas="replicas", count="1"):
    return DEPLOYMENT.format(version=version, kind=kind, replicas=replicas, count=count)


def refused(text, *words, kubectl=ours):
    done = kubectl("apply", "-n", NS, "-f", "-", input=text, ok=None)
    check(done.returncode != 0, f"{kubectl.name} accepted it")
    for word in words:
        check(word in done.stderr, f"{kubectl.name}: {word!r} is not in: {done.stderr}")
    check(not ours.items("deployments", None, NS), "something was created")


def test_set_up():
    ensure_cluster()
    load_image("busybox")
    namespace(NS)


def test_broken_yaml_names_file_and_line():
    path = "/tmp/cube-e2e/broken.yml"
    with open(path, "w") as f:
        f.write("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n data: [\n")
    done = ours("apply", "-n", NS, "-f", path, ok=None)
    check(done.returncode == 1 and "broken.yml" in done.stderr and "line 5" in done.stderr, done.stderr)


def test_unknown_field_is_named_with_a_suggestion():
    refused(deployment(replicas="reaplicas"), "spec.reaplicas", "replicas")
    for kubectl in all_kubectls()[1:]:
        refused(deployment(replicas="reaplicas"), "reaplicas", kubectl=kubectl)


def test_wrong_type():
    refused(deployment(count='"many"'), "replicas")


def test_unknown_kind_and_old_version():
    refused(deployment(kind="Deploymint"), "Deploymint")
    refused(deployment(version="extensions/v1beta1"), "extensions/v1beta1")


def test_a_bad_document_spoils_the_whole_file():
    refused(deployment() + "---\n" + deployment(replicas="reaplicas"), "reaplicas")


def waiting_reason(pod):
    return [s.get("state", {}).get("waiting", {}).get("reason") for s in pod["status"].get("containerStatuses", [])]


def test_missing_secret_heals():
    ours.apply("""
apiVersion: v1
kind: Pod
metadata: {name: needs-secret}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: c, image: busybox, imagePullPolicy: IfNotPresent, command: [sleep, "1000"], env: [{name: A, valueFrom: {secretKeyRef: {name: absent, key: k}}}]}
""", ns=NS)
    wait_for("CreateContainerConfigError", lambda: waiting_reason(ours.get("pod", "needs-secret", NS)) == ["CreateContainerConfigError"], 30)
    ours("create", "secret", "generic", "absent", "--from-literal=k=v", "-n", NS)
    wait_for("the pod to run", lambda: ours.get("pod", "needs-secret", NS)["status"]["phase"] == "Running", 90)


def test_unschedulable_pod_says_why():
    ours.apply("""
apiVersion: v1
kind: Pod
metadata: {name: huge}
spec: {containers: [{name: c, image: busybox, resources: {requests: {cpu: "1000"}}}]}
""", ns=NS)

    def told():
        return [e for e in ours.items("events", None, NS) if e["reason"] == "FailedScheduling" and "Insufficient cpu" in e["message"]]
    event = wait_for("an event FailedScheduling", told, 30)[0]
    check(event["message"].startswith("0/1 nodes are available: 1 Insufficient cpu."), event["message"])
    check("FailedScheduling" in ours("describe", "pod", "huge", "-n", NS).stdout, "describe does not show it")


def test_unknown_command_and_flag():
    check(ours("gett", "pods", ok=(1,)).stderr, "no error")
    check("unknown flag" in ours("get", "pods", "--nmespace=x", ok=(1,)).stderr, "no error")
    check("not supported" in ours("proxy", "--port=0", "--reject-paths=^/api", ok=(1,)).stderr, "a filter was taken and not applied")


def test_not_found_and_clean_up():
    done = ours("get", "pod", "nope", "-n", NS, ok=(1,))
    check('Error from server (NotFound): pods "nope" not found' in done.stderr, done.stderr)
    ours("delete", "namespace", NS, timeout=120)
