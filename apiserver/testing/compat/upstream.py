"""What a v1.20.2 server leaves in etcd: its keys, its stored versions, its field numbers."""
import json
import os

from wire import envelope, msg

CREATED = msg((1, 1600000000), (2, 0))  # 2020-09-13T12:26:40Z
FIELDS = json.dumps({"f:metadata": {"f:labels": {".": {}, "f:app": {}}}}, separators=(",", ":"))


def meta(name, ns="", labels=None, managed=True, **more):
    """ObjectMeta with what Go writes for empty strings too, the clusterName (15) of old, and managedFields (17)."""
    entry = msg((1, "kubectl-create"), (2, "Update"), (3, "v1"), (4, CREATED), (6, "FieldsV1"), (7, msg((1, FIELDS))))
    return msg((1, name), (2, ""), (3, ns), (4, ""), (5, "uid-" + name), (6, ""), (7, more.get("generation", 0)),
               (8, CREATED), (11, labels or {"app": name}), (12, more.get("annotations")), (14, more.get("finalizers")),
               (15, ""), (17, entry if managed else None))


LABELS = msg((1, {"app": "web"}))  # LabelSelector
POD_SPEC = msg((2, msg((1, "c"), (2, "img:1"), (14, "IfNotPresent"), (13, "/dev/termination-log"), (20, "File"))),
               (3, "Always"), (4, 30), (6, "ClusterFirst"), (8, "default"), (10, "node-1"), (11, 0), (14, msg()),
               (19, "default-scheduler"))
TEMPLATE = msg((1, msg((1, ""), (11, {"app": "web"}))), (2, POD_SPEC))
# a single field that comes again wins: (3, restartPolicy)
ENDING_SPEC = POD_SPEC + msg((3, "Never"))
PORT = msg((1, 0), (2, 8080), (3, ""))  # IntOrString: a number


def int_or_string(value):
    return msg((1, 1), (2, 0), (3, value)) if isinstance(value, str) else msg((1, 0), (2, value), (3, ""))


def ingress_backend(service, port):  # v1beta1: serviceName, servicePort
    return msg((1, service), (2, int_or_string(port)))


INGRESS_SPEC = msg((1, ingress_backend("fallback", 80)), (2, msg((1, ["a.example"]), (2, "cert"))),
                   (3, msg((1, "a.example"), (2, msg((1, msg((1, [msg((1, "/x"), (2, ingress_backend("web", "http")),
                                                                  (3, "Prefix")),
                                                                  msg((1, "/y"), (2, ingress_backend("web", 81)))])))))))
                   )
JOB_TEMPLATE = msg((1, msg((1, ""))), (2, msg((1, 1), (2, 1), (6, msg((1, msg((1, ""))), (2, ENDING_SPEC))))))
OBJECT_REF = msg((1, "Pod"), (2, "default"), (3, "web"), (4, "uid-web"), (5, "v1"), (6, "7"), (7, ""))

# (key below /registry/, apiVersion, kind, fields besides metadata, path, what the answer holds)
BUILT_IN = [
    ("namespaces/default", "v1", "Namespace", [(2, msg((1, ["kubernetes"]))), (3, msg((1, "Active")))],
     "/api/v1/namespaces/default", {"status": {"phase": "Active"}}),
    ("namespaces/team", "v1", "Namespace", [(2, msg((1, ["kubernetes"]))), (3, msg((1, "Active")))],
     "/api/v1/namespaces/team", {"spec": {"finalizers": ["kubernetes"]}}),
    ("pods/default/web", "v1", "Pod", [(2, POD_SPEC), (3, msg((1, "Running"), (6, "10.1.0.7"), (9, "BestEffort")))],
     "/api/v1/namespaces/default/pods/web", {"status": {"phase": "Running", "podIP": "10.1.0.7"}}),
    ("services/specs/default/web", "v1", "Service",
     [(2, msg((1, msg((1, "http"), (2, "TCP"), (3, 80), (4, PORT), (5, 0))), (2, {"app": "web"}), (3, "10.96.0.20"),
              (4, "ClusterIP"), (7, "None"), (18, ["10.96.0.20"])))],
     "/api/v1/namespaces/default/services/web", {"spec": {"clusterIP": "10.96.0.20", "type": "ClusterIP"}}),
    ("services/endpoints/default/web", "v1", "Endpoints",
     [(2, msg((1, msg((1, "10.1.0.7"), (2, OBJECT_REF))), (3, msg((1, "http"), (2, 8080), (3, "TCP")))))],
     "/api/v1/namespaces/default/endpoints/web",
     {"subsets": [{"addresses": [{"ip": "10.1.0.7"}], "ports": [{"port": 8080}]}]}),
    ("minions/node-1", "v1", "Node", [(2, msg((1, "10.1.0.0/24"), (4, True))), (3, msg((1, {"cpu": msg((1, "4"))})))],
     "/api/v1/nodes/node-1", {"spec": {"unschedulable": True}, "status": {"capacity": {"cpu": "4"}}}),
    ("secrets/default/s", "v1", "Secret", [(2, {"k": b"\0\xff"}), (3, "Opaque")],
     "/api/v1/namespaces/default/secrets/s", {"data": {"k": "AP8="}, "type": "Opaque"}),
    ("configmaps/default/c", "v1", "ConfigMap", [(2, {"k": "v"})], "/api/v1/namespaces/default/configmaps/c",
     {"data": {"k": "v"}}),
    ("serviceaccounts/default/default", "v1", "ServiceAccount", [(2, msg((3, "default-token-x")))],
     "/api/v1/namespaces/default/serviceaccounts/default", {"secrets": [{"name": "default-token-x"}]}),
    ("persistentvolumes/pv", "v1", "PersistentVolume",
     [(2, msg((1, {"storage": msg((1, "1Gi"))}), (2, msg((3, msg((1, "/data"))))), (3, ["ReadWriteOnce"]), (5, "Retain"),
              (6, "std"), (8, "Filesystem"))), (3, msg((1, "Available")))],
     "/api/v1/persistentvolumes/pv", {"spec": {"capacity": {"storage": "1Gi"}, "hostPath": {"path": "/data"}}}),
    ("persistentvolumeclaims/default/pvc", "v1", "PersistentVolumeClaim",
     [(2, msg((1, ["ReadWriteOnce"]), (2, msg((2, {"storage": msg((1, "1Gi"))}))), (5, "std"), (6, "Filesystem"))),
      (3, msg((1, "Pending")))],
     "/api/v1/namespaces/default/persistentvolumeclaims/pvc", {"spec": {"storageClassName": "std"}}),
    ("controllers/default/rc", "v1", "ReplicationController", [(2, msg((1, 2), (2, {"app": "web"}), (3, TEMPLATE)))],
     "/api/v1/namespaces/default/replicationcontrollers/rc", {"spec": {"replicas": 2}}),
    ("deployments/default/web", "apps/v1", "Deployment",
     [(2, msg((1, 3), (2, LABELS), (3, TEMPLATE), (4, msg((1, "RollingUpdate"), (2, msg((1, int_or_string("25%")),
      (2, int_or_string("25%")))))), (6, 10), (9, 600))), (3, msg((1, 1), (2, 3)))],
     "/apis/apps/v1/namespaces/default/deployments/web", {"spec": {"replicas": 3}, "status": {"replicas": 3}}),
    ("replicasets/default/web-1", "apps/v1", "ReplicaSet", [(2, msg((1, 3), (2, LABELS), (3, TEMPLATE)))],
     "/apis/apps/v1/namespaces/default/replicasets/web-1", {"spec": {"replicas": 3}}),
    ("controllerrevisions/default/cr", "apps/v1", "ControllerRevision", [(2, msg((1, '{"a":1}'))), (3, 4)],
     "/apis/apps/v1/namespaces/default/controllerrevisions/cr", {"revision": 4, "data": {"a": 1}}),
    ("jobs/default/job", "batch/v1", "Job", [(2, msg((1, 1), (2, 1), (4, msg((1, {"controller-uid": "uid-job"}))), (6, msg(
        (1, msg((1, ""), (11, {"controller-uid": "uid-job", "job-name": "job"}))), (2, ENDING_SPEC)))))],
     "/apis/batch/v1/namespaces/default/jobs/job", {"spec": {"selector": {"matchLabels": {"controller-uid": "uid-job"}}}}),
    ("cronjobs/default/cj", "batch/v1beta1", "CronJob",
     [(2, msg((1, "*/5 * * * *"), (3, "Allow"), (4, False), (5, JOB_TEMPLATE), (6, 3), (7, 1))), (3, msg())],
     "/apis/batch/v1/namespaces/default/cronjobs/cj", {"apiVersion": "batch/v1", "spec": {"schedule": "*/5 * * * *"}}),
    ("poddisruptionbudgets/default/pdb", "policy/v1beta1", "PodDisruptionBudget",
     [(2, msg((1, int_or_string("50%")), (2, LABELS))), (3, msg((3, 1), (4, 2), (5, 1), (6, 2)))],
     "/apis/policy/v1/namespaces/default/poddisruptionbudgets/pdb",
     {"apiVersion": "policy/v1", "spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 1}}),
    ("endpointslices/default/web-x", "discovery.k8s.io/v1beta1", "EndpointSlice",
     [(2, msg((1, ["10.1.0.7"]), (2, msg((1, True))),
              (5, {"kubernetes.io/hostname": "node-1", "topology.kubernetes.io/zone": "z"}))),
      (3, msg((1, "http"), (2, "TCP"), (3, 8080))), (4, "IPv4")],
     "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/web-x",
     {"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.0.7"], "nodeName": "node-1", "zone": "z"}]}),
    ("horizontalpodautoscalers/default/hpa", "autoscaling/v1", "HorizontalPodAutoscaler",
     [(2, msg((1, msg((1, "Deployment"), (2, "web"), (3, "apps/v1"))), (2, 1), (3, 5), (4, 80)))],
     "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/hpa",
     {"spec": {"maxReplicas": 5, "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {
         "type": "Utilization", "averageUtilization": 80}}}]}}),
    ("ingress/default/ing", "networking.k8s.io/v1beta1", "Ingress",
     [(2, INGRESS_SPEC), (3, msg((1, msg((1, msg((1, "192.0.2.9")))))))],
     "/apis/networking.k8s.io/v1/namespaces/default/ingresses/ing",
     {"spec": {"defaultBackend": {"service": {"name": "fallback", "port": {"number": 80}}},
               "tls": [{"hosts": ["a.example"], "secretName": "cert"}],
               "rules": [{"host": "a.example", "http": {"paths": [
                   {"path": "/x", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"name": "http"}}}},
                   {"path": "/y", "pathType": "ImplementationSpecific",
                    "backend": {"service": {"name": "web", "port": {"number": 81}}}}]}}]},
      "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}}}),
    ("ingress/default/older", "extensions/v1beta1", "Ingress", [(2, INGRESS_SPEC)],
     "/apis/networking.k8s.io/v1/namespaces/default/ingresses/older",
     {"spec": {"defaultBackend": {"service": {"name": "fallback"}}}}),
    ("ingressclasses/cls", "networking.k8s.io/v1beta1", "IngressClass", [(2, msg((1, "example.com/c")))],
     "/apis/networking.k8s.io/v1/ingressclasses/cls", {"spec": {"controller": "example.com/c"}}),
    ("networkpolicies/default/np", "networking.k8s.io/v1", "NetworkPolicy", [(2, msg((1, msg()), (4, ["Ingress"])))],
     "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/np", {"spec": {"policyTypes": ["Ingress"]}}),
    ("flowschemas/fs", "flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema",
     [(2, msg((1, msg((1, "pl"))), (2, 9000), (3, msg((1, "ByUser")))))],
     "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/fs", {"spec": {"matchingPrecedence": 9000}}),
    ("prioritylevelconfigurations/pl", "flowcontrol.apiserver.k8s.io/v1beta1", "PriorityLevelConfiguration",
     [(2, msg((1, "Limited"), (2, msg((1, 25), (2, msg((1, "Reject")))))))],
     "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/pl",
     {"spec": {"limited": {"nominalConcurrencyShares": 25}}}),
    ("runtimeclasses/rc", "node.k8s.io/v1beta1", "RuntimeClass", [(2, "runc")], "/apis/node.k8s.io/v1/runtimeclasses/rc",
     {"handler": "runc"}),
    ("priorityclasses/high", "scheduling.k8s.io/v1", "PriorityClass", [(2, 1000), (4, "text"), (5, "Never")],
     "/apis/scheduling.k8s.io/v1/priorityclasses/high", {"value": 1000, "preemptionPolicy": "Never"}),
    ("leases/default/lease", "coordination.k8s.io/v1", "Lease", [(2, msg((1, "me"), (2, 15)))],
     "/apis/coordination.k8s.io/v1/namespaces/default/leases/lease", {"spec": {"holderIdentity": "me"}}),
    ("clusterroles/reader", "rbac.authorization.k8s.io/v1", "ClusterRole",
     [(2, msg((1, ["get"]), (2, [""]), (3, ["pods"])))],
     "/apis/rbac.authorization.k8s.io/v1/clusterroles/reader", {"rules": [{"verbs": ["get"], "resources": ["pods"]}]}),
    ("clusterrolebindings/readers", "rbac.authorization.k8s.io/v1beta1", "ClusterRoleBinding",
     [(2, msg((1, "User"), (2, "rbac.authorization.k8s.io"), (3, "alice"))),
      (3, msg((1, "rbac.authorization.k8s.io"), (2, "ClusterRole"), (3, "reader")))],
     "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/readers", {"roleRef": {"name": "reader"}}),
    ("certificatesigningrequests/csr", "certificates.k8s.io/v1", "CertificateSigningRequest",
     [(2, msg((1, b"pem"), (2, "alice"), (5, ["client auth"]), (7, "kubernetes.io/kube-apiserver-client")))],
     "/apis/certificates.k8s.io/v1/certificatesigningrequests/csr", {"spec": {"username": "alice"}}),
    ("storageclasses/std", "storage.k8s.io/v1", "StorageClass", [(2, "example.com/p"), (4, "Delete"), (7, "Immediate")],
     "/apis/storage.k8s.io/v1/storageclasses/std", {"provisioner": "example.com/p"}),
    ("csidrivers/drv.example", "storage.k8s.io/v1beta1", "CSIDriver", [(2, msg((1, True)))],
     "/apis/storage.k8s.io/v1/csidrivers/drv.example", {"spec": {"attachRequired": True}}),
    ("validatingwebhookconfigurations/hook", "admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration", [],
     "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/hook", {}),
]


def envelope_of(entry, **more):
    key, api_version, kind, fields = entry[:4]
    parts = key.split("/")
    ns = parts[-2] if "/namespaces/" in entry[4] and kind != "Namespace" else ""
    return envelope(api_version, kind, msg((1, meta(parts[-1], ns, **more)), *fields))


EVENT = envelope("v1", "Event", msg((1, meta("ev", "default", managed=False)), (2, OBJECT_REF), (3, "Started"), (4, "text"),
                                    (5, msg((1, "kubelet"))), (6, CREATED), (7, CREATED), (8, 1), (9, "Normal")))


def json_value(tree):
    """As upstream's JSON serializer writes it: no spaces, a newline behind it."""
    return (json.dumps(tree, separators=(",", ":")) + "\n").encode()


def definition(plural, kind, **spec):
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": kind + "List"}
    return json_value({
        "kind": "CustomResourceDefinition", "apiVersion": "apiextensions.k8s.io/v1beta1",
        "metadata": {"name": plural + ".old.example", "uid": "uid-" + plural, "creationTimestamp": "2020-09-13T12:26:40Z"},
        "spec": dict({"group": "old.example", "scope": "Namespaced", "names": names}, **spec),
        "status": {"conditions": [{"type": "NamesAccepted", "status": "True", "lastTransitionTime": "2020-09-13T12:26:40Z",
                                   "reason": "NoConflicts", "message": "no conflicts found"},
                                  {"type": "Established", "status": "True", "lastTransitionTime": "2020-09-13T12:26:40Z",
                                   "reason": "InitialNamesAccepted", "message": "the initial names have been accepted"}],
                   "acceptedNames": names, "storedVersions": ["v1"]}})


# v1 shares schema, columns and the status subresource with v2: upstream moves them to the top. Nothing is pruned of
# Loose, which came before structural schemas.
DEFINITIONS = {
    "widgets": definition(
        "widgets", "Widget", version="v1", preserveUnknownFields=False, conversion={"strategy": "None"},
        validation={"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "size": {"type": "integer"}, "color": {"type": "string", "default": "red"}}}, "status": {
                "type": "object", "properties": {"ready": {"type": "boolean"}}}}}},
        subresources={"status": {}},
        additionalPrinterColumns=[{"name": "Size", "type": "integer", "JSONPath": ".spec.size"}],
        versions=[{"name": "v1", "served": True, "storage": True}, {"name": "v2", "served": True, "storage": False}]),
    "looses": definition("looses", "Loose", version="v1", preserveUnknownFields=True, conversion={"strategy": "None"},
                         versions=[{"name": "v1", "served": True, "storage": True}]),
}
CUSTOM = {
    "/registry/old.example/widgets/default/w": json_value({
        "apiVersion": "old.example/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "default", "uid": "uid-w",
        "generation": 1, "creationTimestamp": "2020-09-13T12:26:40Z"}, "spec": {"size": 3}}),
    "/registry/old.example/widgets/default/w2": json_value({
        "apiVersion": "old.example/v2", "kind": "Widget", "metadata": {"name": "w2", "namespace": "default", "uid": "uid-w2",
        "generation": 1, "creationTimestamp": "2020-09-13T12:26:40Z"}, "spec": {"size": 4, "color": "blue"}}),
    "/registry/old.example/looses/default/l": json_value({
        "apiVersion": "old.example/v1", "kind": "Loose", "metadata": {"name": "l", "namespace": "default", "uid": "uid-l",
        "creationTimestamp": "2020-09-13T12:26:40Z"}, "anything": {"goes": [1, "two"]}}),
}
LOCAL_API_SERVICE = json_value({
    "kind": "APIService", "apiVersion": "apiregistration.k8s.io/v1beta1", "metadata": {
        "name": "v1.apps", "uid": "uid-v1.apps", "creationTimestamp": "2020-09-13T12:26:40Z",
        "labels": {"kube-aggregator.kubernetes.io/automanaged": "onstart"}},
    "spec": {"group": "apps", "version": "v1", "groupPriorityMinimum": 17800, "versionPriority": 15},
    "status": {"conditions": [{"type": "Available", "status": "True", "lastTransitionTime": "2020-09-13T12:26:40Z",
                               "reason": "Local", "message": "Local APIServices are always available"}]}})


def service_ranges():
    """10.96.0.0/24 with .1, .10 and .20 taken: a big integer's bytes, of which the first holds the highest addresses."""
    taken = sum(1 << (n - 1) for n in (1, 10, 20))
    ips = envelope("v1", "RangeAllocation", msg((1, msg((1, ""))), (2, "10.96.0.0/24"), (3, taken.to_bytes(3, "big"))))
    ports = envelope("v1", "RangeAllocation", msg((1, msg((1, ""))), (2, "30000-32767"), (3, b"")))
    return {"/registry/ranges/serviceips": ips, "/registry/ranges/servicenodeports": ports}


def vectors(folder):
    """(apiVersion file name, kind, JSON, stored bytes) of every object recorded from upstream."""
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".pb"):
            continue
        with open(os.path.join(folder, name), "rb") as f, open(os.path.join(folder, name[:-3] + ".json")) as j:
            yield json.load(j), f.read()
