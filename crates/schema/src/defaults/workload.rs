//! What makes pods, and what scales it.

use serde_json::{Map, Value, json};

use super::field::{Object, object, objects, section, set, set_text, text};
use super::{pod, storage};

fn spec_with_template(target: &mut Object) -> Option<&mut Object> {
    let spec = section(target, "spec")?;
    section(spec, "template")
        .into_iter()
        .for_each(pod::template);
    Some(spec)
}

pub(super) fn pod_template(target: &mut Object) {
    object(target, "template")
        .into_iter()
        .for_each(pod::template);
}

pub(super) fn deployment(target: &mut Object) {
    let Some(spec) = spec_with_template(target) else {
        return;
    };
    set(spec, "replicas", 1);
    set(spec, "revisionHistoryLimit", 10);
    set(spec, "progressDeadlineSeconds", 600);
    let Some(strategy) = section(spec, "strategy") else {
        return;
    };
    set_text(strategy, "type", "RollingUpdate");
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = section(strategy, "rollingUpdate")
    {
        set(rolling, "maxUnavailable", "25%");
        set(rolling, "maxSurge", "25%");
    }
}

pub(super) fn replica_set(target: &mut Object) {
    let Some(spec) = spec_with_template(target) else {
        return;
    };
    set(spec, "replicas", 1);
}

pub(super) fn replication_controller(target: &mut Object) {
    let Some(spec) = section(target, "spec") else {
        return;
    };
    set(spec, "replicas", 1);
    let labels = object(spec, "template").map(|template| {
        pod::template(template);
        object(template, "metadata").and_then(|metadata| metadata.get("labels").cloned())
    });
    let Some(Some(labels)) = labels else { return };
    set(spec, "selector", labels.clone());
    if let Some(metadata) = object(target, "metadata") {
        set(metadata, "labels", labels);
    }
}

pub(super) fn stateful_set(target: &mut Object) {
    let Some(spec) = spec_with_template(target) else {
        return;
    };
    set(spec, "replicas", 1);
    set(spec, "revisionHistoryLimit", 10);
    set_text(spec, "podManagementPolicy", "OrderedReady");
    if let Some(strategy) = section(spec, "updateStrategy") {
        set_text(strategy, "type", "RollingUpdate");
        if text(strategy, "type") == "RollingUpdate" {
            let rolling = section(strategy, "rollingUpdate");
            if let Some(rolling) = rolling {
                set(rolling, "partition", 0);
            }
        }
    }
    if let Some(policy) = section(spec, "persistentVolumeClaimRetentionPolicy") {
        set_text(policy, "whenDeleted", "Retain");
        set_text(policy, "whenScaled", "Retain");
    }
    for claim in objects(spec, "volumeClaimTemplates") {
        set_text(claim, "apiVersion", "v1");
        set_text(claim, "kind", "PersistentVolumeClaim");
        storage::persistent_volume_claim(claim);
    }
}

pub(super) fn daemon_set(target: &mut Object) {
    let Some(spec) = spec_with_template(target) else {
        return;
    };
    set(spec, "revisionHistoryLimit", 10);
    let Some(strategy) = section(spec, "updateStrategy") else {
        return;
    };
    set_text(strategy, "type", "RollingUpdate");
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = section(strategy, "rollingUpdate")
    {
        set(rolling, "maxUnavailable", 1);
        set(rolling, "maxSurge", 0);
    }
}

pub(super) fn job(target: &mut Object) {
    let Some(spec) = spec_with_template(target) else {
        return;
    };
    if spec.get("completions").is_none() && spec.get("parallelism").is_none() {
        set(spec, "completions", 1);
    }
    set(spec, "parallelism", 1);
    let per_index = spec.get("backoffLimitPerIndex").is_some();
    set(spec, "backoffLimit", if per_index { i32::MAX } else { 6 });
    set_text(spec, "completionMode", "NonIndexed");
    set(spec, "suspend", false);
    set(spec, "manualSelector", false);
    let policy = if spec.contains_key("podFailurePolicy") {
        "Failed"
    } else {
        "TerminatingOrFailed"
    };
    set_text(spec, "podReplacementPolicy", policy);
    if let Some(policy) = object(spec, "podFailurePolicy") {
        for rule in objects(policy, "rules") {
            let conditions = objects(rule, "onPodConditions");
            conditions.for_each(|condition| set_text(condition, "status", "True"));
        }
    }
}

pub(super) fn cron_job(target: &mut Object) {
    let Some(spec) = section(target, "spec") else {
        return;
    };
    set_text(spec, "concurrencyPolicy", "Allow");
    set(spec, "suspend", false);
    set(spec, "successfulJobsHistoryLimit", 3);
    set(spec, "failedJobsHistoryLimit", 1);
    // The job's own defaults come when the job is made.
    let job = section(spec, "jobTemplate").and_then(|template| section(template, "spec"));
    let template = job.and_then(|job| section(job, "template"));
    template.into_iter().for_each(pod::template);
}

pub(super) fn autoscaler(target: &mut Object) {
    if let Some(spec) = section(target, "spec") {
        set(spec, "minReplicas", 1);
    }
}

pub(super) fn autoscaler_v1(target: &mut Object) {
    if let Some(spec) = section(target, "spec") {
        set(spec, "targetCPUUtilizationPercentage", 80);
    }
}

pub(super) fn autoscaler_v2(target: &mut Object) {
    let Some(spec) = section(target, "spec") else {
        return;
    };
    if spec
        .get("metrics")
        .and_then(Value::as_array)
        .is_none_or(Vec::is_empty)
    {
        let target = json!({"type": "Utilization", "averageUtilization": 80});
        let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
        spec.insert("metrics".to_owned(), json!([metric]));
    }
    let Some(behavior) = object(spec, "behavior") else {
        return;
    };
    let policy =
        |sort: &str, value: i32| json!({"type": sort, "value": value, "periodSeconds": 15});
    let up = json!([policy("Pods", 4), policy("Percent", 100)]);
    let down = json!([policy("Percent", 100)]);
    scaling_rules(behavior, "scaleUp", &up, Some(0));
    // How long to wait before scaling down is the controller's setting, not the object's.
    scaling_rules(behavior, "scaleDown", &down, None);
}

fn scaling_rules(
    behavior: &mut Map<String, Value>,
    name: &str,
    policies: &Value,
    window: Option<i32>,
) {
    let Some(rules) = section(behavior, name) else {
        return;
    };
    if let Some(seconds) = window {
        set(rules, "stabilizationWindowSeconds", seconds);
    }
    set_text(rules, "selectPolicy", "Max");
    set(rules, "policies", policies.clone());
}
