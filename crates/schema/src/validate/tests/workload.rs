//! What makes pods, and what limits and scales it.

#![allow(clippy::needless_pass_by_value)] // The cases are built in place.

use expect_test::expect;
use serde_json::{Value, json};

use super::table::{check, check_change};

fn spec(spec: Value) -> Value {
    json!({ "spec": spec })
}

fn base(version: &str, kind: &str) -> Value {
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": "w"}, "spec": {
        "selector": {"matchLabels": {"app": "w"}},
        "template": {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}}})
}

#[test]
fn deployments() {
    let cases = [
        json!({"replicas": -1, "minReadySeconds": -1, "revisionHistoryLimit": -1}),
        json!({"selector": {"matchLabels": {"app": "x"}}}),
        json!({"selector": {"matchLabels": {"app": "b c", "x/y/z": ""}}}),
        json!({"selector": {"matchExpressions": [{"key": "app", "operator": "In"}, {"key": "app", "operator": "Like", "values": ["a"]}]}}),
        json!({"selector": null}),
        json!({"template": {"metadata": {"labels": {"app": "w", "bad key": "x"}}}}),
        json!({"template": {"spec": {"restartPolicy": "OnFailure", "activeDeadlineSeconds": 5}}}),
        json!({"template": {"spec": {"ephemeralContainers": [{"name": "e", "image": "e"}]}}}),
        json!({"strategy": {"type": "Slow"}}),
        json!({"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}),
        json!({"strategy": {"rollingUpdate": {"maxSurge": "x%", "maxUnavailable": "101%"}}}),
        json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}),
        json!({"progressDeadlineSeconds": 5, "minReadySeconds": 5}),
    ];
    check(
        "apps",
        &base("apps/v1", "Deployment"),
        &cases.map(spec),
        &expect![[r#"
            {"spec":{"minReadySeconds":-1,"replicas":-1,"revisionHistoryLimit":-1}}
                Invalid spec.replicas: Invalid value: -1: must be greater than or equal to 0
                Invalid spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0
                Invalid spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0
            {"spec":{"selector":{"matchLabels":{"app":"x"}}}}
                Invalid spec.template.metadata.labels: Invalid value: {"app":"w"}: `selector` does not match template `labels`
            {"spec":{"selector":{"matchLabels":{"app":"b c","x/y/z":""}}}}
                Invalid spec.selector.matchLabels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')
                Invalid spec.selector.matchLabels: Invalid value: "x/y/z": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')
                Invalid spec.template.metadata.labels: Invalid value: {"app":"w"}: `selector` does not match template `labels`
            {"spec":{"selector":{"matchExpressions":[{"key":"app","operator":"In"},{"key":"app","operator":"Like","values":["a"]}]}}}
                Required spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'
                Invalid spec.selector.matchExpressions[1].operator: Invalid value: "Like": not a valid selector operator
                Invalid spec.template.metadata.labels: Invalid value: {"app":"w"}: `selector` does not match template `labels`
            {"spec":{"selector":null}}
                Required spec.selector: Required value
            {"spec":{"template":{"metadata":{"labels":{"app":"w","bad key":"x"}}}}}
                Invalid spec.template.metadata.labels: Invalid value: "bad key": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
            {"spec":{"template":{"spec":{"activeDeadlineSeconds":5,"restartPolicy":"OnFailure"}}}}
                NotSupported spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"
                Forbidden spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported
            {"spec":{"template":{"spec":{"ephemeralContainers":[{"image":"e","name":"e"}]}}}}
                Forbidden spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template
            {"spec":{"strategy":{"type":"Slow"}}}
                NotSupported spec.strategy.type: Unsupported value: "Slow": supported values: "Recreate", "RollingUpdate"
            {"spec":{"strategy":{"rollingUpdate":{"maxSurge":1},"type":"Recreate"}}}
                Forbidden spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'
            {"spec":{"strategy":{"rollingUpdate":{"maxSurge":"x%","maxUnavailable":"101%"}}}}
                Invalid spec.strategy.rollingUpdate.maxSurge: Invalid value: "x%": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')
                Invalid spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%
            {"spec":{"strategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":0}}}}
                Invalid spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0
            {"spec":{"minReadySeconds":5,"progressDeadlineSeconds":5}}
                Invalid spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds
        "#]],
    );
    let cases = [
        json!({"replicas": 7, "template": {"spec": {"containers": [{"name": "b", "image": "b"}]}}}),
        json!({"selector": {"matchLabels": {"tier": "x"}}}),
    ];
    check_change(
        "apps",
        &base("apps/v1", "Deployment"),
        &cases.map(spec),
        &expect![[r#"
            {"spec":{"replicas":7,"template":{"spec":{"containers":[{"image":"b","name":"b"}]}}}}
            {"spec":{"selector":{"matchLabels":{"tier":"x"}}}}
                Invalid spec.selector: Invalid value: {"matchLabels":{"app":"w","tier":"x"}}: field is immutable
        "#]],
    );
}

#[test]
fn sets() {
    let cases = [
        json!({"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}}),
        json!({"updateStrategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}),
        json!({"updateStrategy": {"type": "Recreate"}}),
    ];
    check(
        "apps",
        &base("apps/v1", "DaemonSet"),
        &cases.map(spec),
        &expect![[r#"
            {"spec":{"updateStrategy":{"rollingUpdate":{"maxSurge":1,"maxUnavailable":1}}}}
                Invalid spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero
            {"spec":{"updateStrategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":0}}}}
                Required spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0
            {"spec":{"updateStrategy":{"type":"Recreate"}}}
                NotSupported spec.updateStrategy.type: Unsupported value: "Recreate": supported values: "OnDelete", "RollingUpdate"
        "#]],
    );
    let cases = [
        json!({"podManagementPolicy": "Chaos", "ordinals": {"start": -1}}),
        json!({"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": -1}}}),
        json!({"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Keep"}}),
        json!({"template": {"spec": {"containers": [{"name": "a", "image": "a", "volumeMounts": [{"name": "d", "mountPath": "/d"}]}]}}, "volumeClaimTemplates": [{"metadata": {"name": "d"}}]}),
    ];
    check(
        "apps",
        &base("apps/v1", "StatefulSet"),
        &cases.map(spec),
        &expect![[r#"
            {"spec":{"ordinals":{"start":-1},"podManagementPolicy":"Chaos"}}
                NotSupported spec.podManagementPolicy: Unsupported value: "Chaos": supported values: "OrderedReady", "Parallel"
                Invalid spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0
            {"spec":{"updateStrategy":{"rollingUpdate":{"partition":-1},"type":"OnDelete"}}}
                Invalid spec.updateStrategy.rollingUpdate: Invalid value: {"partition":-1}: only allowed for updateStrategy 'RollingUpdate'
                Invalid spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0
            {"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Keep"}}}
                NotSupported spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Keep": supported values: "Delete", "Retain"
            {"spec":{"template":{"spec":{"containers":[{"image":"a","name":"a","volumeMounts":[{"mountPath":"/d","name":"d"}]}]}},"volumeClaimTemplates":[{"metadata":{"name":"d"}}]}}
        "#]],
    );
    let cases = [
        json!({"replicas": 2, "updateStrategy": {"type": "OnDelete"}}),
        json!({"serviceName": "x"}),
        json!({"volumeClaimTemplates": [{"metadata": {"name": "d"}}]}),
    ];
    check_change(
        "apps",
        &base("apps/v1", "StatefulSet"),
        &cases.map(spec),
        &expect![[r#"
            {"spec":{"replicas":2,"updateStrategy":{"type":"OnDelete"}}}
            {"spec":{"serviceName":"x"}}
                Forbidden spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden
            {"spec":{"volumeClaimTemplates":[{"metadata":{"name":"d"}}]}}
                Forbidden spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden
        "#]],
    );
    let cases = [json!({"selector": {"app": "x"}}), json!({"template": null})];
    let mut controller = base("v1", "ReplicationController");
    controller["spec"]["selector"] = json!({"app": "w"});
    check(
        "",
        &controller,
        &cases.map(spec),
        &expect![[r#"
        {"spec":{"selector":{"app":"x"}}}
            Invalid spec.template.metadata.labels: Invalid value: {"app":"w"}: `selector` does not match template `labels`
        {"spec":{"template":null}}
            Required spec.template: Required value
    "#]],
    );
}

fn job() -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}}})
}

#[test]
fn jobs() {
    let rule = |rule: Value| json!({"podFailurePolicy": {"rules": [rule]}});
    let cases = [
        json!({"parallelism": -1, "completions": -1, "backoffLimit": -1, "activeDeadlineSeconds": -1, "ttlSecondsAfterFinished": -1}),
        json!({"template": {"spec": {"restartPolicy": "Always"}}}),
        json!({"template": {"spec": {"restartPolicy": "Sometimes"}}}),
        json!({"completionMode": "Some"}),
        json!({"completionMode": "Indexed", "completions": null, "parallelism": 100_001}),
        json!({"completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": 1, "maxFailedIndexes": 4}),
        json!({"backoffLimitPerIndex": 1, "successPolicy": {"rules": []}}),
        json!({"maxFailedIndexes": 1}),
        json!({"podReplacementPolicy": "Never"}),
        json!({"completionMode": "Indexed", "completions": 3, "successPolicy": {"rules": [{}, {"succeededCount": 0}]}}),
        rule(
            json!({"action": "Restart", "onExitCodes": {"operator": "In", "values": [0, 1], "containerName": "b"}}),
        ),
        rule(json!({"action": "FailIndex", "onExitCodes": {"operator": "Out", "values": []}})),
        rule(json!({"action": "Ignore"})),
        rule(
            json!({"onExitCodes": {"operator": "In", "values": [1]}, "onPodConditions": [{"type": "X", "status": "No"}]}),
        ),
        json!({"template": {"spec": {"restartPolicy": "OnFailure"}}, "podFailurePolicy": {"rules": []}}),
    ];
    check(
        "batch",
        &job(),
        &cases.map(spec),
        &expect![[r#"
        {"spec":{"activeDeadlineSeconds":-1,"backoffLimit":-1,"completions":-1,"parallelism":-1,"ttlSecondsAfterFinished":-1}}
            Invalid spec.parallelism: Invalid value: -1: must be greater than or equal to 0
            Invalid spec.completions: Invalid value: -1: must be greater than or equal to 0
            Invalid spec.activeDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0
            Invalid spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0
            Invalid spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0
        {"spec":{"template":{"spec":{"restartPolicy":"Always"}}}}
            Required spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"
        {"spec":{"template":{"spec":{"restartPolicy":"Sometimes"}}}}
            NotSupported spec.template.spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"
        {"spec":{"completionMode":"Some"}}
            NotSupported spec.completionMode: Unsupported value: "Some": supported values: "Indexed", "NonIndexed"
        {"spec":{"completionMode":"Indexed","completions":null,"parallelism":100001}}
            Required spec.completions: Required value: when completion mode is Indexed
            Invalid spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed
        {"spec":{"backoffLimitPerIndex":1,"completionMode":"Indexed","completions":3,"maxFailedIndexes":4}}
            Invalid spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions
        {"spec":{"backoffLimitPerIndex":1,"successPolicy":{"rules":[]}}}
            Invalid spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode
            Invalid spec.successPolicy: Invalid value: {"rules":[]}: requires indexed completion mode
            Required spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified
        {"spec":{"maxFailedIndexes":1}}
            Required spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified
        {"spec":{"podReplacementPolicy":"Never"}}
            NotSupported spec.podReplacementPolicy: Unsupported value: "Never": supported values: "Failed", "TerminatingOrFailed"
        {"spec":{"completionMode":"Indexed","completions":3,"successPolicy":{"rules":[{},{"succeededCount":0}]}}}
            Required spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified
            Invalid spec.successPolicy.rules[1].succeededCount: Invalid value: 0: must be greater than or equal to 1
        {"spec":{"podFailurePolicy":{"rules":[{"action":"Restart","onExitCodes":{"containerName":"b","operator":"In","values":[0,1]}}]}}}
            NotSupported spec.podFailurePolicy.rules[0].action: Unsupported value: "Restart": supported values: "Count", "FailIndex", "FailJob", "Ignore"
            Invalid spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "b": must be one of the container or initContainer names in the pod template
            Invalid spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator
        {"spec":{"podFailurePolicy":{"rules":[{"action":"FailIndex","onExitCodes":{"operator":"Out","values":[]}}]}}}
            Invalid spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set
            NotSupported spec.podFailurePolicy.rules[0].onExitCodes.operator: Unsupported value: "Out": supported values: "In", "NotIn"
            Invalid spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: []: at least one value is required
        {"spec":{"podFailurePolicy":{"rules":[{"action":"Ignore"}]}}}
            Invalid spec.podFailurePolicy.rules[0]: Invalid value: {"action":"Ignore"}: specifying one of OnExitCodes and OnPodConditions is required
        {"spec":{"podFailurePolicy":{"rules":[{"onExitCodes":{"operator":"In","values":[1]},"onPodConditions":[{"status":"No","type":"X"}]}]}}}
            Required spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]
            Invalid spec.podFailurePolicy.rules[0]: Invalid value: {"onExitCodes":{"operator":"In","values":[1]},"onPodConditions":[{"status":"No","type":"X"}]}: specifying both OnExitCodes and OnPodConditions is not supported
            NotSupported spec.podFailurePolicy.rules[0].onPodConditions[0].status: Unsupported value: "No": supported values: "False", "True", "Unknown"
        {"spec":{"podFailurePolicy":{"rules":[]},"template":{"spec":{"restartPolicy":"OnFailure"}}}}
            Invalid spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified
    "#]],
    );
    let mut base = job();
    base["spec"]["completions"] = json!(1);
    base["spec"]["completionMode"] = json!("Indexed");
    base["spec"]["parallelism"] = json!(1);
    let cases = [
        json!({"parallelism": 5}),
        json!({"parallelism": 5, "completions": 5}),
        json!({"completions": 5}),
        json!({"template": {"spec": {"nodeName": "x"}}}),
        json!({"suspend": true, "completionMode": "NonIndexed"}),
    ];
    check_change(
        "batch",
        &base,
        &cases.map(spec),
        &expect![[r#"
        {"spec":{"parallelism":5}}
        {"spec":{"completions":5,"parallelism":5}}
        {"spec":{"completions":5}}
            Invalid spec.completions: Invalid value: 5: can only be modified in tandem with spec.parallelism
        {"spec":{"template":{"spec":{"nodeName":"x"}}}}
            Invalid spec.template: Invalid value: {"spec":{"containers":[{"image":"a","name":"a"}],"nodeName":"x","restartPolicy":"Never"}}: field is immutable
        {"spec":{"completionMode":"NonIndexed","suspend":true}}
            Invalid spec.completionMode: Invalid value: "NonIndexed": field is immutable
    "#]],
    );
    base["spec"]["suspend"] = json!(true);
    let cases = [json!({"template": {"spec": {"nodeName": "x"}}})];
    check_change(
        "batch",
        &base,
        &cases.map(spec),
        &expect![[r#"
        {"spec":{"template":{"spec":{"nodeName":"x"}}}}
    "#]],
    );
}

#[test]
fn schedules() {
    let base = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"},
        "spec": {"schedule": "*/5 0-6,22 1 jan-dec MON-fri", "jobTemplate": {"spec": job()["spec"]}}});
    let words = [
        "@daily",
        "@every 1h30m",
        "@every soon",
        "@soon",
        "* * * *",
        "60 * * * *",
        "* * 0 * *",
        "5-3 * * * *",
        "*/0 * * * *",
        "x * * * *",
        "1-2-3 * * * *",
        "1/2/3 * * * *",
        "* * * * 7",
        "TZ=UTC * * * * *",
        "-1 * * * *",
        "? ? ? ? ?",
    ];
    let mut cases: Vec<Value> = words
        .iter()
        .map(|word| spec(json!({ "schedule": word })))
        .collect();
    cases.push(spec(
        json!({"timeZone": "Local", "concurrencyPolicy": "Queue", "startingDeadlineSeconds": -1}),
    ));
    cases.push(spec(
        json!({"jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Always"}}}}}),
    ));
    cases.push(json!({"metadata": {"name": "n".repeat(53)}}));
    check(
        "batch",
        &base,
        &cases,
        &expect![[r#"
        {"spec":{"schedule":"@daily"}}
        {"spec":{"schedule":"@every 1h30m"}}
        {"spec":{"schedule":"@every soon"}}
            Invalid spec.schedule: Invalid value: "@every soon": failed to parse duration @every soon: time: invalid duration "soon"
        {"spec":{"schedule":"@soon"}}
            Invalid spec.schedule: Invalid value: "@soon": unrecognized descriptor: @soon
        {"spec":{"schedule":"* * * *"}}
            Invalid spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]
        {"spec":{"schedule":"60 * * * *"}}
            Invalid spec.schedule: Invalid value: "60 * * * *": end of range (60) above maximum (59): 60
        {"spec":{"schedule":"* * 0 * *"}}
            Invalid spec.schedule: Invalid value: "* * 0 * *": beginning of range (0) below minimum (1): 0
        {"spec":{"schedule":"5-3 * * * *"}}
            Invalid spec.schedule: Invalid value: "5-3 * * * *": beginning of range (5) beyond end of range (3): 5-3
        {"spec":{"schedule":"*/0 * * * *"}}
            Invalid spec.schedule: Invalid value: "*/0 * * * *": step of range should be a positive number: */0
        {"spec":{"schedule":"x * * * *"}}
            Invalid spec.schedule: Invalid value: "x * * * *": failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax
        {"spec":{"schedule":"1-2-3 * * * *"}}
            Invalid spec.schedule: Invalid value: "1-2-3 * * * *": too many hyphens: 1-2-3
        {"spec":{"schedule":"1/2/3 * * * *"}}
            Invalid spec.schedule: Invalid value: "1/2/3 * * * *": too many slashes: 1/2/3
        {"spec":{"schedule":"* * * * 7"}}
            Invalid spec.schedule: Invalid value: "* * * * 7": end of range (7) above maximum (6): 7
        {"spec":{"schedule":"TZ=UTC * * * * *"}}
            Invalid spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead
        {"spec":{"schedule":"-1 * * * *"}}
            Invalid spec.schedule: Invalid value: "-1 * * * *": failed to parse int from : strconv.Atoi: parsing "": invalid syntax
        {"spec":{"schedule":"? ? ? ? ?"}}
        {"spec":{"concurrencyPolicy":"Queue","startingDeadlineSeconds":-1,"timeZone":"Local"}}
            Invalid spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones
            NotSupported spec.concurrencyPolicy: Unsupported value: "Queue": supported values: "Allow", "Forbid", "Replace"
            Invalid spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0
        {"spec":{"jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Always"}}}}}}
            Required spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"
        {"metadata":{"name":"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"}}
            Invalid metadata.name: Invalid value: "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn": must be no more than 52 characters
    "#]],
    );
}

#[test]
fn budgets() {
    let base = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}});
    let cases = [
        json!({"maxUnavailable": 1}),
        json!({"minAvailable": "101%"}),
        json!({"minAvailable": -1}),
        json!({"selector": {"matchLabels": {"a": "b c"}}, "unhealthyPodEvictionPolicy": "Never"}),
    ];
    check(
        "policy",
        &base,
        &cases.map(spec),
        &expect![[r#"
        {"spec":{"maxUnavailable":1}}
            Invalid spec: Invalid value: {"maxUnavailable":1,"minAvailable":1,"selector":{"matchLabels":{"a":"b"}}}: minAvailable and maxUnavailable cannot be both set
        {"spec":{"minAvailable":"101%"}}
            Invalid spec.minAvailable: Invalid value: "101%": must not be greater than 100%
        {"spec":{"minAvailable":-1}}
            Invalid spec.minAvailable: Invalid value: -1: must be greater than or equal to 0
        {"spec":{"selector":{"matchLabels":{"a":"b c"}},"unhealthyPodEvictionPolicy":"Never"}}
            Invalid spec.selector.matchLabels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')
            NotSupported spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"
    "#]],
    );
}

#[test]
fn autoscalers() {
    let base = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}}});
    let metric = |metric: Value| json!({ "metrics": [metric] });
    let cases = [
        json!({"minReplicas": 0, "maxReplicas": 0, "scaleTargetRef": {"kind": "", "name": "a/b"}}),
        json!({"minReplicas": 4}),
        metric(json!({})),
        metric(json!({"type": "Custom"})),
        metric(json!({"type": "Resource"})),
        metric(
            json!({"type": "Resource", "resource": {"target": {"type": "Utilization"}}, "pods": {}}),
        ),
        metric(
            json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Half", "averageUtilization": 0, "averageValue": "0"}}}),
        ),
        metric(
            json!({"type": "ContainerResource", "containerResource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}),
        ),
        metric(
            json!({"type": "Pods", "pods": {"metric": {"name": ""}, "target": {"type": "AverageValue"}}}),
        ),
        metric(
            json!({"type": "Object", "object": {"metric": {"name": "m"}, "describedObject": {"kind": "A"}, "target": {"type": "Value"}}}),
        ),
        metric(
            json!({"type": "External", "external": {"metric": {"name": "m"}, "target": {"type": "Value", "value": "1", "averageValue": "1"}}}),
        ),
        json!({"behavior": {"scaleUp": {"policies": [], "selectPolicy": "Most", "stabilizationWindowSeconds": 3601},
            "scaleDown": {"policies": [{"type": "Cores", "value": 0, "periodSeconds": 1801}], "stabilizationWindowSeconds": -1}}}),
    ];
    check(
        "autoscaling",
        &base,
        &cases.map(spec),
        &expect![[r#"
        {"spec":{"maxReplicas":0,"minReplicas":0,"scaleTargetRef":{"kind":"","name":"a/b"}}}
            Invalid spec.minReplicas: Invalid value: 0: must be greater than or equal to 1
            Invalid spec.maxReplicas: Invalid value: 0: must be greater than 0
            Required spec.scaleTargetRef.kind: Required value
            Invalid spec.scaleTargetRef.name: Invalid value: "a/b": may not contain '/'
        {"spec":{"minReplicas":4}}
            Invalid spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`
        {"spec":{"metrics":[{}]}}
            Required spec.metrics[0].type: Required value: must specify a metric source type
        {"spec":{"metrics":[{"type":"Custom"}]}}
            NotSupported spec.metrics[0].type: Unsupported value: "Custom": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"
        {"spec":{"metrics":[{"type":"Resource"}]}}
            Required spec.metrics[0].resource: Required value: must populate information for the given metric source
        {"spec":{"metrics":[{"pods":{},"resource":{"target":{"type":"Utilization"}},"type":"Resource"}]}}
            Forbidden spec.metrics[0].pods: Forbidden: must populate the given metric source only
            Required spec.metrics[0].resource.name: Required value: must specify a resource name
            Required spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization
        {"spec":{"metrics":[{"resource":{"name":"cpu","target":{"averageUtilization":0,"averageValue":"0","type":"Half"}},"type":"Resource"}]}}
            NotSupported spec.metrics[0].resource.target.type: Unsupported value: "Half": supported values: "AverageValue", "Utilization", "Value"
            Invalid spec.metrics[0].resource.target.averageValue: Invalid value: "0": must be positive
            Invalid spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0
            Forbidden spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization
        {"spec":{"metrics":[{"containerResource":{"name":"cpu","target":{"averageUtilization":50,"type":"Utilization"}},"type":"ContainerResource"}]}}
            Required spec.metrics[0].containerResource.container: Required value: must specify a container
        {"spec":{"metrics":[{"pods":{"metric":{"name":""},"target":{"type":"AverageValue"}},"type":"Pods"}]}}
            Required spec.metrics[0].pods.metric.name: Required value: must specify a metric name
            Required spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue
        {"spec":{"metrics":[{"object":{"describedObject":{"kind":"A"},"metric":{"name":"m"},"target":{"type":"Value"}},"type":"Object"}]}}
            Required spec.metrics[0].object.describedObject.name: Required value
            Required spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue
        {"spec":{"metrics":[{"external":{"metric":{"name":"m"},"target":{"averageValue":"1","type":"Value","value":"1"}},"type":"External"}]}}
            Forbidden spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target
        {"spec":{"behavior":{"scaleDown":{"policies":[{"periodSeconds":1801,"type":"Cores","value":0}],"stabilizationWindowSeconds":-1},"scaleUp":{"policies":[],"selectPolicy":"Most","stabilizationWindowSeconds":3601}}}}
            Invalid spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600
            NotSupported spec.behavior.scaleUp.selectPolicy: Unsupported value: "Most": supported values: "Disabled", "Max", "Min"
            Required spec.behavior.scaleUp.policies: Required value: must specify at least one Policy
            Invalid spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: -1: must be greater than or equal to zero
            NotSupported spec.behavior.scaleDown.policies[0].type: Unsupported value: "Cores": supported values: "Percent", "Pods"
            Invalid spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero
            Invalid spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800
    "#]],
    );
}
