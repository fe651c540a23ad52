"""Every generator of `kubectl create`, then `get` in all its outputs over what they made."""

import base64
import json

import yaml

from harness import check


def chapter(s):
    workloads(s)
    services(s)
    configuration(s)
    access(s)
    policies(s)
    dry_runs(s)
    outputs(s)
    selections(s)


def workloads(s):
    s("create", "deployment", "web", "--image=nginx:1.22", "--replicas=2", "--port=80", has="deployment.apps/web created")
    s.expect("deployment", "web", "spec", "replicas", 2)
    s.expect("deployment", "web", "spec", "template", "spec", "containers", 0, "ports", 0, "containerPort", 80)
    s("create", "deployment", "web", "--image=nginx:1.22", rc=1, err=r'"web" already exists')
    s("create", "job", "once", "--image=busybox", "--", "true", has="job.batch/once created")
    s("create", "cronjob", "nightly", "--image=busybox", "--schedule=0 3 * * *", "--", "date", has="cronjob.batch/nightly created")
    s.expect("cronjob", "nightly", "spec", "schedule", "0 3 * * *")
    if s.minor >= 21:  # before, it reads batch/v1beta1
        s("create", "job", "now", "--from=cronjob/nightly", has="job.batch/now created")
        s.expect("job", "now", "metadata", "ownerReferences", 0, "name", "nightly")


def services(s):
    s("create", "service", "clusterip", "inside", "--tcp=80:8080", has="service/inside created")
    s.expect("service", "inside", "spec", "ports", 0, "targetPort", 8080)
    s("create", "service", "clusterip", "headless", "--clusterip=None", has="created")
    s("create", "service", "nodeport", "outside", "--tcp=80", has="created")
    check(30000 <= s.field("service", "outside", "spec", "ports", 0, "nodePort") <= 32767, "the node port")
    s("create", "service", "loadbalancer", "balanced", "--tcp=443:8443", has="created")
    s.expect("service", "balanced", "spec", "type", "LoadBalancer")
    s("create", "service", "externalname", "elsewhere", "--external-name=db.example.org", has="created")
    s.expect("service", "elsewhere", "spec", "externalName", "db.example.org")
    s("create", "ingress", "front", "--rule=shop.example.org/cart*=inside:80", has="ingress.networking.k8s.io/front created")
    s.expect("ingress", "front", "spec", "rules", 0, "http", "paths", 0, "pathType", "Prefix")


def configuration(s):
    text, env = s.file("colours.txt", "red\ngreen\n"), s.file("settings.env", "# a comment\nLEVEL=7\nNAME=cube\n")
    s("create", "configmap", "literal", "--from-literal=a=1", "--from-literal=b=two words", has="created")
    s.expect("configmap", "literal", "data", {"a": "1", "b": "two words"})
    s("create", "configmap", "files", f"--from-file={text}", f"--from-file=other={text}", has="created")
    s.expect("configmap", "files", "data", {"colours.txt": "red\ngreen\n", "other": "red\ngreen\n"})
    s("create", "configmap", "env", f"--from-env-file={env}", has="created")
    s.expect("configmap", "env", "data", {"LEVEL": "7", "NAME": "cube"})
    s("create", "secret", "generic", "password", "--from-literal=password=s3cret", has="created")
    s.expect("secret", "password", "data", "password", base64.b64encode(b"s3cret").decode())
    user = yaml.safe_load(s.config.read_text())["users"][0]["user"]
    cert, key = (s.file(name, base64.b64decode(user[f"client-{kind}-data"]).decode())
                 for name, kind in (("tls.crt", "certificate"), ("tls.key", "key")))
    s("create", "secret", "tls", "pair", f"--cert={cert}", f"--key={key}", has="created")
    s.expect("secret", "pair", "type", "kubernetes.io/tls")
    s("create", "secret", "docker-registry", "pull", "--docker-server=registry.example.org", "--docker-username=me", "--docker-password=pw", has="created")
    auths = json.loads(base64.b64decode(s.field("secret", "pull", "data", ".dockerconfigjson")))["auths"]
    check(auths["registry.example.org"]["username"] == "me", f"the registry's secret: {auths}")


def access(s):
    s("create", "serviceaccount", "robot", has="serviceaccount/robot created")
    s("create", "role", "reader", "--verb=get,list", "--resource=pods,deployments.apps", has="created")
    s.expect("role", "reader", "rules", [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
                                         {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]}])
    s("create", "rolebinding", "robot-reads", "--role=reader", f"--serviceaccount={s.ns}:robot", has="created")
    robot = f"--as=system:serviceaccount:{s.ns}:robot"
    s("auth", "can-i", "list", "pods", robot, has="^yes$")
    s("create", "clusterrole", f"{s.ns}-metrics", "--verb=get", "--non-resource-url=/metrics", has="created")
    s("create", "clusterrole", f"{s.ns}-sum", f"--aggregation-rule=cube.test/part-of={s.ns}", has="created")
    s("label", "clusterrole", f"{s.ns}-metrics", f"cube.test/part-of={s.ns}", has="labeled")
    s("create", "clusterrolebinding", f"{s.ns}-robot", f"--clusterrole={s.ns}-metrics", f"--serviceaccount={s.ns}:robot", has="created")
    s("get", "--raw", "/metrics", robot, has="^apiserver_request_total")
    if s.minor >= 24:
        token = s("create", "token", "robot", "--duration=1h", has=r"^[\w-]+\.[\w-]+\.[\w-]+$").strip()
        s("--token", token, "auth", "can-i", "get", "pods", env={}, has="^yes$")


def policies(s):
    s("create", "quota", "limits", "--hard=configmaps=50,services.nodeports=3", has="resourcequota/limits created")
    s("create", "priorityclass", f"{s.ns}-high", "--value=1000", "--description=first", has="created")
    s.expect("priorityclass", f"{s.ns}-high", "value", 1000)
    s("create", "poddisruptionbudget", "web", "--selector=app=web", "--min-available=1", has="created")
    s.expect("poddisruptionbudget", "web", "spec", "minAvailable", 1)


def dry_runs(s):
    s("create", "namespace", f"{s.ns}-dry", "--dry-run=client", "-o", "yaml", has="^kind: Namespace$")
    s("create", "configmap", "dry", "--from-literal=a=1", "--dry-run=server", "-o", "json", has='"uid":')
    s.gone("configmap", "dry")
    s("create", "-f", "-", "--save-config", input='{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "from-stdin", "labels": {"tier": "low"}}}',
      has="configmap/from-stdin created")
    s("create", "-f", "-", input='{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "Not_A_Name"}}', rc=1, err="metadata.name")


def outputs(s):
    check(json.loads(s("get", "deployment", "web", "-o", "json"))["spec"]["replicas"] == 2, "get -o json")
    check(yaml.safe_load(s("get", "deployment", "web", "-o", "yaml"))["metadata"]["name"] == "web", "get -o yaml")
    s("get", "deployment", "web", "-o", "wide", has=("SELECTOR", r"nginx:1\.22\s+app=web"))
    s("get", "deployment/web", "service/inside", "-o", "name", has=("^deployment.apps/web$", "^service/inside$"))
    s("get", "configmap", "literal", "-o", "jsonpath={.data.a}{\"\\n\"}{range .data.*}<{@}>{end}", has=("^1$", "<two words>"))
    s("get", "services", "-o", "custom-columns=WHO:.metadata.name,KIND:.spec.type", has=(r"^WHO +KIND$", r"^elsewhere +ExternalName$"))
    if s.can("get", "configmaps", "-o", "go-template={{.}}"):
        go_templates(s)
    s("get", "services", "--no-headers", has="^inside ", lacks="NAME")


def go_templates(s):
    template = "{{range .items}}{{if .data}}{{.metadata.name}}={{len .data}};{{end}}{{end}}"
    s("get", "configmaps", "-o", f"go-template={template}", has="literal=2;")
    s("get", "configmaps", "-o", f"go-template-file={s.file('names.tmpl', template)}", has="env=2;.*files=2;")


def selections(s):
    names = s("get", "configmaps", "--sort-by=.metadata.name", "-o", "name").split()
    check(names == sorted(names) and "configmap/literal" in names, f"--sort-by gave {names}")
    stamps = s("get", "services", "--sort-by={.metadata.creationTimestamp}", "-o", "jsonpath={.items[*].metadata.creationTimestamp}").split()
    check(stamps == sorted(stamps), f"--sort-by the time gave {stamps}")
    s("get", "configmaps", "-l", "tier=low", has="^from-stdin", lacks="^literal")
    s("get", "configmaps", "-l", "tier notin (low)", has="^literal", lacks="^from-stdin")
    s("get", "configmaps", "--show-labels", "-L", "tier", has=r"tier=low")
    s("get", "secrets", "--field-selector=type=kubernetes.io/tls", has="^pair", lacks="^password")
    s("get", "services", "-A", "--field-selector=metadata.name=kubernetes", has=r"^default +kubernetes +ClusterIP")
    s("get", "configmaps", "--chunk-size=2", has=("^literal", "^files", "^from-stdin"))
    s("get", "all", has=("deployment.apps/web", "service/inside", "cronjob.batch/nightly"))
    s("get", "deployments,configmaps", has=("^deployment.apps/web", "^configmap/literal"))
    s("get", "configmap", "none", rc=1, err='configmaps "none" not found')
    s("get", "configmap", "none", "--ignore-not-found", lacks=".")
    s("get", "nonsense", rc=1, err='the server doesn\'t have a resource type "nonsense"')
