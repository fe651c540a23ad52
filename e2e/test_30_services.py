"""Services, names and endpoints, seen from inside pods."""

import collections

from harness import check, ensure_cluster, fetch, in_pod, load_image, namespace, ours, wait_for, wait_ready

NS = "e2e-services"

BACKENDS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  replicas: 3
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: httpd
        image: busybox
        imagePullPolicy: IfNotPresent
        command: [sh, -c, 'mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www']
        ports: [{name: web, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /, port: web}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {type: NodePort, selector: {app: echo}, ports: [{name: http, port: 80, targetPort: web}]}
---
apiVersion: v1
kind: Service
metadata: {name: sticky}
spec: {selector: {app: echo}, sessionAffinity: ClientIP, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: echo}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: empty}
spec: {selector: {app: nobody}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: sh, image: busybox, imagePullPolicy: IfNotPresent, command: [sleep, "100000"]}]
"""


def client(script, ok=(0,)):
    return in_pod("client", "sh", "-c", script, ns=NS, ok=ok).stdout


def cluster_ip(name):
    return ours.get("service", name, NS)["spec"]["clusterIP"]


def test_set_up():
    ensure_cluster()
    load_image("busybox")
    namespace(NS)
    ours.apply(BACKENDS, ns=NS)
    wait_ready("app=echo", 3, NS)
    wait_for("the client", lambda: client("true") == "")


def test_spreads_over_three_pods():
    counts = collections.Counter(client("for i in $(seq 90); do wget -q -O- http://echo; done").split())
    check(len(counts) == 3 and min(counts.values()) >= 12, counts)


def test_affinity_sticks():
    seen = set(client("for i in $(seq 20); do wget -q -O- http://sticky; done").split())
    check(len(seen) == 1, seen)


def test_names():
    address = cluster_ip("echo")
    for name in ("echo", f"echo.{NS}", f"echo.{NS}.svc", f"echo.{NS}.svc.cluster.local"):
        check(client(f"wget -q -O- http://{name}"), f"{name} does not answer")
    check(address in client(f"nslookup echo.{NS}.svc.cluster.local"), "FQDN")
    pods = {p["status"]["podIP"] for p in ours.items("pods", "app=echo", NS)}
    out = client(f"nslookup headless.{NS}.svc.cluster.local")
    check(all(ip in out for ip in pods), f"headless: {pods} {out}")
    check("10.96.0.1" in client("nslookup kubernetes.default.svc.cluster.local"), "kubernetes.default")


def test_unknown_name_and_external_name():
    check("NXDOMAIN" in client(f"nslookup nothing.{NS}.svc.cluster.local 2>&1 || true"), "no NXDOMAIN")
    # With or without an upstream that answers, an external name ends at once and cleanly.
    out = client("timeout 20 nslookup example.invalid. 2>&1; echo status $?")
    check("status 0" in out or "status 1" in out, out)


def test_no_endpoints_is_refused():
    out = client("(echo | nc -w 3 empty 80) 2>&1; echo status $?")
    check("status 0" not in out, out)


def test_label_removal_stops_traffic():
    pod = ours.items("pods", "app=echo", NS)[0]["metadata"]["name"]
    ours("label", "pod", pod, "app-", "-n", NS)
    wait_ready("app=echo", 3, NS)  # the Deployment fills up
    wait_for("the pod to leave the Service", lambda: pod not in client("for i in $(seq 40); do wget -q -O- http://echo; done"), 30)
    ours("delete", "pod", pod, "-n", NS)


def test_node_port():
    port = ours.get("service", "echo", NS)["spec"]["ports"][0]["nodePort"]
    check(fetch(f"http://127.0.0.1:{port}/")[0] == 200, "node port on localhost")


def test_clean_up():
    ours("delete", "namespace", NS, timeout=120)
    wait_for("the namespace to go", lambda: ours("get", "namespace", NS, ok=(1,)), 60)
