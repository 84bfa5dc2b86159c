use seatrial_schema::protobuf::encode;
use serde_json::{Value, json};

pub(crate) const JSON: &[&str] = &[
    "{", "}", "[", "]", ":", ",", "null", "true", "\"a\"", "{\"a\":", "[[[[", "\\u0000", "\\ud800",
    "1e999",
];

pub(crate) const YAML: &[&str] = &[
    "a: ",
    "- ",
    "? ",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "!!str ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "[",
    "{",
    "'",
    "\"",
    "\n  ",
    "0o17",
    "0x1f",
    ".inf",
    ".nan",
    "~",
    "%YAML 1.2\n",
    "# ",
    "\t",
];

pub(crate) const PROTOBUF: &[&str] = &[
    "k8s\0",
    "v1",
    "Pod",
    "apps/v1",
    "Deployment",
    "\n\x02v1",
    "\x12",
];

pub(crate) const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "spec",
    "status",
    "name",
    "namespace",
    "labels",
    "annotations",
    "managedFields",
    "fieldsV1",
    "f:spec",
    "f:metadata",
    ".",
    "k:{\"name\":\"a\"}",
    "v:1",
    "i:0",
    "manager",
    "operation",
    "Apply",
    "containers",
    "initContainers",
    "ports",
    "containerPort",
    "protocol",
    "env",
    "valueFrom",
    "resources",
    "limits",
    "requests",
    "cpu",
    "memory",
    "1Gi",
    "100m",
    "50%",
    "selector",
    "matchLabels",
    "matchExpressions",
    "template",
    "replicas",
    "strategy",
    "rollingUpdate",
    "maxSurge",
    "maxUnavailable",
    "volumes",
    "volumeMounts",
    "volumeClaimTemplates",
    "schedule",
    "* * * * *",
    "timeZone",
    "startingDeadlineSeconds",
    "activeDeadlineSeconds",
    "backoffLimit",
    "completions",
    "parallelism",
    "completionMode",
    "Indexed",
    "podFailurePolicy",
    "successPolicy",
    "rules",
    "succeededIndexes",
    "0-3,5",
    "tolerations",
    "affinity",
    "topologySpreadConstraints",
    "securityContext",
    "livenessProbe",
    "httpGet",
    "grpc",
    "exec",
    "port",
    "targetPort",
    "clusterIP",
    "clusterIPs",
    "nodePort",
    "type",
    "LoadBalancer",
    "ExternalName",
    "data",
    "immutable",
    "roleRef",
    "subjects",
    "metrics",
    "behavior",
    "minReplicas",
    "maxReplicas",
    "webhooks",
    "clientConfig",
    "finalizers",
    "ownerReferences",
    "deletionTimestamp",
    "2026-01-01T00:00:00Z",
    "generateName",
    "terminationGracePeriodSeconds",
];

pub(crate) const PATCH: &[&str] = &[
    "op",
    "path",
    "value",
    "from",
    "add",
    "remove",
    "replace",
    "move",
    "copy",
    "test",
    "/spec",
    "/-",
    "/spec/containers/0",
    "",
    "/a/b",
    "~0",
    "~1",
    "$patch",
    "$retainKeys",
    "$setElementOrder/containers",
    "$deleteFromPrimitiveList/finalizers",
    "merge",
    "delete",
    "containers",
    "name",
    "spec",
    "metadata",
    "finalizers",
    "labels",
];

pub(crate) const SCHEMA: &[&str] = &[
    "type",
    "object",
    "array",
    "string",
    "integer",
    "number",
    "boolean",
    "properties",
    "items",
    "additionalProperties",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "map",
    "set",
    "atomic",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-validations",
    "rule",
    "default",
    "nullable",
    "required",
    "enum",
    "pattern",
    "(a+)+$",
    "format",
    "date-time",
    "byte",
    "int32",
    "minimum",
    "maximum",
    "multipleOf",
    "minLength",
    "maxItems",
    "uniqueItems",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "spec",
    "status",
    "metadata",
    "self.spec",
    "maxProperties",
    "ipv4",
    "uuid",
    "duration",
];

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod_spec()},
        },
    })
}

fn pod_spec() -> Value {
    json!({
        "terminationGracePeriodSeconds": 30,
        "containers": [{
            "name": "web", "image": "nginx:1.27", "command": ["a"], "args": ["b", "$(C)"],
            "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP", "hostPort": 8080}],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1"}},
            "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 10},
            "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
            "securityContext": {"runAsUser": 1000, "capabilities": {"add": ["NET_ADMIN"]}},
            "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "x"}],
        }],
        "initContainers": [{"name": "init", "image": "b", "restartPolicy": "Always"}],
        "volumes": [
            {"name": "v", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "p", "projected": {"sources": [{"configMap": {"name": "c", "items": [{"key": "k", "path": "p"}]}}]}},
        ],
        "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}]}}},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
        "priorityClassName": "high", "schedulingGates": [{"name": "g"}], "overhead": {"cpu": "1m"},
    })
}

/// Objects of many kinds.
fn objects() -> Vec<Value> {
    let small = |version: &str, kind: &str, rest: Value| {
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a", "namespace": "b"}});
        if let (Some(object), Value::Object(rest)) = (object.as_object_mut(), rest) {
            object.extend(rest);
        }
        object
    };
    let template = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}});
    let job = json!({"backoffLimit": 3, "completions": 2, "parallelism": 2, "completionMode": "Indexed", "activeDeadlineSeconds": 60,
        "backoffLimitPerIndex": 1, "maxFailedIndexes": 1, "ttlSecondsAfterFinished": 5, "template": template.clone(),
        "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]},
        "successPolicy": {"rules": [{"succeededIndexes": "0-1", "succeededCount": 1}]}});
    vec![
        deployment(),
        small(
            "v1",
            "Pod",
            json!({"spec": pod_spec(), "status": {"phase": "Running", "podIP": "10.0.0.1"}}),
        ),
        small(
            "v1",
            "Service",
            json!({"spec": {"type": "NodePort", "clusterIP": "10.96.0.9", "selector": {"a": "b"},
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080}], "sessionAffinity": "ClientIP"}}),
        ),
        small(
            "v1",
            "ConfigMap",
            json!({"data": {"a": "b"}, "binaryData": {"c": "AAE="}, "immutable": true}),
        ),
        small(
            "v1",
            "Secret",
            json!({"type": "Opaque", "data": {"a": "AAE="}, "stringData": {"b": "c"}}),
        ),
        small(
            "v1",
            "Namespace",
            json!({"spec": {"finalizers": ["kubernetes"]}}),
        ),
        small(
            "v1",
            "Node",
            json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}], "podCIDR": "10.0.0.0/24"}}),
        ),
        small(
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        ),
        small(
            "v1",
            "ResourceQuota",
            json!({"spec": {"hard": {"pods": "10", "requests.cpu": "1"}, "scopes": ["BestEffort"]}}),
        ),
        small(
            "v1",
            "LimitRange",
            json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "500m"}}]}}),
        ),
        small(
            "v1",
            "Event",
            json!({"involvedObject": {"kind": "Pod", "name": "a"}, "reason": "R", "count": 1}),
        ),
        small(
            "apps/v1",
            "StatefulSet",
            json!({"spec": {"serviceName": "s", "replicas": 3, "ordinals": {"start": 1}, "selector": {"matchLabels": {"app": "a"}},
            "template": template, "updateStrategy": {"rollingUpdate": {"partition": 1}},
            "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]}}),
        ),
        small(
            "apps/v1",
            "DaemonSet",
            json!({"spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template, "updateStrategy": {"type": "OnDelete"}}}),
        ),
        small("batch/v1", "Job", json!({"spec": job})),
        small(
            "batch/v1",
            "CronJob",
            json!({"spec": {"schedule": "*/5 * * * *", "timeZone": "Europe/Berlin", "jobTemplate": {"spec": job}, "startingDeadlineSeconds": 10}}),
        ),
        small(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({"spec": {"minReplicas": 1, "maxReplicas": 9, "scaleTargetRef": {"kind": "Deployment", "name": "a"},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300, "policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}]}}}}),
        ),
        small(
            "policy/v1",
            "PodDisruptionBudget",
            json!({"spec": {"minAvailable": "50%", "selector": {"matchLabels": {"a": "b"}}}}),
        ),
        small(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], "ports": [{"port": 80, "endPort": 90}]}]}}),
        ),
        small(
            "networking.k8s.io/v1",
            "Ingress",
            json!({"spec": {"rules": [{"host": "a.b", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}}),
        ),
        small(
            "rbac.authorization.k8s.io/v1",
            "Role",
            json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        ),
        small(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            json!({"roleRef": {"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"}, "subjects": [{"kind": "User", "name": "u"}]}),
        ),
        small(
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            json!({"webhooks": [{"name": "a.b.c", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://a"}, "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["*"]}]}]}),
        ),
        small(
            "storage.k8s.io/v1",
            "StorageClass",
            json!({"provisioner": "p", "volumeBindingMode": "WaitForFirstConsumer"}),
        ),
        small(
            "scheduling.k8s.io/v1",
            "PriorityClass",
            json!({"value": 1000, "preemptionPolicy": "Never"}),
        ),
        small(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 80}]}),
        ),
        small(
            "coordination.k8s.io/v1",
            "Lease",
            json!({"spec": {"leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"}}),
        ),
    ]
}

pub(crate) fn json() -> Vec<Vec<u8>> {
    let mut samples: Vec<_> = objects()
        .iter()
        .map(|object| object.to_string().into_bytes())
        .collect();
    samples.extend(super::texts(&[
        "{\"a\":1,\"a\":2}",
        "[1e5,-0.5,\"\\u00e9\"]",
        " null ",
    ]));
    samples.extend(["[", "{\"a\":", "[{\"\":"].map(|open| open.repeat(400_000).into_bytes()));
    samples
}

pub(crate) fn yaml() -> Vec<Vec<u8>> {
    let mut samples = super::texts(&[
        include_str!("../../../../examples/shop/k8s/base/rollout.yaml"),
        include_str!("../../../../examples/shop/k8s/base/service.yaml"),
        include_str!("../../../../examples/shop/k8s/overlays/production/analysis-template.yaml"),
        "a: &x [1, 2]\nb: *x\nc: {<<: {d: 1}}\n",
        "a: |\n  text\n  more\nb: >-\n  folded\n---\n- 1\n- ~\n",
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n",
    ]);
    samples.extend(
        ["[", "{a: ", "- ", "{", "? "].map(|open| open.repeat(1_500_000 / open.len()).into_bytes()),
    );
    samples
}

pub(crate) fn protobuf() -> Vec<Vec<u8>> {
    let encoded = objects()
        .into_iter()
        .filter_map(|object| encode(&object).ok());
    let mut samples: Vec<Vec<u8>> = encoded.collect();
    // A schema within a schema within a schema.
    let mut schema = json!({"type": "object"});
    for _ in 0..50 {
        schema = json!({"type": "array", "items": schema});
    }
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a"},
        "spec": {"group": "g", "scope": "Cluster", "names": {"plural": "a", "kind": "A"}, "versions": [
            {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}});
    samples.extend(encode(&definition).ok());
    samples
}

/// Each object twice: the second is the old one.
pub(crate) fn kind() -> Vec<Vec<u8>> {
    let texts = objects().into_iter().map(|object| object.to_string());
    texts
        .flat_map(|text| super::joined(&[&[&text, &text]]))
        .collect()
}

pub(crate) fn patch() -> Vec<Vec<u8>> {
    let object = deployment().to_string();
    let nested: Vec<Value> = (0..200)
        .map(|depth| json!({"op": "add", "path": "/a".repeat(depth + 1), "value": {}}))
        .collect();
    let nested = Value::from(nested).to_string();
    super::joined(&[
        &[
            &object,
            r#"{"spec":{"replicas":null,"template":{"spec":{"containers":[{"name":"web","image":"b"}]}}}}"#,
            &object,
        ],
        &[
            &object,
            r#"{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"x"},{"name":"web"}],"containers":[{"name":"x","image":"y"},{"name":"web","$patch":"delete"}]}}}}"#,
        ],
        &[
            &object,
            r#"{"metadata":{"$deleteFromPrimitiveList/finalizers":["a"],"finalizers":["b"]},"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}"#,
        ],
        &[
            &object,
            r#"[{"op":"test","path":"/kind","value":"Deployment"},{"op":"replace","path":"/spec/replicas","value":3},{"op":"move","from":"/spec/strategy","path":"/spec/s"}]"#,
        ],
        &[
            r#"{"a":["xxxxxxxxxxxxxxxx"]}"#,
            r#"[{"op":"copy","from":"/a","path":"/a/-"},{"op":"copy","from":"/a","path":"/a/-"},{"op":"copy","from":"","path":"/b"}]"#,
        ],
        &["{}", &nested],
    ])
}

pub(crate) fn apply() -> Vec<Vec<u8>> {
    let mut live = deployment();
    live["metadata"]["managedFields"] = json!([{
        "manager": "other", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "time": "2025-01-01T00:00:00Z",
        "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:name": {},
            "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}}}},
    }, {"manager": "fuzzer", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": {"f:app": {}}}}}]);
    let config = deployment().to_string();
    let mut samples = super::joined(&[
        &[&config],
        &[&config, &live.to_string()],
        &[
            r#"{"apiVersion":"example.com/v1","kind":"X","spec":{"a":[1,2]}}"#,
            "{\"spec\":{\"a\":[3]}}",
        ],
    ]);
    samples.extend(kind());
    samples
}

pub(crate) fn custom() -> Vec<Vec<u8>> {
    let schema = json!({"type": "object", "required": ["spec"], "properties": {
        "spec": {"type": "object", "properties": {
            "replicas": {"type": "integer", "minimum": 0, "maximum": 10, "default": 1, "format": "int32"},
            "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 63, "enum": ["a", "b"]},
            "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["key"], "items": {"type": "object", "required": ["key"], "properties": {"key": {"type": "string"}, "v": {"type": "number", "multipleOf": 0.5}}}},
            "map": {"type": "object", "additionalProperties": {"type": "string", "format": "date-time"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "nullable": true},
            "template": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}},
        }, "x-kubernetes-validations": [{"rule": "self.replicas > 0", "message": "m"}]},
    }}).to_string();
    let object = json!({"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "a"}, "spec": {"name": "a", "port": "80", "list": [{"key": "a", "v": 1.5}],
        "map": {"a": "2026-01-01T00:00:00Z"}, "free": {"x": 1}, "template": {"apiVersion": "v1", "kind": "X", "metadata": {}}}}).to_string();
    super::joined(&[
        &[&schema, &object],
        &[
            r#"{"type":"object","additionalProperties":{"type":"array","items":{"type":"string"}}}"#,
            r#"{"a":["b"]}"#,
        ],
    ])
}
