"""Debian's python3-kubernetes: the stock client library does against Cube what its documentation promises."""

import base64
import io
import logging
import socket
import tarfile
import threading

import yaml

import harness
from harness import Skip, check, ensure_cluster, load_image, namespace, ours, wait_for, wait_ready

try:
    from kubernetes import client, config, dynamic, utils, watch
    from kubernetes.client.rest import ApiException
    from kubernetes.leaderelection import electionconfig, leaderelection
    from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
    from kubernetes.stream import portforward, stream
except ImportError as missing:
    client, MISSING = None, missing

NS = "e2e-python"
POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: nginx, image: "nginx:1.22", imagePullPolicy: IfNotPresent}
  - name: echo
    image: busybox
    imagePullPolicy: IfNotPresent
    stdin: true
    command: [sh, -c, "echo started; while read l; do echo got-$l; done"]
"""
WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.python.cube.test}
spec:
  group: python.cube.test
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer, minimum: 1}}},
      status: {type: object, properties: {seen: {type: boolean}}}}}}
"""


def needs_library():
    if not client:
        raise Skip(f"python3-kubernetes is not installed for this Python (scripts/deps.sh --test): {MISSING}")


def api():
    """CoreV1Api by the kubeconfig that `cube start` wrote."""
    needs_library()
    return client.CoreV1Api(config.new_client_from_config(str(harness.KUBECONFIG)))


def refused(status, call, *args, **kw):
    try:
        call(*args, **kw)
    except ApiException as error:
        check(error.status == status, f"{error.status}, not {status}: {error.body}")
        return error
    raise harness.Failure(f"{call.__name__} was not refused")


def config_map(name, **data):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"of": "python"}), data=data)


def test_set_up():
    needs_library()
    ensure_cluster()
    load_image("nginx", "busybox")
    namespace(NS)
    ours.apply(POD, ns=NS)
    wait_ready("app=web", 1, NS)


def test_create_read_replace_delete():
    core = api()
    made = core.create_namespaced_config_map(NS, config_map("crud", a="1"))
    check(made.metadata.uid and made.data == {"a": "1"}, f"created: {made}")
    refused(409, core.create_namespaced_config_map, NS, config_map("crud"))
    made.data = {"b": "2"}
    replaced = core.replace_namespaced_config_map("crud", NS, made)
    check(replaced.data == {"b": "2"}, f"replaced: {replaced}")
    refused(409, core.replace_namespaced_config_map, "crud", NS, made)  # its resource version is the old one
    check(core.read_namespaced_config_map("crud", NS).data == {"b": "2"}, "read")
    gone = core.delete_namespaced_config_map("crud", NS, body=client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=made.metadata.uid)))
    check(gone.status == "Success", f"deleted: {gone}")
    refused(404, core.read_namespaced_config_map, "crud", NS)


def test_every_patch():
    core = api()
    core.create_namespaced_config_map(NS, config_map("patched", a="1", b="2"))
    merged = core.patch_namespaced_config_map("patched", NS, {"data": {"a": None, "c": "3"}})  # a dict: strategic merge
    check(merged.data == {"b": "2", "c": "3"}, f"strategic: {merged.data}")
    jumped = core.patch_namespaced_config_map("patched", NS, [{"op": "move", "from": "/data/b", "path": "/data/d"}])  # a list: JSON patch
    check(jumped.data == {"c": "3", "d": "2"}, f"JSON patch: {jumped.data}")
    refused(422, core.patch_namespaced_config_map, "patched", NS, [{"op": "test", "path": "/data/c", "value": "4"}])
    dry = core.patch_namespaced_config_map("patched", NS, {"data": {"c": "9"}}, dry_run="All", field_manager="python")
    check(dry.data["c"] == "9" and core.read_namespaced_config_map("patched", NS).data["c"] == "3", "dry run")
    apps = client.AppsV1Api(core.api_client)
    utils.create_from_dict(core.api_client, yaml.safe_load(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: idle}, spec: {replicas: 0, selector: {matchLabels: {a: b}}, "
        "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: busybox}, {name: d, image: busybox}]}}}}"), namespace=NS)
    patched = apps.patch_namespaced_deployment("idle", NS, {"spec": {"template": {"spec": {"containers": [{"name": "d", "image": "nginx"}]}}}})
    images = {c.name: c.image for c in patched.spec.template.spec.containers}
    check(images == {"c": "busybox", "d": "nginx"}, f"containers are merged by name: {images}")
    check(apps.read_namespaced_deployment_scale("idle", NS).status.selector == "a=b", "scale")
    apps.delete_namespaced_deployment("idle", NS, propagation_policy="Foreground")


def test_lists_in_pages_with_selectors():
    core = api()
    for i in range(5):
        core.create_namespaced_config_map(NS, config_map(f"page-{i}", i=str(i)))
    names, token = [], None
    while True:
        page = core.list_namespaced_config_map(NS, limit=2, label_selector="of=python", _continue=token)
        check(len(page.items) <= 2, "a page of more than its limit")
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    check([f"page-{i}" for i in range(5)] == [n for n in names if n.startswith("page-")], f"pages gave {names}")
    one = core.list_namespaced_config_map(NS, field_selector="metadata.name=page-3").items
    check([i.metadata.name for i in one] == ["page-3"], "field selector")
    core.delete_collection_namespaced_config_map(NS, label_selector="of=python")
    check(not core.list_namespaced_config_map(NS, label_selector="of=python").items, "deletecollection")


def test_watch_from_a_list():
    core = api()
    begin = core.list_namespaced_config_map(NS).metadata.resource_version
    core.create_namespaced_config_map(NS, config_map("watched", a="1"))
    core.patch_namespaced_config_map("watched", NS, {"data": {"a": "2"}})
    core.delete_namespaced_config_map("watched", NS)
    seen, events = [], watch.Watch()
    for event in events.stream(core.list_namespaced_config_map, NS, resource_version=begin, timeout_seconds=60):
        if event["object"].metadata.name == "watched":
            seen.append((event["type"], (event["object"].data or {}).get("a")))
            if event["type"] == "DELETED":
                events.stop()
    check(seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")], f"the watch saw {seen}")


def test_exec():
    core = api()
    said = stream(core.connect_get_namespaced_pod_exec, "web", NS, container="nginx", command=["sh", "-c", "echo out; echo wrong >&2"],
                  stdout=True, stderr=True, stdin=False, tty=False)
    check(sorted(said.split()) == ["out", "wrong"], f"exec said {said!r}")
    shell = stream(core.connect_get_namespaced_pod_exec, "web", NS, container="nginx", command=["sh"],
                   stdout=True, stderr=True, stdin=True, tty=False, _preload_content=False)
    shell.write_stdin("echo $((6 * 7))\n")
    check(shell.readline_stdout(timeout=60) == "42", "exec: a line through stdin")
    shell.write_stdin("echo wrong >&2; exit 3\n")
    check(shell.readline_stderr(timeout=60) == "wrong", "exec: standard error")
    shell.run_forever(timeout=60)
    check(shell.returncode == 3, f"exec: exit status {shell.returncode}")
    terminal = stream(core.connect_get_namespaced_pod_exec, "web", NS, container="nginx", command=["tty"],
                      stdin=True, stdout=True, tty=True)  # without stdin, containerd 1.6 drops what the terminal shows
    check("/dev/pts/" in terminal, f"exec with a terminal: {terminal!r}")
    refused_exec = refused(0, stream, core.connect_get_namespaced_pod_exec, "absent", NS, command=["true"], stdout=True)
    check("404" in str(refused_exec.reason), f"exec in no pod: {refused_exec.reason}")


def test_attach():
    attached = stream(api().connect_get_namespaced_pod_attach, "web", NS, container="echo", stdin=True, stdout=True, stderr=True,
                      tty=False, _preload_content=False)
    attached.write_stdin("hello\n")
    check(attached.readline_stdout(timeout=60) == "got-hello", "attach: the answer")
    attached.close()


def test_copy_in_and_out_by_tar():
    core, content = api(), b"\x00\x01line\n" * 5000
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo("sent.bin")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    text = base64.b64encode(packed.getvalue()).decode()
    # This library cannot close stdin: the receiver counts.
    unpack = f"head -c {len(text)} | base64 -d | tar xf - -C /tmp; wc -c < /tmp/sent.bin"
    there = stream(core.connect_get_namespaced_pod_exec, "web", NS, container="nginx", command=["sh", "-c", unpack],
                   stdout=True, stderr=True, stdin=True, _preload_content=False)
    for i in range(0, len(text), 8192):
        there.write_stdin(text[i:i + 8192])
    check(there.readline_stdout(timeout=60) == str(len(content)), "the size of the file in the container")
    there.close()
    back = stream(core.connect_get_namespaced_pod_exec, "web", NS, container="nginx", command=["sh", "-c", "tar cf - -C /tmp sent.bin | base64 -w0"], stdout=True)
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(back))) as archive:
        check(archive.extractfile("sent.bin").read() == content, "the file came back changed")


def test_logs():
    core = api()
    check(core.read_namespaced_pod_log("web", NS, container="echo", tail_lines=100).startswith("started\n"), "logs")
    stream(core.connect_get_namespaced_pod_exec, "web", NS, container="nginx", command=["sh", "-c", "echo to-the-log > /proc/1/fd/1"], stdout=True)
    events = watch.Watch()
    for line in events.stream(core.read_namespaced_pod_log, "web", NS, container="nginx"):
        if line == "to-the-log":
            break
    events.stop()


def test_port_forward():
    forward = portforward(api().connect_get_namespaced_pod_portforward, "web", NS, ports="80")
    connection = forward.socket(80)
    connection.setblocking(True)
    connection.settimeout(60)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
    page = b""
    try:
        while part := connection.recv(4096):
            page += part
    except socket.timeout as late:
        raise harness.Failure(f"port-forward: the page did not end: {page!r}") from late
    connection.close()
    check(b"200 OK" in page and b"nginx" in page, f"port-forward: {page!r}")
    check(forward.error(80) is None, f"port-forward: {forward.error(80)}")
    closed = portforward(api().connect_get_namespaced_pod_portforward, "web", NS, ports="9999")
    closed.socket(9999).sendall(b"x")
    check("refused" in wait_for("the error of a port where nobody listens", lambda: closed.error(9999), 60), closed.error(9999))


def test_custom_objects_and_the_dynamic_client():
    core = api()
    utils.create_from_dict(core.api_client, yaml.safe_load(WIDGETS))
    try:
        customs = client.CustomObjectsApi(core.api_client)
        where = ("python.cube.test", "v1", NS, "widgets")
        body = {"apiVersion": "python.cube.test/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}}
        wait_for("the new kind", lambda: not not_served(customs, where), 60)
        customs.create_namespaced_custom_object(*where, body)
        refused(422, customs.create_namespaced_custom_object, *where, {**body, "metadata": {"name": "x"}, "spec": {"size": 0}})
        check(customs.patch_namespaced_custom_object(*where, "w", {"spec": {"size": 2}})["spec"]["size"] == 2, "patch")
        customs.patch_namespaced_custom_object_status(*where, "w", {"status": {"seen": True}})
        check(customs.get_namespaced_custom_object(*where, "w")["status"] == {"seen": True}, "status")
        dyn = dynamic.DynamicClient(core.api_client)
        widgets = dyn.resources.get(api_version="python.cube.test/v1", kind="Widget")
        check([w.metadata.name for w in widgets.get(namespace=NS).items] == ["w"], "dynamic list")
        applied = widgets.patch(body={**body, "spec": {"size": 5}}, namespace=NS, content_type="application/merge-patch+json", name="w")
        check(applied.spec.size == 5, "dynamic patch")
        events = [e for e in dyn.watch(widgets, namespace=NS, timeout=1)]
        check(events and events[0]["type"] == "ADDED", "dynamic watch")
        widgets.delete(name="w", namespace=NS)
        refused(404, customs.get_namespaced_custom_object, *where, "w")
    finally:
        client.ApiextensionsV1Api(core.api_client).delete_custom_resource_definition("widgets.python.cube.test")


def not_served(customs, where):
    try:
        customs.list_namespaced_custom_object(*where)
    except ApiException as error:
        return error.status == 404
    return False


def test_reviews_tokens_and_impersonation():
    core = api()
    may = client.AuthorizationV1Api(core.api_client).create_self_subject_access_review(client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=client.V1ResourceAttributes(verb="delete", resource="nodes"))))
    check(may.status.allowed, "the administrator may delete nodes")
    wait_for("the default service account", lambda: core.read_namespaced_service_account("default", NS), 60)
    wanted = client.V1TokenRequestSpec(audiences=[], expiration_seconds=600)
    request = getattr(client, "AuthenticationV1TokenRequest", None) or client.V1TokenRequest  # renamed in a later version
    token = core.create_namespaced_service_account_token("default", NS, request(spec=wanted))
    robot = client.Configuration.get_default_copy()
    loaded = core.api_client.configuration
    robot.host, robot.ssl_ca_cert, robot.api_key = loaded.host, loaded.ssl_ca_cert, {"authorization": "Bearer " + token.status.token}
    as_robot = client.CoreV1Api(client.ApiClient(robot))
    forbidden = refused(403, as_robot.list_namespaced_pod, NS)
    check(f"system:serviceaccount:{NS}:default" in forbidden.body, forbidden.body)


def test_leader_election():
    core = api()
    elected, over, path = threading.Event(), threading.Event(), str(harness.KUBECONFIG)
    config.load_kube_config(path)  # the lock takes the default configuration
    logging.getLogger().setLevel(logging.ERROR)  # the library tells each step
    ours("create", "namespace", f"{NS}-election")
    lock = ConfigMapLock("election", f"{NS}-election", "candidate-1")
    wanted = electionconfig.Config(lock, lease_duration=4, renew_deadline=3, retry_period=1, onstarted_leading=elected.set, onstopped_leading=over.set)
    threading.Thread(target=leaderelection.LeaderElection(wanted).run, daemon=True).start()
    check(elected.wait(60), "nobody was elected")
    record = core.read_namespaced_config_map("election", f"{NS}-election").metadata.annotations["control-plane.alpha.kubernetes.io/leader"]
    check("candidate-1" in record, f"the record: {record}")
    ours("delete", "namespace", f"{NS}-election", timeout=120)
    check(over.wait(60), "without its lock the leader went on")


def test_clean_up():
    if client:
        ours("delete", "namespace", NS, timeout=120)
