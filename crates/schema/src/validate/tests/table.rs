//! Tables of objects and what is wrong with them: each case is a right object with a few fields changed by
//! a merge patch.

#![allow(clippy::needless_pass_by_value)] // The cases are built in place.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::super::*;

/// Shows the causes of each case; a right base has none.
pub(super) fn check(group: &str, base: &Value, patches: &[Value], expected: &Expect) {
    let kind = base["kind"].as_str().unwrap();
    let causes = |patch: &Value| {
        let mut object = base.clone();
        crate::patch::merge(&mut object, patch);
        crate::defaults::apply(group, "v1", kind, &mut object);
        create(group, kind, &object)
    };
    assert_eq!(causes(&json!({})), []);
    expected.assert_eq(&shown(patches, causes));
}

/// Shows the causes of each change from the base.
pub(super) fn check_change(group: &str, base: &Value, patches: &[Value], expected: &Expect) {
    let kind = base["kind"].as_str().unwrap();
    let causes = |patch: &Value| {
        let mut object = base.clone();
        crate::patch::merge(&mut object, patch);
        update(group, kind, &object, base)
    };
    assert_eq!(causes(&json!({})), []);
    expected.assert_eq(&shown(patches, causes));
}

fn shown(patches: &[Value], causes: impl Fn(&Value) -> Vec<Cause>) -> String {
    let mut shown = String::new();
    for patch in patches {
        writeln!(shown, "{patch}").unwrap();
        for cause in causes(patch) {
            let reason = cause.reason.name().trim_start_matches("FieldValue");
            writeln!(shown, "    {reason} {cause}").unwrap();
        }
    }
    shown
}

fn pod(spec: Value) -> Value {
    json!({ "spec": spec })
}

fn container(fields: Value) -> Value {
    let mut one = json!({"name": "a", "image": "a"});
    crate::patch::merge(&mut one, &fields);
    pod(json!({ "containers": [one] }))
}

fn base_pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "a", "image": "a"}], "volumes": [{"name": "v", "emptyDir": {}}]}})
}

#[test]
fn containers() {
    let cases = [
        json!({"resources": {"limits": {"cpu": "-1", "gpu": "1", "pods": "1", "e.com/x": "500m"}, "requests": {"e.com/y": "1", "e.com/x": "1"}}}),
        json!({"resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "2Gi"}}}),
        json!({"restartPolicy": "Always"}),
        json!({"ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80, "hostIP": "x"}]}),
        json!({"ports": [{"containerPort": 80, "name": "UPPER"}, {"containerPort": 81, "name": "a-name-that-is-long"}, {"containerPort": 82, "name": "1-1"}]}),
        json!({"ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 80, "hostPort": 80}]}),
        json!({"volumeMounts": [{"name": "v", "mountPath": "/a", "subPath": "/x"}, {"name": "v", "mountPath": "/b", "subPath": "a/../b", "subPathExpr": "x", "mountPropagation": "Up"}]}),
        json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.host"}}}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}}, {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a b']"}}}]}),
        json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['a/b']"}}}, {"name": "a.b-c d", "valueFrom": {"resourceFieldRef": {"resource": "limits.disk"}}}, {"name": "x=y"}]}),
        json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "a/b"}, "secretKeyRef": {"name": "s", "key": ""}}}]}),
        json!({"envFrom": [{"prefix": "a=", "configMapRef": {"name": "UPPER"}}, {"secretRef": {}}, {"secretRef": {"name": "a"}, "configMapRef": {"name": "b"}}]}),
        json!({"livenessProbe": {"httpGet": {"port": 80, "httpHeaders": [{"name": "A B", "value": ""}]}, "terminationGracePeriodSeconds": 0, "periodSeconds": -1}}),
        json!({"readinessProbe": {"exec": {"command": []}, "terminationGracePeriodSeconds": 5}, "startupProbe": {"grpc": {"port": 0}}}),
        json!({"livenessProbe": {"tcpSocket": {"port": "no port at all"}}, "lifecycle": {"preStop": {"sleep": {"seconds": -1}}, "postStart": {}}}),
        json!({"securityContext": {"runAsUser": -1, "privileged": true, "allowPrivilegeEscalation": false, "procMount": "All", "seccompProfile": {"type": "Localhost"}}}),
        json!({"securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"add": ["CAP_SYS_ADMIN"]}, "appArmorProfile": {"type": "RuntimeDefault", "localhostProfile": "x"}}}),
        json!({"terminationMessagePolicy": "Socket", "imagePullPolicy": "", "image": ""}),
    ];
    check(
        "",
        &base_pod(),
        &cases.map(container),
        &expect![[r#"
        {"spec":{"containers":[{"image":"a","name":"a","resources":{"limits":{"cpu":"-1","e.com/x":"500m","gpu":"1","pods":"1"},"requests":{"e.com/x":"1","e.com/y":"1"}}}]}}
            Invalid spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0
            Invalid spec.containers[0].resources.limits[e.com/x]: Invalid value: "500m": must be an integer
            Invalid spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified
            Invalid spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers
            Invalid spec.containers[0].resources.limits[pods]: Invalid value: "pods": must be a standard resource for containers
            Invalid spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0
            Invalid spec.containers[0].resources.requests: Invalid value: "1": must be equal to e.com/x limit of 500m
            Required spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources
            Invalid spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified
            Invalid spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers
            Invalid spec.containers[0].resources.requests[pods]: Invalid value: "pods": must be a standard resource for containers
        {"spec":{"containers":[{"image":"a","name":"a","resources":{"limits":{"memory":"1Gi"},"requests":{"memory":"2Gi"}}}]}}
            Invalid spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi
        {"spec":{"containers":[{"image":"a","name":"a","restartPolicy":"Always"}]}}
            Forbidden spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers
        {"spec":{"containers":[{"image":"a","name":"a","ports":[{"containerPort":80,"hostPort":80},{"containerPort":81,"hostIP":"x","hostPort":80}]}]}}
            Invalid spec.containers[0].ports[1].hostIP: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)
        {"spec":{"containers":[{"image":"a","name":"a","ports":[{"containerPort":80,"name":"UPPER"},{"containerPort":81,"name":"a-name-that-is-long"},{"containerPort":82,"name":"1-1"}]}]}}
            Invalid spec.containers[0].ports[0].name: Invalid value: "UPPER": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)
            Invalid spec.containers[0].ports[1].name: Invalid value: "a-name-that-is-long": must be no more than 15 characters
            Invalid spec.containers[0].ports[2].name: Invalid value: "1-1": must contain at least one letter (a-z)
        {"spec":{"containers":[{"image":"a","name":"a","ports":[{"containerPort":80,"hostPort":80},{"containerPort":80,"hostPort":80}]}]}}
            Duplicate spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"
        {"spec":{"containers":[{"image":"a","name":"a","volumeMounts":[{"mountPath":"/a","name":"v","subPath":"/x"},{"mountPath":"/b","mountPropagation":"Up","name":"v","subPath":"a/../b","subPathExpr":"x"}]}]}}
            Invalid spec.containers[0].volumeMounts[0].subPath: Invalid value: "/x": must be a relative path
            Invalid spec.containers[0].volumeMounts[1].subPathExpr: Invalid value: "x": subPathExpr and subPath are mutually exclusive
            Invalid spec.containers[0].volumeMounts[1].subPath: Invalid value: "a/../b": must not contain '..'
            NotSupported spec.containers[0].volumeMounts[1].mountPropagation: Unsupported value: "Up": supported values: "Bidirectional", "HostToContainer", "None"
        {"spec":{"containers":[{"env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"spec.host"}}},{"name":"B","valueFrom":{"fieldRef":{"fieldPath":"status.phase"}}},{"name":"C","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['a b']"}}}],"image":"a","name":"a"}]}}
            Invalid spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.host": error converting fieldPath: field label not supported: spec.host
            NotSupported spec.containers[0].env[1].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"
            Invalid spec.containers[0].env[2].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.labels['a b']": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
        {"spec":{"containers":[{"env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.annotations['a/b']"}}},{"name":"a.b-c d","valueFrom":{"resourceFieldRef":{"resource":"limits.disk"}}},{"name":"x=y"}],"image":"a","name":"a"}]}}
            NotSupported spec.containers[0].env[1].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.disk": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"
            Invalid spec.containers[0].env[2].name: Invalid value: "x=y": a valid environment variable name must consist only of printable ASCII characters other than '='
        {"spec":{"containers":[{"env":[{"name":"A","valueFrom":{"configMapKeyRef":{"key":"a/b","name":"c"},"secretKeyRef":{"key":"","name":"s"}}}],"image":"a","name":"a"}]}}
            Invalid spec.containers[0].env[0].valueFrom: Invalid value: {"configMapKeyRef":{"key":"a/b","name":"c"},"secretKeyRef":{"key":"","name":"s"}}: may not have more than one field specified at a time
            Invalid spec.containers[0].env[0].valueFrom.configMapKeyRef.key: Invalid value: "a/b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')
            Required spec.containers[0].env[0].valueFrom.secretKeyRef.key: Required value
        {"spec":{"containers":[{"envFrom":[{"configMapRef":{"name":"UPPER"},"prefix":"a="},{"secretRef":{}},{"configMapRef":{"name":"b"},"secretRef":{"name":"a"}}],"image":"a","name":"a"}]}}
            Invalid spec.containers[0].envFrom[0].prefix: Invalid value: "a=": a valid environment variable name must consist only of printable ASCII characters other than '='
            Invalid spec.containers[0].envFrom[0].configMapRef.name: Invalid value: "UPPER": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
            Required spec.containers[0].envFrom[1].secretRef.name: Required value
            Invalid spec.containers[0].envFrom[2]: Invalid value: {"configMapRef":{"name":"b"},"secretRef":{"name":"a"}}: may not have more than one field specified at a time
        {"spec":{"containers":[{"image":"a","livenessProbe":{"httpGet":{"httpHeaders":[{"name":"A B","value":""}],"port":80},"periodSeconds":-1,"terminationGracePeriodSeconds":0},"name":"a"}]}}
            Invalid spec.containers[0].livenessProbe.httpGet.httpHeaders[0].name: Invalid value: "A B": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')
            Invalid spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0
            Invalid spec.containers[0].livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0
        {"spec":{"containers":[{"image":"a","name":"a","readinessProbe":{"exec":{"command":[]},"terminationGracePeriodSeconds":5},"startupProbe":{"grpc":{"port":0}}}]}}
            Invalid spec.containers[0].startupProbe.grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive
            Required spec.containers[0].readinessProbe.exec.command: Required value
            Forbidden spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Forbidden: must not be set for readinessProbes
        {"spec":{"containers":[{"image":"a","lifecycle":{"postStart":{},"preStop":{"sleep":{"seconds":-1}}},"livenessProbe":{"tcpSocket":{"port":"no port at all"}},"name":"a"}]}}
            Invalid spec.containers[0].livenessProbe.tcpSocket.port: Invalid value: "no port at all": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)
            Required spec.containers[0].lifecycle.postStart: Required value: must specify a handler type
            Invalid spec.containers[0].lifecycle.preStop.sleep.seconds: Invalid value: -1: must be greater than or equal to 0
        {"spec":{"containers":[{"image":"a","name":"a","securityContext":{"allowPrivilegeEscalation":false,"privileged":true,"procMount":"All","runAsUser":-1,"seccompProfile":{"type":"Localhost"}}}]}}
            Invalid spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive
            NotSupported spec.containers[0].securityContext.procMount: Unsupported value: "All": supported values: "Default", "Unmasked"
            Required spec.containers[0].securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost
            Invalid spec.containers[0].securityContext: Invalid value: {"allowPrivilegeEscalation":false,"privileged":true,"procMount":"All","runAsUser":-1,"seccompProfile":{"type":"Localhost"}}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true
        {"spec":{"containers":[{"image":"a","name":"a","securityContext":{"allowPrivilegeEscalation":false,"appArmorProfile":{"localhostProfile":"x","type":"RuntimeDefault"},"capabilities":{"add":["CAP_SYS_ADMIN"]}}}]}}
            Invalid spec.containers[0].securityContext.appArmorProfile.localhostProfile: Invalid value: "x": can only be set when AppArmor type is Localhost
            Invalid spec.containers[0].securityContext: Invalid value: {"allowPrivilegeEscalation":false,"appArmorProfile":{"localhostProfile":"x","type":"RuntimeDefault"},"capabilities":{"add":["CAP_SYS_ADMIN"]}}: cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN
        {"spec":{"containers":[{"image":"","imagePullPolicy":"","name":"a","terminationMessagePolicy":"Socket"}]}}
            Required spec.containers[0].image: Required value
            NotSupported spec.containers[0].terminationMessagePolicy: Unsupported value: "Socket": supported values: "FallbackToLogsOnError", "File"
    "#]],
    );
}

#[test]
fn pods() {
    let affinity = |affinity: Value| json!({ "affinity": affinity });
    let cases = [
        json!({"initContainers": [{"name": "i", "image": "i", "restartPolicy": "Never", "livenessProbe": {}}]}),
        json!({"hostNetwork": true, "containers": [{"name": "a", "image": "a", "ports": [{"containerPort": 80, "hostPort": 81}]}]}),
        json!({"nodeSelector": {"a b": "x", "c": "y/z"}, "nodeName": "N", "hostname": "a.b", "subdomain": "A"}),
        affinity(
            json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []},
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "preference": {"matchExpressions": [{"key": "a", "operator": "Near"}, {"key": "a", "operator": "In"}, {"key": "a", "operator": "Gt", "values": []}]}}]}}),
        ),
        affinity(
            json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {"matchExpressions": [{"key": "", "operator": "Exists", "values": ["x"]}]}}],
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 101, "podAffinityTerm": {"topologyKey": "zone"}}]}}),
        ),
        json!({"tolerations": [{"operator": "Near", "key": "a"}, {"key": "a", "value": "b c"}, {"operator": "Exists", "value": "x"}, {"key": "a", "effect": "NoStart"}, {"key": "a", "tolerationSeconds": 3}]}),
        json!({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "Maybe"}, {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 2}]}),
        json!({"dnsPolicy": "None"}),
        json!({"dnsPolicy": "None", "dnsConfig": {"nameservers": []}}),
        json!({"dnsPolicy": "Mine", "dnsConfig": {"nameservers": ["a", "1.1.1.1", "1.1.1.1", "1.1.1.1"], "options": [{}]}}),
        json!({"hostAliases": [{"ip": "1.2.3", "hostnames": ["A"]}]}),
        json!({"securityContext": {"fsGroup": -1, "supplementalGroups": [-2], "sysctls": [{"name": "a", "value": ""}, {"name": "a", "value": ""}, {"name": "bar..", "value": ""}], "seccompProfile": {"type": "Free"}}}),
        json!({"volumes": [{"name": "A"}, {"name": "h", "hostPath": {"path": "/a/../b", "type": "Pipe"}}, {"name": "p", "persistentVolumeClaim": {}}]}),
        json!({"volumes": [{"name": "c", "configMap": {"name": "c", "items": [{"key": "k", "path": "/x"}, {"key": "", "path": ""}], "defaultMode": 512}}]}),
        json!({"volumes": [{"name": "d", "downwardAPI": {"items": [{"path": "a"}, {"path": "../b", "fieldRef": {"fieldPath": "spec.nodeName"}}, {"path": "c", "resourceFieldRef": {"resource": "limits.cpu"}}]}}]}),
        json!({"volumes": [{"name": "p", "projected": {"sources": [{"secret": {"name": "s"}, "configMap": {"name": "c"}}, {"serviceAccountToken": {"path": "", "expirationSeconds": 60}}, {"configMap": {"items": [{"key": "", "path": "a"}]}}]}}]}),
        json!({"activeDeadlineSeconds": 0, "terminationGracePeriodSeconds": -1, "serviceAccountName": "A", "restartPolicy": "Never!", "schedulingGates": [{"name": "a"}, {"name": "a"}]}),
        json!({"containers": []}),
        json!({"containers": [{"name": "a", "image": "a"}, {"name": "a", "image": "b"}]}),
    ];
    check(
        "",
        &base_pod(),
        &cases.map(pod),
        &expect![[r#"
        {"spec":{"initContainers":[{"image":"i","livenessProbe":{},"name":"i","restartPolicy":"Never"}]}}
            NotSupported spec.initContainers[0].restartPolicy: Unsupported value: "Never": supported values: "Always"
            Forbidden spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always
        {"spec":{"containers":[{"image":"a","name":"a","ports":[{"containerPort":80,"hostPort":81}]}],"hostNetwork":true}}
            Invalid spec.containers[0].ports[0].containerPort: Invalid value: 80: must match `hostPort` when `hostNetwork` is true
        {"spec":{"hostname":"a.b","nodeName":"N","nodeSelector":{"a b":"x","c":"y/z"},"subdomain":"A"}}
            Invalid spec.nodeSelector: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
            Invalid spec.nodeSelector: Invalid value: "y/z": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')
            Invalid spec.hostname: Invalid value: "a.b": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')
            Invalid spec.subdomain: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')
            Invalid spec.nodeName: Invalid value: "N": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
        {"spec":{"affinity":{"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"preference":{"matchExpressions":[{"key":"a","operator":"Near"},{"key":"a","operator":"In"},{"key":"a","operator":"Gt","values":[]}]},"weight":0}],"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[]}}}}}
            Required spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term
            Invalid spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100
            Invalid spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator
            Required spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[1].values: Required value: must be specified when `operator` is 'In' or 'NotIn'
            Required spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[2].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'
        {"spec":{"affinity":{"podAntiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"podAffinityTerm":{"topologyKey":"zone"},"weight":101}],"requiredDuringSchedulingIgnoredDuringExecution":[{"labelSelector":{"matchExpressions":[{"key":"","operator":"Exists","values":["x"]}]}}]}}}}
            Forbidden spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'
            Invalid spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchExpressions[0].key: Invalid value: "": name part must be non-empty
            Required spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty
            Invalid spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100
        {"spec":{"tolerations":[{"key":"a","operator":"Near"},{"key":"a","value":"b c"},{"operator":"Exists","value":"x"},{"effect":"NoStart","key":"a"},{"key":"a","tolerationSeconds":3}]}}
            NotSupported spec.tolerations[0].operator: Unsupported value: "Near": supported values: "Equal", "Exists"
            Invalid spec.tolerations[1].value: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')
            Invalid spec.tolerations[2].value: Invalid value: "x": value must be empty when `operator` is 'Exists'
            NotSupported spec.tolerations[3].effect: Unsupported value: "NoStart": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"
            Invalid spec.tolerations[4].effect: Invalid value: "": effect must be 'NoExecute' when `tolerationSeconds` is set
        {"spec":{"topologySpreadConstraints":[{"maxSkew":0,"topologyKey":"","whenUnsatisfiable":"Maybe"},{"maxSkew":1,"minDomains":2,"topologyKey":"zone","whenUnsatisfiable":"ScheduleAnyway"}]}}
            Invalid spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero
            Required spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty
            NotSupported spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Maybe": supported values: "DoNotSchedule", "ScheduleAnyway"
            Invalid spec.topologySpreadConstraints[1].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway
        {"spec":{"dnsPolicy":"None"}}
            Required spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None
        {"spec":{"dnsConfig":{"nameservers":[]},"dnsPolicy":"None"}}
            Required spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None
        {"spec":{"dnsConfig":{"nameservers":["a","1.1.1.1","1.1.1.1","1.1.1.1"],"options":[{}]},"dnsPolicy":"Mine"}}
            NotSupported spec.dnsPolicy: Unsupported value: "Mine": supported values: "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"
            Invalid spec.dnsConfig.nameservers: Invalid value: ["a","1.1.1.1","1.1.1.1","1.1.1.1"]: must not have more than 3 nameservers
            Invalid spec.dnsConfig.nameservers[0]: Invalid value: "a": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)
            Required spec.dnsConfig.options[0].name: Required value: must not be empty
        {"spec":{"hostAliases":[{"hostnames":["A"],"ip":"1.2.3"}]}}
            Invalid spec.hostAliases[0].ip: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)
            Invalid spec.hostAliases[0].hostnames[0]: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
        {"spec":{"securityContext":{"fsGroup":-1,"seccompProfile":{"type":"Free"},"supplementalGroups":[-2],"sysctls":[{"name":"a","value":""},{"name":"a","value":""},{"name":"bar..","value":""}]}}}
            Invalid spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive
            Invalid spec.securityContext.supplementalGroups[0]: Invalid value: -2: must be between 0 and 2147483647, inclusive
            NotSupported spec.securityContext.seccompProfile.type: Unsupported value: "Free": supported values: "Localhost", "RuntimeDefault", "Unconfined"
            Duplicate spec.securityContext.sysctls[1].name: Duplicate value: "a"
            Invalid spec.securityContext.sysctls[2].name: Invalid value: "bar..": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$
        {"spec":{"volumes":[{"name":"A"},{"hostPath":{"path":"/a/../b","type":"Pipe"},"name":"h"},{"name":"p","persistentVolumeClaim":{}}]}}
            Invalid spec.volumes[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')
            Invalid spec.volumes[1].hostPath.path: Invalid value: "/a/../b": must not contain '..'
            NotSupported spec.volumes[1].hostPath.type: Unsupported value: "Pipe": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"
            Required spec.volumes[2].persistentVolumeClaim.claimName: Required value
        {"spec":{"volumes":[{"configMap":{"defaultMode":512,"items":[{"key":"k","path":"/x"},{"key":"","path":""}],"name":"c"},"name":"c"}]}}
            Invalid spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive
            Invalid spec.volumes[0].configMap.items[0].path: Invalid value: "/x": must be a relative path
            Required spec.volumes[0].configMap.items[1].path: Required value
            Required spec.volumes[0].configMap.items[1].key: Required value
        {"spec":{"volumes":[{"downwardAPI":{"items":[{"path":"a"},{"fieldRef":{"fieldPath":"spec.nodeName"},"path":"../b"},{"path":"c","resourceFieldRef":{"resource":"limits.cpu"}}]},"name":"d"}]}}
            Required spec.volumes[0].downwardAPI.items[0]: Required value: one of fieldRef and resourceFieldRef is required
            Invalid spec.volumes[0].downwardAPI.items[1].path: Invalid value: "../b": must not contain '..'
            NotSupported spec.volumes[0].downwardAPI.items[1].fieldRef.fieldPath: Unsupported value: "spec.nodeName": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"
            Required spec.volumes[0].downwardAPI.items[2].resourceFieldRef.containerName: Required value
        {"spec":{"volumes":[{"name":"p","projected":{"sources":[{"configMap":{"name":"c"},"secret":{"name":"s"}},{"serviceAccountToken":{"expirationSeconds":60,"path":""}},{"configMap":{"items":[{"key":"","path":"a"}]}}]}}]}}
            Forbidden spec.volumes[0].projected.sources[0].configMap: Forbidden: may not specify more than 1 volume type per source
            Required spec.volumes[0].projected.sources[1].serviceAccountToken.path: Required value
            Invalid spec.volumes[0].projected.sources[1].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes
            Required spec.volumes[0].projected.sources[2].configMap.name: Required value
            Required spec.volumes[0].projected.sources[2].configMap.items[0].key: Required value
        {"spec":{"activeDeadlineSeconds":0,"restartPolicy":"Never!","schedulingGates":[{"name":"a"},{"name":"a"}],"serviceAccountName":"A","terminationGracePeriodSeconds":-1}}
            NotSupported spec.restartPolicy: Unsupported value: "Never!": supported values: "Always", "Never", "OnFailure"
            Invalid spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0
            Invalid spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive
            Invalid spec.serviceAccountName: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
            Duplicate spec.schedulingGates[1].name: Duplicate value: "a"
        {"spec":{"containers":[]}}
            Required spec.containers: Required value
        {"spec":{"containers":[{"image":"a","name":"a"},{"image":"b","name":"a"}]}}
            Duplicate spec.containers[1].name: Duplicate value: "a"
    "#]],
    );
}

#[test]
fn pod_changes() {
    let mut base = base_pod();
    base["spec"]["tolerations"] = json!([{"key": "a", "operator": "Exists"}]);
    let cases = [
        json!({"containers": [{"name": "a", "image": "b"}]}),
        json!({"containers": [{"name": "a", "image": "a", "command": ["x"]}]}),
        json!({"tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}]}),
        json!({"tolerations": [{"key": "b", "operator": "Exists"}]}),
        json!({"nodeSelector": {"a": "b"}}),
    ];
    check_change(
        "",
        &base,
        &cases.map(pod),
        &expect![[r#"
        {"spec":{"containers":[{"image":"b","name":"a"}]}}
        {"spec":{"containers":[{"command":["x"],"image":"a","name":"a"}]}}
            Forbidden spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)
        {"spec":{"tolerations":[{"key":"a","operator":"Exists"},{"key":"b","operator":"Exists"}]}}
        {"spec":{"tolerations":[{"key":"b","operator":"Exists"}]}}
            Forbidden spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds
        {"spec":{"nodeSelector":{"a":"b"}}}
            Forbidden spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)
    "#]],
    );
}
