// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

fn list(causes: &[Cause]) -> String {
    causes
        .iter()
        .map(|cause| format!("{cause} ({})\n", cause.reason.name()))
        .collect()
}

fn check(group: &str, kind: &str, mut object: Value, expected: &Expect) {
    crate::defaults::apply(group, "v1", kind, &mut object);
    expected.assert_eq(&list(&create(group, kind, &object)));
}

fn deployment(labels: &Value, spec: &Value) -> Value {
    json!({"spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": labels}, "spec": spec}}})
}

#[test]
fn the_tables_are_sorted() {
    assert!(CHECKS.is_sorted_by_key(|(group, kind, _)| (*group, *kind)));
    assert!(COMPARISONS.is_sorted_by_key(|(group, kind, _)| (*group, *kind)));
}

#[test]
fn right_objects_have_no_causes() {
    let object = deployment(
        &json!({"app": "web", "x": "y"}),
        &json!({"containers": [{"name": "a", "image": "a",
        "ports": [{"name": "http", "containerPort": 80}], "livenessProbe": {"httpGet": {"port": "http"}},
        "volumeMounts": [{"name": "v", "mountPath": "/v"}], "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}],
        "volumes": [{"name": "v", "emptyDir": {}}]}),
    );
    check("apps", "Deployment", object, &expect![]);
    check(
        "",
        "Service",
        json!({"spec": {"ports": [{"port": 80}]}}),
        &expect![],
    );
    check(
        "batch",
        "Job",
        json!({"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}}}),
        &expect![],
    );
}

#[test]
fn claims_of_a_stateful_set_are_volumes() {
    let object = json!({"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "a", "image": "a", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}]}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}});
    check("apps", "StatefulSet", object, &expect![]);
}

#[test]
fn workloads() {
    let mut object = deployment(&json!({"app": "other"}), &json!({"containers": []}));
    object["spec"]["replicas"] = json!(-1);
    object["spec"]["strategy"] = json!({"type": "Recreate", "rollingUpdate": {}});
    check(
        "apps",
        "Deployment",
        object,
        &expect![[r#"
        spec.replicas: Invalid value: -1: must be greater than or equal to 0 (FieldValueInvalid)
        spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels` (FieldValueInvalid)
        spec.template.spec.containers: Required value (FieldValueRequired)
        spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate' (FieldValueForbidden)
    "#]],
    );
    check(
        "apps",
        "Deployment",
        json!({"spec": {"selector": {}, "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}}}),
        &expect![[r#"
            spec.selector: Invalid value: {}: empty selector is invalid for deployment (FieldValueInvalid)
            spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always" (FieldValueNotSupported)
            spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0 (FieldValueInvalid)
        "#]],
    );
    check(
        "apps",
        "StatefulSet",
        json!({}),
        &expect![[r#"
        spec.selector: Required value (FieldValueRequired)
        spec.template.spec.containers: Required value (FieldValueRequired)
    "#]],
    );
    check(
        "batch",
        "Job",
        json!({"spec": {"completionMode": "Indexed", "parallelism": 1, "template": {"spec": {"containers": [{"name": "a", "image": "a"}]}}}}),
        &expect![[r#"
            spec.completions: Required value: when completion mode is Indexed (FieldValueRequired)
            spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never" (FieldValueRequired)
        "#]],
    );
    check(
        "batch",
        "CronJob",
        json!({"spec": {"schedule": "* *", "concurrencyPolicy": "Maybe", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}}}}}),
        &expect![[r#"
            spec.schedule: Invalid value: "* *": expected exactly 5 fields, found 2: [* *] (FieldValueInvalid)
            spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace" (FieldValueNotSupported)
        "#]],
    );
}

#[test]
fn pods() {
    let object = json!({"spec": {"restartPolicy": "Sometimes", "containers": [
        {"name": "A", "image": "a ", "imagePullPolicy": "Now", "ports": [{"name": "x", "containerPort": 0}, {"name": "x", "containerPort": 70000, "protocol": "ICMP"}]},
        {"name": "b", "livenessProbe": {"successThreshold": 2}, "readinessProbe": {"httpGet": {"port": 80}, "tcpSocket": {"port": 99999}},
            "volumeMounts": [{"name": "gone", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}],
            "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}},
            "env": [{"value": "x"}, {"name": "A", "value": "x", "valueFrom": {}}], "envFrom": [{}]},
        {"name": "b", "image": "b"}],
        "volumes": [{"name": "v", "emptyDir": {}, "secret": {}}, {"name": "v", "configMap": {"name": "c", "defaultMode": 1000}}],
        "tolerations": [{"value": "x"}]}});
    check(
        "",
        "Pod",
        object,
        &expect![[r#"
            spec.volumes[1].name: Duplicate value: "v" (FieldValueDuplicate)
            spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type (FieldValueForbidden)
            spec.volumes[0].secret.secretName: Required value (FieldValueRequired)
            spec.volumes[1].configMap.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive (FieldValueInvalid)
            spec.containers[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?') (FieldValueInvalid)
            spec.containers[0].image: Invalid value: "a ": must not have leading or trailing whitespace (FieldValueInvalid)
            spec.containers[0].imagePullPolicy: Unsupported value: "Now": supported values: "Always", "IfNotPresent", "Never" (FieldValueNotSupported)
            spec.containers[0].ports[1].name: Duplicate value: "x" (FieldValueDuplicate)
            spec.containers[0].ports[0].containerPort: Required value (FieldValueRequired)
            spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive (FieldValueInvalid)
            spec.containers[0].ports[1].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP" (FieldValueNotSupported)
            spec.containers[1].image: Required value (FieldValueRequired)
            spec.containers[1].env[0].name: Required value (FieldValueRequired)
            spec.containers[1].env[1].valueFrom: Invalid value: {}: may not be specified when `value` is not empty (FieldValueInvalid)
            spec.containers[1].envFrom[0]: Invalid value: {}: must specify one of: `configMapRef` or `secretRef` (FieldValueInvalid)
            spec.containers[1].volumeMounts[0].name: Not found: "gone" (FieldValueNotFound)
            spec.containers[1].volumeMounts[1].mountPath: Invalid value: "/a": must be unique (FieldValueInvalid)
            spec.containers[1].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1500m (FieldValueInvalid)
            spec.containers[1].livenessProbe: Required value: must specify a handler type (FieldValueRequired)
            spec.containers[1].livenessProbe.successThreshold: Invalid value: 2: must be 1 (FieldValueInvalid)
            spec.containers[1].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type (FieldValueForbidden)
            spec.containers[1].readinessProbe.tcpSocket.port: Invalid value: 99999: must be between 1 and 65535, inclusive (FieldValueInvalid)
            spec.containers[2].name: Duplicate value: "b" (FieldValueDuplicate)
            spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure" (FieldValueNotSupported)
            spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys" (FieldValueInvalid)
        "#]],
    );
}

#[test]
fn services_and_ingresses() {
    check(
        "",
        "Service",
        json!({"spec": {"type": "Cluster", "ports": [{"port": 0, "targetPort": "HTTP"}, {"port": 0}]}}),
        &expect![[r#"
            spec.type: Unsupported value: "Cluster": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort" (FieldValueNotSupported)
            spec.ports[0].name: Required value (FieldValueRequired)
            spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive (FieldValueInvalid)
            spec.ports[0].targetPort: Invalid value: "HTTP": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-) (FieldValueInvalid)
            spec.ports[1].name: Required value (FieldValueRequired)
            spec.ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive (FieldValueInvalid)
            spec.ports[1].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive (FieldValueInvalid)
            spec.ports[1]: Duplicate value: {"port":0,"protocol":"TCP","targetPort":0} (FieldValueDuplicate)
        "#]],
    );
    check(
        "",
        "Service",
        json!({"spec": {}}),
        &expect![[r#"
        spec.ports: Required value (FieldValueRequired)
    "#]],
    );
    check(
        "",
        "Service",
        json!({"spec": {"type": "ExternalName"}}),
        &expect![[r#"
            spec.externalName: Required value (FieldValueRequired)
        "#]],
    );
    check(
        "networking.k8s.io",
        "Ingress",
        json!({"spec": {"rules": [{"host": "A_", "http": {"paths": [{"path": "x", "backend": {"service": {}}}]}}]}}),
        &expect![[r#"
            spec.rules[0].host: Invalid value: "A_": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*') (FieldValueInvalid)
            spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified (FieldValueRequired)
            spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path (FieldValueInvalid)
            spec.rules[0].http.paths[0].backend.service.name: Required value (FieldValueRequired)
            spec.rules[0].http.paths[0].backend.service.port: Required value: port name or number is required (FieldValueRequired)
        "#]],
    );
    check(
        "networking.k8s.io",
        "Ingress",
        json!({"spec": {}}),
        &expect![[r#"
            spec.rules: Invalid value: []: either `defaultBackend` or `rules` must be specified (FieldValueInvalid)
        "#]],
    );
}

#[test]
fn small_kinds() {
    check(
        "",
        "ConfigMap",
        json!({"data": {"a/b": "x", "c": "y"}, "binaryData": {"c": "eA=="}}),
        &expect![[r#"
            data[a/b]: Invalid value: "a/b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+') (FieldValueInvalid)
            binaryData[c]: Invalid value: "eA==": duplicate of key present in data: c (FieldValueInvalid)
        "#]],
    );
    check(
        "",
        "Secret",
        json!({"type": "kubernetes.io/tls", "data": {"tls.crt": ""}}),
        &expect![[r#"
            data[tls.key]: Required value (FieldValueRequired)
        "#]],
    );
    check(
        "",
        "Secret",
        json!({"type": "kubernetes.io/service-account-token"}),
        &expect![[r#"
            metadata.annotations[kubernetes.io/service-account.name]: Required value (FieldValueRequired)
        "#]],
    );
    check(
        "",
        "Secret",
        json!({"type": "kubernetes.io/basic-auth"}),
        &expect![[r#"
            data[username]: Required value (FieldValueRequired)
            data[password]: Required value (FieldValueRequired)
        "#]],
    );
    check(
        "",
        "PersistentVolumeClaim",
        json!({"spec": {"accessModes": ["Sometimes"]}}),
        &expect![[r#"
            spec.accessModes[0]: Unsupported value: "Sometimes": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod" (FieldValueNotSupported)
            spec.resources[storage]: Required value (FieldValueRequired)
        "#]],
    );
    check(
        "autoscaling",
        "HorizontalPodAutoscaler",
        json!({"spec": {"minReplicas": 5, "maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment"}}}),
        &expect![[r#"
            spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas` (FieldValueInvalid)
            spec.scaleTargetRef.name: Required value (FieldValueRequired)
        "#]],
    );
    check(
        "policy",
        "PodDisruptionBudget",
        json!({"spec": {"minAvailable": "half", "maxUnavailable": -1}}),
        &expect![[r#"
            spec: Invalid value: {"maxUnavailable":-1,"minAvailable":"half"}: minAvailable and maxUnavailable cannot be both set (FieldValueInvalid)
            spec.minAvailable: Invalid value: "half": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%') (FieldValueInvalid)
            spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0 (FieldValueInvalid)
        "#]],
    );
    check(
        "rbac.authorization.k8s.io",
        "Role",
        json!({"kind": "Role", "rules": [{"resources": ["pods"]}, {"verbs": ["get"], "nonResourceURLs": ["/x"]}]}),
        &expect![[r#"
            rules[0].verbs: Required value: verbs must contain at least one value (FieldValueRequired)
            rules[0].apiGroups: Required value: resource rules must supply at least one api group (FieldValueRequired)
            rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs (FieldValueInvalid)
        "#]],
    );
    check(
        "rbac.authorization.k8s.io",
        "RoleBinding",
        json!({"kind": "RoleBinding", "roleRef": {"kind": "Boat"}, "subjects": [{"kind": "ServiceAccount", "name": "x"}]}),
        &expect![[r#"
            roleRef.kind: Unsupported value: "Boat": supported values: "ClusterRole", "Role" (FieldValueNotSupported)
            roleRef.name: Required value (FieldValueRequired)
            subjects[0].namespace: Required value (FieldValueRequired)
        "#]],
    );
}

#[test]
fn what_must_stay_is_told_when_it_changes() {
    let compare = |group: &str, kind: &str, new: &Value, old: &Value, expected: &Expect| {
        expected.assert_eq(&list(&update(group, kind, new, old)));
        assert_eq!(update(group, kind, old, old), []);
    };
    let old = deployment(&json!({"app": "web"}), &json!({}));
    let mut new = old.clone();
    new["spec"]["selector"]["matchLabels"]["app"] = json!("x");
    compare(
        "apps",
        "Deployment",
        &new,
        &old,
        &expect![[r#"
        spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: field is immutable (FieldValueInvalid)
    "#]],
    );
    compare(
        "apps",
        "StatefulSet",
        &json!({"spec": {"serviceName": "a", "replicas": 1}}),
        &json!({"spec": {"serviceName": "b"}}),
        &expect![[r#"
            spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden (FieldValueForbidden)
        "#]],
    );
    let pod = |image: &str, node: &str| json!({"spec": {"nodeName": node, "containers": [{"name": "a", "image": image}], "tolerations": [{"key": "a"}]}});
    compare("", "Pod", &pod("b", "n"), &pod("a", "n"), &expect![]);
    compare(
        "",
        "Pod",
        &pod("b", "m"),
        &pod("a", "n"),
        &expect![[r#"
        spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative) (FieldValueForbidden)
    "#]],
    );
    compare(
        "",
        "Pod",
        &json!({"spec": {}}),
        &json!({"spec": {"tolerations": [{"key": "a"}]}}),
        &expect![[r#"
            spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds (FieldValueForbidden)
        "#]],
    );
    compare(
        "",
        "Service",
        &json!({"spec": {"clusterIP": "10.0.0.2"}}),
        &json!({"spec": {"clusterIP": "10.0.0.1"}}),
        &expect![[r#"
            spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set (FieldValueInvalid)
        "#]],
    );
    compare(
        "",
        "Secret",
        &json!({"type": "a", "data": {"x": ""}}),
        &json!({"type": "b", "immutable": true}),
        &expect![[r#"
            type: Invalid value: "a": field is immutable (FieldValueInvalid)
            data: Forbidden: field is immutable when `immutable` is set (FieldValueForbidden)
            immutable: Forbidden: field is immutable when `immutable` is set (FieldValueForbidden)
        "#]],
    );
    compare(
        "batch",
        "Job",
        &json!({"spec": {"completions": 2}}),
        &json!({"spec": {"completions": 1}}),
        &expect![[r#"
            spec.completions: Invalid value: 2: field is immutable (FieldValueInvalid)
        "#]],
    );
    compare(
        "rbac.authorization.k8s.io",
        "RoleBinding",
        &json!({"roleRef": {"name": "a"}}),
        &json!({"roleRef": {"name": "b"}}),
        &expect![[r#"
            roleRef: Invalid value: {"name":"a"}: cannot change roleRef (FieldValueInvalid)
        "#]],
    );
}

#[test]
fn values_of_the_wrong_type_are_survived() {
    for value in [
        json!(1),
        json!({"spec": 1}),
        json!({"spec": {"template": [], "ports": {}, "containers": [1], "rules": "x"}}),
    ] {
        for (group, kind, _) in CHECKS {
            let _ = create(group, kind, &value);
            let _ = update(group, kind, &value, &json!(null));
        }
    }
}

mod others;
mod table;
mod workload;
