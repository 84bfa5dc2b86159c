// The snapshots are written by expect-test; tables are short.
#![allow(clippy::needless_raw_string_hashes, clippy::format_collect)]

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

fn check(group: &str, version: &str, kind: &str, mut value: Value, expected: &Expect) {
    apply(group, version, kind, &mut value);
    let once = value.clone();
    apply(group, version, kind, &mut value);
    assert_eq!(value, once, "defaults are not idempotent");
    expected.assert_eq(&serde_json::to_string(&value).unwrap());
}

#[test]
fn the_table_is_sorted() {
    assert!(RULES.is_sorted_by_key(|(group, kind, _)| (*group, *kind)));
}

#[test]
fn a_deployment_gets_its_strategy_and_its_template_a_pods_defaults() {
    let value = json!({"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a", "ports": [{"containerPort": 80}],
        "readinessProbe": {"httpGet": {"port": 80}}}]}}}});
    check(
        "apps",
        "v1",
        "Deployment",
        value,
        &expect![[
            r#"{"spec":{"progressDeadlineSeconds":600,"replicas":1,"revisionHistoryLimit":10,"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"},"type":"RollingUpdate"},"template":{"spec":{"containers":[{"image":"a","imagePullPolicy":"Always","name":"a","ports":[{"containerPort":80,"protocol":"TCP"}],"readinessProbe":{"failureThreshold":3,"httpGet":{"path":"/","port":80,"scheme":"HTTP"},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":1},"resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}}}}"#
        ]],
    );
    check(
        "apps",
        "v1",
        "Deployment",
        json!({"spec": {"replicas": 0, "strategy": {"type": "Recreate"}, "template": {"spec": {}}}}),
        &expect![[
            r#"{"spec":{"progressDeadlineSeconds":600,"replicas":0,"revisionHistoryLimit":10,"strategy":{"type":"Recreate"},"template":{"spec":{"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}}}}"#
        ]],
    );
}

#[test]
fn a_pod_requests_what_it_is_limited_to() {
    let value = json!({"spec": {"serviceAccountName": "x", "containers": [{"name": "a", "image": "r:5000/a:1@sha256:0", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}},
        "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}],
        "volumes": [{"name": "c", "configMap": {"name": "c"}}, {"name": "e"}, {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]}});
    check(
        "",
        "v1",
        "Pod",
        value,
        &expect![[
            r#"{"spec":{"containers":[{"env":[{"name":"A","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}}],"image":"r:5000/a:1@sha256:0","imagePullPolicy":"IfNotPresent","name":"a","resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"500m","memory":"1Gi"}},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","enableServiceLinks":true,"restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"serviceAccount":"x","serviceAccountName":"x","terminationGracePeriodSeconds":30,"volumes":[{"configMap":{"defaultMode":420,"name":"c"},"name":"c"},{"emptyDir":{},"name":"e"},{"name":"p","projected":{"defaultMode":420,"sources":[{"serviceAccountToken":{"expirationSeconds":3600,"path":"t"}}]}}]},"status":{"phase":"Pending"}}"#
        ]],
    );
}

#[test]
fn pull_policies_follow_the_tag() {
    for (image, policy) in [
        ("a", "Always"),
        ("a:latest", "Always"),
        ("r:5000/a", "Always"),
        ("a:1", "IfNotPresent"),
        ("a@sha256:00", "IfNotPresent"),
    ] {
        let mut value = json!({"spec": {"containers": [{"image": image}]}});
        apply("", "v1", "Pod", &mut value);
        assert_eq!(
            value["spec"]["containers"][0]["imagePullPolicy"], policy,
            "{image}"
        );
    }
}

#[test]
fn services_and_the_rest_get_theirs() {
    check(
        "",
        "v1",
        "Service",
        json!({"spec": {"ports": [{"port": 80}, {"port": 443, "targetPort": "https"}]}}),
        &expect![[
            r#"{"spec":{"internalTrafficPolicy":"Cluster","ports":[{"port":80,"protocol":"TCP","targetPort":80},{"port":443,"protocol":"TCP","targetPort":"https"}],"sessionAffinity":"None","type":"ClusterIP"}}"#
        ]],
    );
    check(
        "",
        "v1",
        "Service",
        json!({"spec": {"type": "ExternalName", "externalName": "a.b", "sessionAffinity": "None", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 1}}}}),
        &expect![[
            r#"{"spec":{"externalName":"a.b","sessionAffinity":"None","type":"ExternalName"}}"#
        ]],
    );
    check(
        "",
        "v1",
        "Namespace",
        json!({"metadata": {"name": "a"}}),
        &expect![[
            r#"{"metadata":{"labels":{"kubernetes.io/metadata.name":"a"},"name":"a"},"status":{"phase":"Active"}}"#
        ]],
    );
    check(
        "batch",
        "v1",
        "Job",
        json!({"spec": {"template": {"spec": {}}}}),
        &expect![[
            r#"{"spec":{"backoffLimit":6,"completionMode":"NonIndexed","completions":1,"manualSelector":false,"parallelism":1,"podReplacementPolicy":"TerminatingOrFailed","suspend":false,"template":{"spec":{"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}}}}"#
        ]],
    );
    check(
        "batch",
        "v1",
        "CronJob",
        json!({"spec": {"schedule": "* * * * *"}}),
        &expect![[
            r#"{"spec":{"concurrencyPolicy":"Allow","failedJobsHistoryLimit":1,"jobTemplate":{"spec":{"template":{"spec":{"dnsPolicy":"ClusterFirst","restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}}}},"schedule":"* * * * *","successfulJobsHistoryLimit":3,"suspend":false}}"#
        ]],
    );
    check(
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        json!({"spec": {"maxReplicas": 3, "behavior": {}}}),
        &expect![[
            r#"{"spec":{"behavior":{"scaleDown":{"policies":[{"periodSeconds":15,"type":"Percent","value":100}],"selectPolicy":"Max"},"scaleUp":{"policies":[{"periodSeconds":15,"type":"Pods","value":4},{"periodSeconds":15,"type":"Percent","value":100}],"selectPolicy":"Max","stabilizationWindowSeconds":0}},"maxReplicas":3,"metrics":[{"resource":{"name":"cpu","target":{"averageUtilization":80,"type":"Utilization"}},"type":"Resource"}],"minReplicas":1}}"#
        ]],
    );
    check(
        "rbac.authorization.k8s.io",
        "v1",
        "RoleBinding",
        json!({"roleRef": {"kind": "Role", "name": "a"}, "subjects": [{"kind": "User", "name": "u"}]}),
        &expect![[
            r#"{"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"a"},"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"u"}]}"#
        ]],
    );
}

#[test]
fn values_of_the_wrong_type_stay() {
    for value in [
        json!(1),
        json!({"spec": 1}),
        json!({"spec": {"template": [], "ports": {}, "containers": [1]}}),
    ] {
        for (group, kind, _) in RULES {
            apply(group, "v1", kind, &mut value.clone());
        }
    }
}
