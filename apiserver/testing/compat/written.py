"""Objects to be created through Cube, and what v1.20 must find in the store: the key, a version that it knows, fields by
their numbers."""

POD_SPEC = {"containers": [{"name": "c", "image": "img:1", "resources": {"requests": {"cpu": "0.5"}}}]}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": POD_SPEC}
SELECTOR = {"matchLabels": {"a": "b"}}
ENDING = {"template": {"spec": dict(POD_SPEC, restartPolicy="Never")}}
NS = "/namespaces/default/"
HPA = {"scaleTargetRef": {"kind": "Deployment", "name": "w", "apiVersion": "apps/v1"}, "maxReplicas": 5}
UTILIZATION = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}

# (folder below /registry/, path, apiVersion in the store, body, [(field numbers, value)])
OBJECTS = [
    ("pods", "/api/v1" + NS + "pods", "v1", {"spec": POD_SPEC},
     [((2, 2, 1), b"c"), ((2, 2, 2), b"img:1"), ((2, 2, 8, 2, 2, 1), b"500m"), ((3, 1), b"Pending")]),
    ("services/specs", "/api/v1" + NS + "services", "v1", {"spec": {"ports": [{"port": 80}], "clusterIP": "10.96.0.77"}},
     [((2, 3), b"10.96.0.77"), ((2, 1, 3), 80), ((2, 1, 4, 2), 80)]),
    ("services/endpoints", "/api/v1" + NS + "endpoints", "v1",
     {"subsets": [{"addresses": [{"ip": "10.1.0.8"}], "ports": [{"port": 1}]}]}, [((2, 1, 1), b"10.1.0.8"), ((2, 3, 2), 1)]),
    ("minions", "/api/v1/nodes", "v1", {"spec": {"podCIDR": "10.2.0.0/24"}}, [((2, 1), b"10.2.0.0/24")]),
    ("controllers", "/api/v1" + NS + "replicationcontrollers", "v1", {"spec": {"replicas": 0, "template": TEMPLATE}},
     [((2, 1), 0), ((2, 3, 2, 2, 1), b"c")]),
    ("secrets", "/api/v1" + NS + "secrets", "v1", {"stringData": {"k": "v"}}, [((2, 1), b"k"), ((2, 2), b"v"), ((3,), b"Opaque"),
                                                                             ((4,), None)]),
    ("persistentvolumes", "/api/v1/persistentvolumes", "v1",
     {"spec": {"capacity": {"storage": "1024Mi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/d"}}},
     [((2, 1, 2, 1), b"1Gi")]),
    ("deployments", "/apis/apps/v1" + NS + "deployments", "apps/v1", {"spec": {"selector": SELECTOR, "template": TEMPLATE}},
     [((2, 1), 1), ((2, 4, 1), b"RollingUpdate"), ((2, 4, 2, 1, 3), b"25%")]),
    ("jobs", "/apis/batch/v1" + NS + "jobs", "batch/v1", {"spec": ENDING}, [((2, 1), 1)]),
    ("cronjobs", "/apis/batch/v1" + NS + "cronjobs", "batch/v1beta1",
     {"spec": {"schedule": "1 * * * *", "jobTemplate": {"spec": ENDING}}}, [((2, 1), b"1 * * * *"), ((2, 3), b"Allow")]),
    ("poddisruptionbudgets", "/apis/policy/v1" + NS + "poddisruptionbudgets", "policy/v1beta1",
     {"spec": {"maxUnavailable": 1, "selector": SELECTOR}}, [((2, 3, 2), 1), ((2, 2, 1, 1), b"a")]),
    ("endpointslices", "/apis/discovery.k8s.io/v1" + NS + "endpointslices", "discovery.k8s.io/v1beta1",
     {"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.0.8"], "nodeName": "n", "zone": "z"}], "ports": [{"port": 8}]},
     [((2, 1), b"10.1.0.8"), ((2, 5, 1), b"kubernetes.io/hostname"), ((2, 5, 2), b"n"), ((3, 3), 8), ((4,), b"IPv4")]),
    ("horizontalpodautoscalers", "/apis/autoscaling/v2" + NS + "horizontalpodautoscalers", "autoscaling/v1",
     {"spec": dict(HPA, metrics=[UTILIZATION])}, [((2, 1, 2), b"w"), ((2, 3), 5), ((2, 4), 70)]),
    ("ingress", "/apis/networking.k8s.io/v1" + NS + "ingresses", "networking.k8s.io/v1",
     {"spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}}, [((2, 1, 4, 1), b"s"), ((2, 1, 4, 2, 2), 80)]),
    ("leases", "/apis/coordination.k8s.io/v1" + NS + "leases", "coordination.k8s.io/v1", {"spec": {"holderIdentity": "me"}},
     [((2, 1), b"me")]),
    ("clusterroles", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "rbac.authorization.k8s.io/v1",
     {"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}, [((2, 1), b"get"), ((2, 3), b"pods")]),
    ("storageclasses", "/apis/storage.k8s.io/v1/storageclasses", "storage.k8s.io/v1", {"provisioner": "p"},
     [((2,), b"p"), ((4,), b"Delete"), ((7,), b"Immediate")]),
    ("priorityclasses", "/apis/scheduling.k8s.io/v1/priorityclasses", "scheduling.k8s.io/v1", {"value": 7}, [((2,), 7)]),
    ("flowschemas", "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas", "flowcontrol.apiserver.k8s.io/v1beta1",
     {"spec": {"matchingPrecedence": 7000, "priorityLevelConfiguration": {"name": "pl"}}}, [((2, 2), 7000), ((2, 1, 1), b"pl")]),
    ("prioritylevelconfigurations", "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations",
     "flowcontrol.apiserver.k8s.io/v1beta1",
     {"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 9, "limitResponse": {"type": "Reject"}}}},
     [((2, 2, 1), 9), ((2, 2, 2, 1), b"Reject")]),
    ("events", "/api/v1" + NS + "events", "v1", {"involvedObject": {"namespace": "default", "kind": "Pod", "name": "x"},
                                                  "reason": "R"}, [((3,), b"R"), ((2, 3), b"x")]),
]

# What only our version can say stays in it: nothing is lost for the sake of v1.20.
NEWER = [
    ("endpointslices", "/apis/discovery.k8s.io/v1" + NS + "endpointslices", "discovery.k8s.io/v1",
     {"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.0.8"], "deprecatedTopology": {"kubernetes.io/hostname": "o"}}]},
     [((2, 5, 2), b"o")]),
    ("prioritylevelconfigurations", "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations",
     "flowcontrol.apiserver.k8s.io/v1",
     {"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 0, "limitResponse": {"type": "Reject"}}}},
     [((2, 2, 1), 0)]),
]
