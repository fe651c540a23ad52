"""Running pods: rollouts, scaling, logs, exec, cp, attach, forwarded ports, watches, debugging."""

from harness import check, fetch, ours, wait_for, wait_ready


def chapter(s):
    rollouts(s)
    sizes(s)
    pod = wait_for("the last rollout's pod to be the only one", lambda: only_pod(s), 120)
    commands(s, pod)
    copies(s, pod)
    logs(s, pod)
    networking(s, pod)
    watches(s)
    one_off_pods(s)
    debugging(s, pod)


def only_pod(s):
    """The name of the deployment's pod, once its predecessors are gone."""
    pods = ours.items("pods", "app=web", s.ns)
    return len(pods) == 1 and wait_ready("app=web", 1, s.ns)[0]["metadata"]["name"]


def rollouts(s):
    # Two things the generators have no flag for: the image is on the node already, and nobody waits for nginx to end.
    s("patch", "deployment", "web", "-p", '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"nginx",'
      '"imagePullPolicy":"IfNotPresent"}]}}}}', has="patched")
    s("scale", "deployment/web", "--replicas=1", has="deployment.apps/web scaled")
    s("rollout", "status", "deployment/web", "--timeout=120s", has="successfully rolled out")
    s("rollout", "pause", "deployment/web", has="paused")
    s("set", "env", "deployment/web", "STEP=2", has="updated")
    s.expect("deployment", "web", "spec", "paused", True)
    s("rollout", "resume", "deployment/web", has="resumed")
    s("rollout", "status", "deployment/web", "--timeout=120s", has="successfully rolled out")
    s("rollout", "history", "deployment/web", has=("REVISION", r"^\d+ "))
    s("rollout", "undo", "deployment/web", has="rolled back")
    s.expect("deployment", "web", "spec", "template", "spec", "containers", 0, "env", [{"name": "STEP", "value": "1"}])
    s("rollout", "restart", "deployment/web", has="restarted")
    s("wait", "deployment/web", "--for=condition=Available", "--timeout=120s", has="condition met")
    s("rollout", "status", "deployment/web", "--timeout=120s", has="successfully rolled out")


def sizes(s):
    s("scale", "deployment/web", "--current-replicas=5", "--replicas=9", rc=1, err="[Ee]xpected replicas to be 5")
    s("autoscale", "deployment", "web", "--min=1", "--max=3", "--cpu-percent=80", has="autoscaled")
    s.expect("hpa", "web", "spec", "maxReplicas", 3)
    s("expose", "deployment", "web", "--port=80", "--name=exposed", "--type=NodePort", has="service/exposed exposed")
    s.expect("service", "exposed", "spec", "selector", {"app": "web"})
    wait_for("endpoints of the exposed deployment", lambda: s.field("endpoints", "exposed", "subsets", 0, "addresses"), 60)


def commands(s, pod):
    s("exec", pod, "--", "echo", "hello", has="^hello$")
    s("exec", "-i", "deployment/web", "-c", "nginx", "--", "cat", input="through stdin\n", has="^through stdin$")
    s("exec", pod, "--", "sh", "-c", "echo out; echo wrong >&2; exit 7", rc=7, has="^out$", err="wrong")
    s("exec", pod, "-c", "nothing", "--", "true", rc=1, err="nothing")


def copies(s, pod):
    big = s.file("up/big.txt", "line of a file that is longer than one frame\n" * 20000)
    s.file("up/sub/small.txt", "small\n")
    s("cp", s.folder / "up", f"{pod}:/tmp/up")
    s("exec", pod, "--", "cat", "/tmp/up/sub/small.txt", has="^small$")
    s("cp", f"{s.ns}/{pod}:/tmp/up/big.txt", s.folder / "down.txt")
    check((s.folder / "down.txt").read_text() == big.read_text(), f"after {s.last()}: the copy differs")
    s("cp", f"{pod}:/no/such/file", s.folder / "none.txt", rc=None)  # stock ends before it has the reason, with 0
    check(not (s.folder / "none.txt").exists(), "cp made a file of nothing")


def logs(s, pod):
    s("exec", pod, "--", "sh", "-c", "for i in 1 2 3 4 5; do echo line-$i; done > /proc/1/fd/1")
    wait_for("the lines in the log", lambda: "line-5" in ours("logs", pod, "-n", s.ns).stdout)
    s("logs", pod, "--tail=2", has=("^line-4$", "^line-5$"), lacks="line-3")
    s("logs", "-l", "app=web", "--prefix", "--timestamps", "--tail=-1", has=rf"^\[pod/{pod}/nginx\] 20\d\d-.*line-1$")
    s("logs", pod, "--since=1h", "--limit-bytes=4", has=r"\A.{4}\Z")
    s("logs", pod, "-p", rc=1, err="previous terminated container .*not found")
    with s.start("logs", "-f", "deployment/web", "--tail=1") as follower:
        follower.wait_for("^line-5$")
        ours("exec", pod, "-n", s.ns, "--", "sh", "-c", "echo followed > /proc/1/fd/1")
        follower.wait_for("^followed$")


def networking(s, pod):
    for target in (f"pod/{pod}", "service/exposed"):
        with s.start("port-forward", target, ":80") as forward:
            port = forward.wait_for(r"127\.0\.0\.1:(\d+) -> 80")[1]
            for _ in range(2):
                status, page = fetch(f"http://127.0.0.1:{port}/")
                check(status == 200 and "nginx" in page, f"port-forward {target}: {status}")
    with s.start("proxy", "--port=0") as proxy:
        base = "http://" + proxy.wait_for(r"serve on (127\.0\.0\.1:\d+)")[1]
        check(fetch(f"{base}/api/v1/namespaces/{s.ns}/pods/{pod}")[0] == 200, "proxy: the pod")
        status, page = fetch(f"{base}/api/v1/namespaces/{s.ns}/services/exposed:80/proxy/")
        check(status == 200 and "nginx" in page, f"proxy: the service's page: {status} {page[:200]}")


def watches(s):
    with s.start("get", "configmaps", "-w", "--output-watch-events") as watch:
        watch.wait_for("^ADDED +literal")
        s("create", "configmap", "watched", "--from-literal=a=1")
        watch.wait_for("^ADDED +watched")
        s("delete", "configmap", "watched", has='configmap "watched" deleted')
        watch.wait_for("^DELETED +watched")
    s("patch", "configmap", "env", "--type=merge", "-p", '{"metadata":{"finalizers":["cube.test/held"]}}', has="patched")
    s("delete", "configmap", "env", "--wait=false", has="deleted")
    s("wait", "--for=delete", "configmap/env", "--timeout=1s", rc=1, err="timed out waiting")
    s("patch", "configmap", "env", "--type=json", "-p", '[{"op":"remove","path":"/metadata/finalizers"}]', has="patched")
    s.gone("configmap", "env")


def one_off_pods(s):
    s("run", "--image=busybox", "--image-pull-policy=IfNotPresent", "--restart=Never", "-i", "--rm", "--quiet", "catcher", "--", "cat",
      input="typed\n", has="^typed$")
    s.gone("pod", "catcher")
    s("run", "echoer", "--image=busybox", "--image-pull-policy=IfNotPresent", "--restart=Never", "-l", "app=echoer", "--env=WORD=got", "--port=80",
      '--overrides={"spec":{"terminationGracePeriodSeconds":0,"containers":[{"name":"echoer","image":"busybox","imagePullPolicy":"IfNotPresent","stdin":true,'
      '"command":["sh","-c","while read l; do echo got-$l; done"]}]}}', has="pod/echoer created")
    s("wait", "pod/echoer", "--for=condition=Ready", "--timeout=120s", has="condition met")
    if s.minor >= 23:
        s("wait", "pod/echoer", "--for=jsonpath={.status.phase}=Running", "--timeout=60s", has="condition met")
    with s.start("attach", "-i", "echoer") as attached:
        attached.write("word\n")
        attached.wait_for("got-word")
    s("describe", "pod", "echoer", has=("Image: +busybox", "Started container"))
    if s.minor >= 26:
        s("events", "--for=pod/echoer", has=r"Normal\s+Started\s+Pod/echoer")
    s("get", "events", "--field-selector=involvedObject.name=echoer,reason=Started", has="Started")


def debugging(s, pod):
    if not s.can("debug", pod, "--image=busybox"):
        return
    if s.minor < 25:  # before, kubectl writes the alpha form of ephemeral containers, which no server from 1.22 on reads
        return
    s("debug", pod, "--image=busybox", "--image-pull-policy=IfNotPresent", "-c", "debugger", "--profile=general", "--", "sh", "-c", "echo debugged; sleep 1000",
      err="")
    wait_for("the ephemeral container", lambda: "debugged" in ours("logs", pod, "-c", "debugger", "-n", s.ns).stdout, 60)
    s.expect("pod", pod, "spec", "ephemeralContainers", 0, "name", "debugger")
