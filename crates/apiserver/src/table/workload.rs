//! The tables of the kinds that keep pods.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::built_in::{number, selector};
use super::{Column, duration};
use crate::object::Object;

pub(super) fn columns(plural: &str) -> Vec<Column> {
    match plural {
        "deployments" => deployments(),
        "replicasets" => replica_columns(),
        "statefulsets" => {
            let mut columns = vec![
                Column::computed("Ready", "string", |set, _| {
                    json!(ratio(set, &["status", "readyReplicas"]))
                })
                .reads(&["spec.replicas", "status.readyReplicas"]),
                Column::age(),
            ];
            columns.extend(template_columns());
            columns
        }
        "daemonsets" => daemon_sets(),
        "jobs" => jobs(),
        "cronjobs" => cron_jobs(),
        "horizontalpodautoscalers" => autoscalers(),
        "controllerrevisions" => vec![
            Column::computed("Controller", "string", |revision, _| {
                let owners = revision.at(&["metadata", "ownerReferences"]);
                let owner = owners.and_then(|owners| owners.get(0));
                let text = |field: &str| {
                    owner
                        .and_then(|owner| owner.get(field)?.as_str())
                        .unwrap_or_default()
                };
                match text("name") {
                    "" => json!("<none>"),
                    name => json!(format!("{}/{name}", text("kind").to_ascii_lowercase())),
                }
            })
            .reads(&["metadata.ownerReferences"]),
            Column::at("Revision", "integer", ".revision", "0"),
            Column::age(),
        ],
        _ => vec![Column::age()],
    }
}

fn wanted(object: &Object) -> i64 {
    object
        .at(&["spec", "replicas"])
        .and_then(Value::as_i64)
        .unwrap_or(1)
}

fn ratio(object: &Object, path: &[&str]) -> String {
    format!("{}/{}", number(object, path), wanted(object))
}

fn containers(object: &Object, field: &str) -> String {
    let list = object
        .at(&["spec", "template", "spec", "containers"])
        .and_then(Value::as_array);
    let texts = list
        .into_iter()
        .flatten()
        .filter_map(|container| container.get(field)?.as_str());
    texts.collect::<Vec<_>>().join(",")
}

fn names(object: &Object, _: Timestamp) -> Value {
    json!(containers(object, "name"))
}

fn images(object: &Object, _: Timestamp) -> Value {
    json!(containers(object, "image"))
}

fn selector_cell(object: &Object, _: Timestamp) -> Value {
    json!(selector(object.at(&["spec", "selector"])))
}

fn template_columns() -> Vec<Column> {
    vec![
        Column::computed("Containers", "string", names)
            .reads(&["spec.template.spec.containers.name"])
            .wide(),
        Column::computed("Images", "string", images)
            .reads(&["spec.template.spec.containers.image"])
            .wide(),
    ]
}

fn deployments() -> Vec<Column> {
    let mut columns = vec![
        Column::computed("Ready", "string", |deployment, _| {
            json!(ratio(deployment, &["status", "readyReplicas"]))
        })
        .reads(&["spec.replicas", "status.readyReplicas"]),
        Column::at("Up-to-date", "string", ".status.updatedReplicas", "0"),
        Column::at("Available", "string", ".status.availableReplicas", "0"),
        Column::age(),
    ];
    columns.extend(template_columns());
    columns.push(
        Column::computed("Selector", "string", selector_cell)
            .reads(&["spec.selector"])
            .wide(),
    );
    columns
}

/// The columns of a replica set or replication controller.
pub(super) fn replica_columns() -> Vec<Column> {
    let mut columns = vec![
        Column::computed("Desired", "integer", |set, _| json!(wanted(set)))
            .reads(&["spec.replicas"]),
        Column::at("Current", "integer", ".status.replicas", "0"),
        Column::at("Ready", "integer", ".status.readyReplicas", "0"),
        Column::age(),
    ];
    columns.extend(template_columns());
    columns.push(
        Column::computed("Selector", "string", selector_cell)
            .reads(&["spec.selector"])
            .wide(),
    );
    columns
}

fn daemon_sets() -> Vec<Column> {
    let mut columns = vec![
        Column::at("Desired", "integer", ".status.desiredNumberScheduled", "0"),
        Column::at("Current", "integer", ".status.currentNumberScheduled", "0"),
        Column::at("Ready", "integer", ".status.numberReady", "0"),
        Column::at(
            "Up-to-date",
            "integer",
            ".status.updatedNumberScheduled",
            "0",
        ),
        Column::at("Available", "integer", ".status.numberAvailable", "0"),
        Column::computed("Node Selector", "string", |set, _| {
            json!(super::built_in::labels(set.at(&[
                "spec",
                "template",
                "spec",
                "nodeSelector"
            ])))
        })
        .reads(&["spec.template.spec.nodeSelector"]),
        Column::age(),
    ];
    columns.extend(template_columns());
    columns.push(
        Column::computed("Selector", "string", selector_cell)
            .reads(&["spec.selector"])
            .wide(),
    );
    columns
}

fn jobs() -> Vec<Column> {
    let mut columns = vec![
        Column::computed("Status", "string", |job, _| json!(job_status(job))).reads(&[
            "metadata.deletionTimestamp",
            "status.conditions.type",
            "status.conditions.status",
        ]),
        Column::computed("Completions", "string", |job, _| {
            let done = number(job, &["status", "succeeded"]);
            let parallel = number(job, &["spec", "parallelism"]);
            match job.at(&["spec", "completions"]).and_then(Value::as_i64) {
                Some(wanted) => json!(format!("{done}/{wanted}")),
                None if parallel > 1 => json!(format!("{done}/1 of {parallel}")),
                None => json!(format!("{done}/1")),
            }
        })
        .reads(&["spec.completions", "spec.parallelism", "status.succeeded"]),
        Column::computed("Duration", "string", |job, now| {
            let second = |field: &str| {
                job.text(&["status", field])
                    .parse::<Timestamp>()
                    .ok()
                    .map(Timestamp::as_second)
            };
            match second("startTime") {
                None => json!(""),
                Some(start) => {
                    let end = second("completionTime").unwrap_or(now.as_second());
                    json!(duration(end - start))
                }
            }
        })
        .reads(&["status.startTime", "status.completionTime"]),
        Column::age(),
    ];
    columns.extend(template_columns());
    columns.push(
        Column::computed("Selector", "string", selector_cell)
            .reads(&["spec.selector"])
            .wide(),
    );
    columns
}

fn job_status(job: &Object) -> &'static str {
    let conditions = job.at(&["status", "conditions"]).and_then(Value::as_array);
    let holds = |kind: &str| {
        conditions.into_iter().flatten().any(|condition| {
            condition.get("type") == Some(&json!(kind))
                && condition.get("status") == Some(&json!("True"))
        })
    };
    match () {
        () if holds("Complete") => "Complete",
        () if holds("Failed") => "Failed",
        () if job.deleting() => "Terminating",
        () if holds("Suspended") => "Suspended",
        () if holds("FailureTarget") => "FailureTarget",
        () if holds("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn cron_jobs() -> Vec<Column> {
    vec![
        Column::at("Schedule", "string", ".spec.schedule", ""),
        Column::at("Timezone", "string", ".spec.timeZone", "<none>"),
        Column::computed("Suspend", "string", |job, _| {
            let suspended = job.at(&["spec", "suspend"]) == Some(&json!(true));
            json!(if suspended { "True" } else { "False" })
        })
        .reads(&["spec.suspend"]),
        Column::computed("Active", "integer", |job, _| {
            json!(super::built_in::length(job, &["status", "active"]))
        })
        .reads(&["status.active.name"]),
        Column::computed("Last Schedule", "string", |job, now| {
            match job.text(&["status", "lastScheduleTime"]) {
                "" => json!("<none>"),
                moment => json!(super::age(moment, now)),
            }
        })
        .reads(&["status.lastScheduleTime"]),
        Column::age(),
    ]
}

fn autoscalers() -> Vec<Column> {
    vec![
        Column::computed("Reference", "string", |scaler, _| {
            let text = |field: &str| scaler.text(&["spec", "scaleTargetRef", field]);
            json!(format!("{}/{}", text("kind"), text("name")))
        })
        .reads(&["spec.scaleTargetRef"]),
        Column::computed("Targets", "string", |scaler, _| json!(targets(scaler)))
            .reads(&["spec.metrics", "status.currentMetrics"]),
        Column::computed("MinPods", "string", |scaler, _| {
            match scaler.at(&["spec", "minReplicas"]).and_then(Value::as_i64) {
                Some(least) => json!(least.to_string()),
                None => json!("<unset>"),
            }
        })
        .reads(&["spec.minReplicas"]),
        Column::at("MaxPods", "integer", ".spec.maxReplicas", "0"),
        Column::at("Replicas", "integer", ".status.currentReplicas", "0"),
        Column::age(),
    ]
}

fn targets(scaler: &Object) -> String {
    let list = |path: &[&str]| scaler.at(path).and_then(Value::as_array).cloned();
    let metrics = list(&["spec", "metrics"]).unwrap_or_default();
    let current = list(&["status", "currentMetrics"]).unwrap_or_default();
    if metrics.is_empty() {
        return "<none>".to_owned();
    }
    let shown: Vec<String> = metrics
        .iter()
        .enumerate()
        .map(|(index, metric)| {
            let name = metric.pointer("/resource/name").and_then(Value::as_str);
            let target = metric.pointer("/resource/target/averageUtilization");
            let now = current
                .get(index)
                .and_then(|metric| metric.pointer("/resource/current/averageUtilization"))
                .map_or("<unknown>".to_owned(), |value| format!("{value}%"));
            if let (Some(name), Some(target)) = (name, target) {
                return format!("{name}: {now}/{target}%");
            }
            let kind = metric
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default();
            format!("<unknown> ({kind})")
        })
        .collect();
    shown.join(", ")
}
