"""Every way to change an object: apply on the client and on the server, diff, patch, edit, replace, label, annotate, set."""

import json

from harness import check

SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: %s, labels: {set: %s}}
data: {level: "%s", extra: "%s"}
"""


def settings(name, level, extra="kept", group="one"):
    return SETTINGS % (name, group, level, extra)


def chapter(s):
    apply(s)
    apply_prune(s)
    apply_kustomization(s)
    apply_on_the_server(s)
    diff(s)
    patch(s)
    edit(s)
    replace(s)
    mark(s)
    set_fields(s)


def apply(s):
    s("apply", "-f", s.file("settings.yaml", settings("settings", 1)), has="configmap/settings created")
    s("apply", "-f", s.file("settings.yaml", settings("settings", 1)), has="configmap/settings unchanged")
    s("apply", "-f", "-", input=settings("settings", 2).replace(', extra: "kept"', ""), has="configmap/settings configured")
    s.expect("configmap", "settings", "data", {"level": "2"})
    s("apply", "-f", "-", "--dry-run=server", input=settings("settings", 3), has="server dry run")
    s("apply", "-f", "-", "--dry-run=client", "-o", "yaml", input=settings("unmade", 3), has='level: "3"')
    s.gone("configmap", "unmade")
    s.expect("configmap", "settings", "data", "level", "2")
    s("apply", "view-last-applied", "configmap/settings", has='level: "2"')
    s("apply", "set-last-applied", "-f", s.file("settings.yaml", settings("settings", 2)), has="configured")
    s("apply", "view-last-applied", "configmap/settings", "-o", "json", has='"extra": "kept"')


def apply_prune(s):
    both = settings("pruned", 1, group="pruning") + "---" + settings("stays", 1, group="pruning")
    s("apply", "-f", "-", input=both, has=("pruned created", "stays created"))
    if not s.can("apply", "-f", "-", "--prune", "-l", "set=pruning", input=settings("stays", 1, group="pruning")):
        s("delete", "configmap", "pruned")
        return
    allowed = "--prune-whitelist" if s.minor < 26 else "--prune-allowlist"
    s("apply", "-f", "-", "--prune", "-l", "set=pruning", f"{allowed}=core/v1/ConfigMap", input=settings("stays", 1, group="pruning"),
      has="configmap/pruned pruned")
    s.gone("configmap", "pruned")
    s.expect("configmap", "stays", "data", "level", "1")


def apply_kustomization(s):
    s.file("kustom/kustomization.yaml", "resources: [base.yaml]\nnamePrefix: k-\ncommonLabels: {from: kustomize}\n")
    s.file("kustom/base.yaml", settings("settings", 5))
    if not s.can("kustomize", s.folder / "kustom"):
        s.can("apply", "-k", s.folder / "kustom")
        s("apply", "-f", "-", input=settings("k-settings", 5))
        return
    s("kustomize", s.folder / "kustom", has=("name: k-settings", "from: kustomize"))
    s("apply", "-k", s.folder / "kustom", has="configmap/k-settings created")
    s.expect("configmap", "k-settings", "metadata", "labels", {"set": "one", "from": "kustomize"})


def apply_on_the_server(s):
    s("apply", "--server-side", "-f", "-", input=settings("shared", 1), has="configmap/shared serverside-applied")
    s("apply", "--server-side", "--field-manager=other", "-f", "-", input=settings("shared", 2), rc=1,
      err=r"conflict with \"kubectl\".*\n?.*\.data\.level")
    s.expect("configmap", "shared", "data", "level", "1")
    s("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", input=settings("shared", 2), has="serverside-applied")
    s.expect("configmap", "shared", "data", "level", "2")
    shown = ["--show-managed-fields"] if s.minor >= 21 else []
    s("get", "configmap", "shared", "-o", "yaml", *shown, has=("manager: other", "manager: kubectl", "operation: Apply"))


def diff(s):
    s("diff", "-f", "-", input=settings("settings", 9), rc=1, has=(r'^-  level: "2"', r'^\+  level: "9"'))
    s("apply", "-f", "-", input=settings("settings", 9), has="configured")
    s("diff", "-f", "-", input=settings("settings", 9), lacks=".")
    s("diff", "--server-side", "--force-conflicts", "-f", "-", input=settings("new-one", 1), rc=1, has=r"^\+  name: new-one")
    s.gone("configmap", "new-one")


def patch(s):
    s("patch", "deployment", "web", "-p", '{"spec":{"template":{"spec":{"containers":[{"name":"nginx","env":[{"name":"A","value":"1"}]}]}}}}', has="patched")
    s.expect("deployment", "web", "spec", "template", "spec", "containers", 0, "image", "nginx:1.22")  # merged by name
    s("patch", "deployment", "web", "--type=merge", "-p", '{"metadata":{"annotations":{"by":"merge"}}}', has="patched")
    s.expect("deployment", "web", "metadata", "annotations", "by", "merge")
    s("patch", "deployment/web", "--type=json", "-p", '[{"op":"test","path":"/spec/replicas","value":2},{"op":"replace","path":"/spec/replicas","value":1}]', has="patched")
    s.expect("deployment", "web", "spec", "replicas", 1)
    s("patch", "deployment/web", "--type=json", "-p", '[{"op":"test","path":"/spec/replicas","value":5}]', rc=1, err="request is invalid")
    s("patch", "deployment", "web", "-p", '{"metadata":{"annotations":{"by":"merge"}}}', has=r"patched \(no change\)")
    s("patch", "-f", s.file("settings.yaml", settings("settings", 9)), "--type=merge", "-p", '{"data":{"patched":"yes"}}', has="patched")
    if s.minor >= 24:
        s("patch", "deployment", "web", "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":2}}', has="patched")
        s.expect("deployment", "web", "spec", "replicas", 2)


def edit(s):
    s("edit", "configmap/settings", env={"KUBE_EDITOR": "sed -i s/kept/edited/"}, has="configmap/settings edited")
    s.expect("configmap", "settings", "data", "extra", "edited")
    s("edit", "configmap/settings", env={"KUBE_EDITOR": "true"}, err="no changes")
    script = s.file("break.sh", "#!/bin/sh\nsed -i 's/^data:/dada:/' \"$1\"\n")
    script.chmod(0o755)
    s("edit", "configmap/settings", env={"KUBE_EDITOR": str(script)}, rc=1)
    s.expect("configmap", "settings", "data", "extra", "edited")


def replace(s):
    s("replace", "-f", "-", input=settings("settings", 20), has="configmap/settings replaced")
    s.expect("configmap", "settings", "data", {"level": "20", "extra": "kept"})
    before = s.field("configmap", "settings", "metadata", "uid")
    s("replace", "--force", "-f", "-", input=settings("settings", 21), has="configmap/settings replaced")
    check(s.field("configmap", "settings", "metadata", "uid") != before, "replace --force kept the object")
    s("replace", "-f", "-", input=settings("absent", 1), rc=1, err="not found")
    stale = s.object("configmap", "settings")
    stale["metadata"]["resourceVersion"] = "1"
    s("replace", "-f", "-", input=json.dumps(stale), rc=1, err="Conflict|has been modified")


def mark(s):
    s("label", "configmap", "settings", "tier=high", has="configmap/settings labeled")
    s("label", "configmap", "settings", "tier=low", rc=1, err="already has a value")
    s("label", "configmap", "settings", "tier=low", "--overwrite", has="labeled")
    s("label", "configmaps", "-l", "tier=low", "marked=yes", has=("from-stdin labeled", "settings labeled"))
    s("label", "configmap", "settings", "tier-", has="labeled|unlabeled")
    s.expect("configmap", "settings", "metadata", "labels", {"set": "one", "marked": "yes"})
    s("annotate", "configmap", "settings", "note=first", has="annotated")
    s("annotate", "configmap", "settings", "note=second", "--overwrite", has="annotated")
    s.expect("configmap", "settings", "metadata", "annotations", "note", "second")
    s("annotate", "configmap", "settings", "note-", has="annotated")


def set_fields(s):
    s("set", "env", "deployment/web", "STEP=1", "A-", has="deployment.apps/web env updated")
    s.expect("deployment", "web", "spec", "template", "spec", "containers", 0, "env", [{"name": "STEP", "value": "1"}])
    s("set", "env", "deployment/web", "--list", has="^STEP=1$")
    s("set", "resources", "deployment/web", "--requests=cpu=10m,memory=16Mi", has="resource requirements updated")
    s.expect("deployment", "web", "spec", "template", "spec", "containers", 0, "resources", {"requests": {"cpu": "10m", "memory": "16Mi"}})
    s("set", "serviceaccount", "deployment/web", "robot", has="serviceaccount updated")
    s.expect("deployment", "web", "spec", "template", "spec", "serviceAccountName", "robot")
    s("set", "subject", "rolebinding", "robot-reads", "--user=jane", has="subjects updated")
    s.expect("rolebinding", "robot-reads", "subjects", 1, "name", "jane")
    s("set", "selector", "service/inside", "app=web", has="selector updated")
    s.expect("service", "inside", "spec", "selector", {"app": "web"})
    s("set", "image", "deployment/web", "nginx=nginx:stable", has="image updated")
    s("set", "image", "deployment/web", "nginx=nginx:1.22", has="image updated")
