// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use expect_test::expect;

use super::*;

/// Bodies that kubectl sent, by name.
fn fixtures() -> Vec<(&'static str, Vec<u8>)> {
    let lines = include_str!("fixtures/kubectl-1.32.txt").lines();
    lines
        .filter_map(|line| line.split_once(' '))
        .filter(|(name, _)| *name != "#")
        .map(|(name, digits)| {
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            (name, (0..digits.len()).step_by(2).map(byte).collect())
        })
        .collect()
}

#[test]
fn bodies_of_kubectl_are_decoded() {
    let table: String = fixtures()
        .iter()
        .map(|(name, bytes)| format!("{name} {}\n", decode(bytes).unwrap()))
        .collect();
    expect![[r#"
        namespace {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"demo"}}
        deployment {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"web"},"name":"web"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"image":"nginx:1.27","name":"nginx","ports":[{"containerPort":80}]}]}}}}
        configmap {"apiVersion":"v1","data":{"a":"b","d":"e"},"kind":"ConfigMap","metadata":{"name":"c"}}
        secret {"apiVersion":"v1","data":{"p":"dw=="},"kind":"Secret","metadata":{"name":"s"}}
        job {"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j"},"spec":{"template":{"spec":{"containers":[{"command":["echo","hi"],"image":"busybox","name":"j"}],"restartPolicy":"Never"}}}}
        cronjob {"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"cj"},"spec":{"jobTemplate":{"metadata":{"name":"cj"},"spec":{"template":{"spec":{"containers":[{"command":["date"],"image":"busybox","name":"cj"}],"restartPolicy":"OnFailure"}}}},"schedule":"*/5 * * * *"}}
        service_account {"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"robot"}}
        role {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"r"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}]}
        role_binding {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"rb"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"},"subjects":[{"kind":"ServiceAccount","name":"robot","namespace":"default"}]}
        cluster_role {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"cr"},"rules":[{"nonResourceURLs":["/healthz"],"verbs":["get"]}]}
        quota {"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"q"},"spec":{"hard":{"cpu":"1","pods":"3"}}}
        disruption_budget {"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"p"},"spec":{"minAvailable":"50%","selector":{"matchLabels":{"app":"web"}}},"status":{"currentHealthy":0,"desiredHealthy":0,"disruptionsAllowed":0,"expectedPods":0}}
        service {"apiVersion":"v1","kind":"Service","metadata":{"labels":{"app":"svc"},"name":"svc"},"spec":{"ports":[{"name":"80-8080","port":80,"protocol":"TCP","targetPort":8080}],"selector":{"app":"svc"},"type":"ClusterIP"}}
        ingress {"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"i"},"spec":{"rules":[{"host":"a.b","http":{"paths":[{"backend":{"service":{"name":"svc","port":{"number":80}}},"path":"/p","pathType":"Prefix"}]}}]}}
        priority_class {"apiVersion":"scheduling.k8s.io/v1","kind":"PriorityClass","metadata":{"name":"pc"},"preemptionPolicy":"PreemptLowerPriority","value":100}
        access_review {"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"namespace":"default","resource":"pods","verb":"get"}},"status":{"allowed":false}}
        self_review {"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview","status":{"userInfo":{}}}
        token_request {"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{},"status":{"token":""}}
    "#]].assert_eq(&table);
}

#[test]
fn what_is_decoded_fits_its_kind() {
    for (name, bytes) in fixtures() {
        let mut object = decode(&bytes).unwrap();
        let api_version = object["apiVersion"].as_str().unwrap().to_owned();
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let kind = object["kind"].as_str().unwrap().to_owned();
        let kind = crate::Type::built_in(group, version, &kind).unwrap();
        let report = crate::strict::check(&mut object, &kind);
        assert_eq!(report, crate::strict::Report::default(), "{name}");
        // What is asked of a status or is a list may be absent.
        assert_eq!(crate::strict::missing(&object, &kind), [], "{name}");
    }
}

#[test]
fn malformed_bytes_are_errors() {
    let error = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
    expect![[r#"the body is no protobuf object of Kubernetes: it does not begin with "k8s\0""#]]
        .assert_eq(&error(b"{}"));
    expect!["the envelope of the protobuf object names no apiVersion and kind"]
        .assert_eq(&error(b"k8s\0"));
    expect!["malformed protobuf in runtime.Unknown at byte 2"].assert_eq(&error(b"k8s\0\x0a\xff"));
    expect!["Boat in v9 cannot be decoded from protobuf; send JSON"]
        .assert_eq(&error(b"k8s\0\x0a\x0a\x0a\x02v9\x12\x04Boat"));
    for (_, bytes) in fixtures() {
        for length in 0..bytes.len() {
            let _ = decode(&bytes[..length]);
            let mut broken = bytes.clone();
            broken[length] ^= 0xff;
            let _ = decode(&broken);
        }
    }
}

#[test]
fn what_was_decoded_is_encoded_alike() {
    for (name, bytes) in fixtures() {
        let object = decode(&bytes).unwrap();
        if !encodes(
            object["apiVersion"].as_str().unwrap(),
            object["kind"].as_str().unwrap(),
        ) {
            continue;
        }
        let again = decode(&encode(&object).unwrap()).unwrap();
        assert_eq!(again, object, "{name}");
    }
}

#[test]
fn lists_and_special_forms_are_encoded() {
    let check = |object: serde_json::Value| {
        assert_eq!(decode(&encode(&object).unwrap()).unwrap(), object);
    };
    check(
        serde_json::json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "5"}, "items": [{
            "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"k": "v"},
                "managedFields": [{"manager": "m", "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
                    "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}]},
            "spec": {"containers": [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "500m"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "initialDelaySeconds": 3},
                "readinessProbe": {"tcpSocket": {"port": 80}}}], "priority": 0},
        }]}),
    );
    check(
        serde_json::json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"},
        "spec": {"renewTime": "2026-01-01T00:00:00.123456Z", "leaseDurationSeconds": 40}}),
    );
    check(
        serde_json::json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "w"},
        "spec": {"group": "g", "names": {"plural": "ws", "kind": "W"}, "scope": "Cluster", "versions": [{"name": "v1", "served": true, "storage": true,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "a": {"type": "array", "items": {"type": "string", "default": "x"}},
                "m": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1.5}}}}}}]}}),
    );
    let custom = serde_json::json!({"apiVersion": "example.com/v1", "kind": "Widget"});
    expect!["Widget in example.com/v1 has no protobuf form; ask for JSON"]
        .assert_eq(&encode(&custom).unwrap_err().to_string());
}

#[test]
fn frames_of_a_watch_have_their_length_first() {
    let partial = encode(&serde_json::json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "a"}})).unwrap();
    let framed = frame("ADDED", &partial);
    let length = u32::from_be_bytes(framed[..4].try_into().unwrap());
    assert_eq!(length as usize, framed.len() - 4);
    assert!(framed[4..].starts_with(b"\x0a\x05ADDED\x12"));
}
