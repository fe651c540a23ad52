"""What a user looks at before changing anything: configuration, versions, resources, schema, rights."""


def chapter(s):
    configuration(s)
    server(s)
    schema(s)
    rights(s)


def configuration(s):
    s("config", "set-context", "--current", f"--namespace={s.ns}", has="modified")
    s("config", "view", "--minify", has=(f"namespace: {s.ns}", "server: https://", "DATA\\+OMITTED|REDACTED"))
    s("config", "view", "--minify", "--raw", "-o", "jsonpath={.clusters[0].cluster.server}", has=r"^https://127\.0\.0\.1:\d+$")
    s("config", "current-context", has="^cube$")
    s("config", "get-contexts", has=rf"^\*\s+cube\s+cube\s+cube\s+{s.ns}$")


def server(s):
    s("version", has="Server Version")
    s("cluster-info", has="is running at .*https://127.0.0.1")
    s("get", "--raw", "/version", has='"major": ?"1"')
    s("get", "--raw", "/readyz?verbose", has=r"\[\+\]ping ok")
    s("get", "--raw", "/nothing/here", rc=1, err="NotFound|not find")
    s("get", "nodes", "-o", "wide", has=("INTERNAL-IP", "containerd://"))
    s("describe", "nodes", has=("Allocatable:", "Allocated resources:"))
    s("top", "nodes", rc=1, err="Metrics API not available|metrics")


def schema(s):
    s("api-resources", has=r"^deployments\s+deploy\s+apps/v1\s+true\s+Deployment")
    s("api-resources", "--namespaced=false", "-o", "name", has="^clusterroles.rbac.authorization.k8s.io$", lacks="^pods$")
    s("api-resources", "--api-group=apps", "-o", "wide", has=r"^statefulsets\s+sts .*create")
    s("api-versions", has=("^v1$", "^apps/v1$", r"^rbac\.authorization\.k8s\.io/v1$"))
    s("explain", "pods.spec.containers.image", has=("KIND: +Pod", "FIELD: +image"))
    s("explain", "deployments", "--recursive", has=("matchLabels", "maxUnavailable"))
    s("explain", "pods.spec.nothing", rc=1, err='field "nothing" does not exist')


def rights(s):
    nobody = f"--as=system:serviceaccount:{s.ns}:default"
    s("auth", "can-i", "create", "deployments.apps", has="^yes$")
    s("auth", "can-i", "delete", "nodes", nobody, rc=1, has="^no")
    s("auth", "can-i", "--list", has=(r"^\*\.\*\s+\[\]\s+\[\]\s+\[\*\]", r"\[/healthz\]"))
    s("auth", "can-i", "--list", nobody, has="selfsubjectaccessreviews", lacks=r"^\*\.\*")
    s("get", "pods", nobody, rc=1, err="Forbidden.*cannot list resource")
    if s.minor >= 28:
        s("auth", "whoami", "-o", "jsonpath={.status.userInfo.groups}", has="system:masters")
