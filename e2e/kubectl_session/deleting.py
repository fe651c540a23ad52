"""Every way to delete, then what must be left of the session."""

from harness import check, wait_for

LEFT = {  # kind -> names that must remain, of those the session made
    "configmap": {"literal", "files", "stays", "shared"},
    "service": {"elsewhere", "headless", "balanced"},
    "secret": {"password"},
    "serviceaccount": {"robot", "default"},
    "deployment": set(),
    "pod": set(),
    "job": set(),
    "cronjob": {"nightly"},
}


def chapter(s):
    cascades(s)
    pods(s)
    selected(s)
    whole(s)
    end_state(s)
    namespace(s)


def owned(s):
    """Names of the deployment's replica sets."""
    return s("get", "replicasets", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.name}").split()


def cascades(s):
    sets = owned(s)
    s("delete", "deployment", "web", "--cascade=orphan", has="deleted")
    check(owned(s) == sets, "the replica sets went with their deployment in spite of --cascade=orphan")
    active = s("get", "replicasets", "-l", "app=web", "-o", 'jsonpath={.items[?(@.spec.replicas==1)].metadata.name}').split()
    check(len(active) == 1, f"active replica sets: {active}")
    s("delete", "replicaset", *[name for name in sets if name not in active], "--cascade=background", has="deleted")
    s("delete", "replicaset", active[0], "--cascade=foreground", "--wait", has="deleted")
    check(not s("get", "pods", "-l", "app=web", "-o", "name").split(), "pods outlived a foreground deletion")


def pods(s):
    s("delete", "pod", "echoer", "--grace-period=0", "--force", has='pod "echoer" force deleted', err="[Ii]mmediate deletion")
    s.gone("pod", "echoer")


def selected(s):
    s("delete", "configmap", "settings", "--dry-run=server", has=r"deleted \(server dry run\)")
    check(s.object("configmap", "settings"), "a dry run deleted")
    s("delete", "-f", s.folder / "settings.yaml", "--now", has="deleted")
    if s.can("delete", "-k", s.folder / "kustom"):
        s("delete", "-k", s.folder / "kustom", has="deleted")
    else:
        s("delete", "configmap", "k-settings")
    s("delete", "configmaps", "-l", "tier=low", has='"from-stdin" deleted')
    s("delete", "secrets", "--field-selector=type=kubernetes.io/tls", has='"pair" deleted')
    s("delete", "secret/pull", "service/inside", "ingress/front", has=("pull", "inside", "front"))
    s("delete", "services", "outside", "exposed", "--wait=false", has=("outside", "exposed"))
    s("delete", "configmap", "none", rc=1, err="not found")
    s("delete", "configmap", "none", "--ignore-not-found")


def whole(s):
    s("delete", "jobs", "--all", has='"once" deleted')
    s("delete", "hpa,quota,rolebindings,roles", "--all", has=('"web" deleted', '"limits" deleted', '"robot-reads" deleted', '"reader" deleted'))
    s("delete", "clusterrole", f"{s.ns}-metrics", f"{s.ns}-sum", has="deleted")
    s("delete", "clusterrolebinding/" + f"{s.ns}-robot", "priorityclass/" + f"{s.ns}-high", has="deleted")
    s("delete", "csr", f"{s.ns}-yes", f"{s.ns}-no", has="deleted")


def end_state(s):
    for kind, names in LEFT.items():
        found = set(s("get", kind, "-o", "jsonpath={.items[*].metadata.name}").split()) - {"kube-root-ca.crt"}
        check(found == names, f"at the end, {kind}: {sorted(found)}, not {sorted(names)}")
    s.expect("configmap", "shared", "data", {"level": "2", "extra": "kept"})
    s.expect("configmap", "literal", "data", {"a": "1", "b": "two words"})


def namespace(s):
    s("delete", "namespace", s.ns, "--wait", has="deleted")
    s.gone("namespace", s.ns)
    wait_for("nothing in the namespace", lambda: "No resources found" in s.kubectl("get", "configmaps,services", "-n", s.ns).stderr, 60)
