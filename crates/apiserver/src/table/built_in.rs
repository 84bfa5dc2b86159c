//! The columns of the built-in kinds, as upstream prints them
//! (`k8s.io/kubernetes/pkg/printers/internalversion`).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Column, network, pod, policy, workload};
use crate::object::Object;

/// The columns of a built-in kind, without the name.
pub(crate) fn columns(group: &str, plural: &str) -> Arc<[Column]> {
    let columns = match (group, plural) {
        ("", "pods") => pod::pods(),
        ("", "nodes") => pod::nodes(),
        ("", "events") | ("events.k8s.io", _) => events(group),
        ("", _) => core(plural),
        ("apps" | "batch" | "autoscaling", _) => workload::columns(plural),
        ("networking.k8s.io" | "discovery.k8s.io", _) => network::columns(plural),
        _ => policy::columns(plural),
    };
    columns.into()
}

fn core(plural: &str) -> Vec<Column> {
    match plural {
        "namespaces" => vec![
            Column::at("Status", "string", ".status.phase", ""),
            Column::age(),
        ],
        "configmaps" => vec![
            Column::computed("Data", "string", data).reads(&["data.*", "binaryData.*"]),
            Column::age(),
        ],
        "secrets" => vec![
            Column::at("Type", "string", ".type", "Opaque"),
            Column::computed("Data", "string", data).reads(&["data.*", "binaryData.*"]),
            Column::age(),
        ],
        "serviceaccounts" => {
            let secrets = |object: &Object, _| json!(length(object, &["secrets"]));
            vec![
                Column::computed("Secrets", "string", secrets).reads(&["secrets.name"]),
                Column::age(),
            ]
        }
        "services" => network::services(),
        "endpoints" => network::endpoints(),
        "persistentvolumeclaims" => policy::claims(),
        "persistentvolumes" => policy::volumes(),
        "replicationcontrollers" => workload::replica_columns(),
        "resourcequotas" => policy::quotas(),
        _ => vec![Column::age()],
    }
}

fn data(object: &Object, _now: jiff::Timestamp) -> Value {
    let count = |field: &str| {
        object
            .at(&[field])
            .and_then(Value::as_object)
            .map_or(0, serde_json::Map::len)
    };
    json!(count("data") + count("binaryData"))
}

/// The number of entries of the list at `path`.
pub(super) fn length(object: &Object, path: &[&str]) -> usize {
    object
        .at(path)
        .and_then(Value::as_array)
        .map_or(0, Vec::len)
}

/// The integer at `path`, 0 where there is none.
pub(super) fn number(object: &Object, path: &[&str]) -> i64 {
    object.at(path).and_then(Value::as_i64).unwrap_or_default()
}

/// Labels as text, `<none>` where there are none.
pub(super) fn labels(map: Option<&Value>) -> String {
    let pairs = map.and_then(Value::as_object).into_iter().flatten();
    let pairs: Vec<String> = pairs
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    or_none(pairs.join(","))
}

/// A label selector as text, `<none>` where it is empty.
pub(super) fn selector(selector: Option<&Value>) -> String {
    or_none(
        selector
            .map(crate::subresource::selector_text)
            .unwrap_or_default(),
    )
}

/// The text, or `<none>` for an empty one.
pub(super) fn or_none(text: String) -> String {
    if text.is_empty() {
        "<none>".to_owned()
    } else {
        text
    }
}

fn events(group: &str) -> Vec<Column> {
    let (object, message): (fn(&Object, jiff::Timestamp) -> Value, &str) = match group {
        "" => (|event, _| about(event, "involvedObject"), ".message"),
        _ => (|event, _| about(event, "regarding"), ".note"),
    };
    let mut columns = vec![
        Column::computed("Last Seen", "string", |event, now| {
            json!(super::age(&last_seen(event), now))
        })
        .reads(&[
            "series",
            "lastTimestamp",
            "deprecatedLastTimestamp",
            "eventTime",
            "metadata.creationTimestamp",
        ]),
        Column::at("Type", "string", ".type", ""),
        Column::at("Reason", "string", ".reason", ""),
        Column::computed("Object", "string", object).reads(&["involvedObject", "regarding"]),
    ];
    if group.is_empty() {
        columns.push(Column::at("Subobject", "string", ".involvedObject.fieldPath", "").wide());
        columns.push(
            Column::computed("Source", "string", |event, _| json!(source(event)))
                .reads(&["source", "reportingComponent"])
                .wide(),
        );
    }
    columns.push(Column::at("Message", "string", message, ""));
    columns.push(
        Column::computed("First Seen", "string", |event, now| {
            json!(super::age(&first_seen(event), now))
        })
        .reads(&[
            "firstTimestamp",
            "deprecatedFirstTimestamp",
            "eventTime",
            "metadata.creationTimestamp",
        ])
        .wide(),
    );
    columns.push(
        Column::computed("Count", "string", |event, _| json!(count(event)))
            .reads(&["series", "count", "deprecatedCount"])
            .wide(),
    );
    columns
}

fn about(event: &Object, field: &str) -> Value {
    let kind = event.text(&[field, "kind"]).to_ascii_lowercase();
    json!(format!("{kind}/{}", event.text(&[field, "name"])))
}

fn source(event: &Object) -> String {
    let component = match event.text(&["source", "component"]) {
        "" => event.text(&["reportingComponent"]),
        component => component,
    };
    match event.text(&["source", "host"]) {
        "" => component.to_owned(),
        host => format!("{component}, {host}"),
    }
}

fn first_of(event: &Object, paths: &[&[&str]]) -> String {
    let texts = paths.iter().map(|path| event.text(path));
    texts
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default()
        .to_owned()
}

fn last_seen(event: &Object) -> String {
    let paths: [&[&str]; 5] = [
        &["series", "lastObservedTime"],
        &["lastTimestamp"],
        &["deprecatedLastTimestamp"],
        &["eventTime"],
        &["metadata", "creationTimestamp"],
    ];
    first_of(event, &paths)
}

fn first_seen(event: &Object) -> String {
    let paths: [&[&str]; 4] = [
        &["firstTimestamp"],
        &["deprecatedFirstTimestamp"],
        &["eventTime"],
        &["metadata", "creationTimestamp"],
    ];
    first_of(event, &paths)
}

fn count(event: &Object) -> i64 {
    let counts: [&[&str]; 3] = [&["series", "count"], &["count"], &["deprecatedCount"]];
    counts
        .iter()
        .map(|path| number(event, path))
        .find(|&count| count > 0)
        .unwrap_or(1)
}
