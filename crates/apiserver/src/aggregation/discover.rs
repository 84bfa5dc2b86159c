//! What discovery says of the groups of other servers.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt as _;
use seatrial_store::Page;
use serde_json::{Value, json};

use super::{RESOURCE, peer_of, served_here};
use crate::object::Object;
use crate::outbound;
use crate::state::State;

/// How long another server may take to say what it has.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest list of resources that is read, in bytes.
const LIMIT: usize = 4 << 20;

/// The APIServices that lead to other servers, by group.
fn services(state: &State) -> BTreeMap<String, Vec<Object>> {
    let mut services: BTreeMap<String, Vec<Object>> = BTreeMap::new();
    let listing = state.store.list(RESOURCE, &Page::default());
    for record in listing.map(|listing| listing.records).unwrap_or_default() {
        let Ok(object) = Object::decode(&record.bytes) else {
            continue;
        };
        let (group, version) = (
            object.text(&["spec", "group"]),
            object.text(&["spec", "version"]),
        );
        let remote = object
            .at(&["spec", "service"])
            .is_some_and(Value::is_object);
        if remote && !served_here(state, group, version) {
            services.entry(group.to_owned()).or_default().push(object);
        }
    }
    services
}

/// The groups of other servers, each with its versions, best first.
pub(crate) fn groups(state: &State) -> Vec<(String, Vec<String>)> {
    let versions = |mut objects: Vec<Object>| {
        let priority = |object: &Object| {
            object
                .at(&["spec", "versionPriority"])
                .and_then(Value::as_i64)
                .unwrap_or_default()
        };
        objects.sort_by_key(|object| std::cmp::Reverse(priority(object)));
        objects
            .iter()
            .map(|object| object.text(&["spec", "version"]).to_owned())
            .collect()
    };
    services(state)
        .into_iter()
        .map(|(group, objects)| (group, versions(objects)))
        .collect()
}

/// The groups of other servers as aggregated discovery lists them. A server that does not answer is listed as stale, without resources.
pub(crate) async fn aggregated_groups(state: &State) -> Vec<Value> {
    let mut groups = Vec::new();
    for (group, objects) in services(state) {
        let mut versions = Vec::new();
        for object in objects {
            let version = object.text(&["spec", "version"]).to_owned();
            versions.push(match ask(state, &object).await {
                Some(list) => json!({ "version": version, "freshness": "Current", "resources": resources(&group, &version, &list) }),
                None => json!({ "version": version, "freshness": "Stale", "resources": [] }),
            });
        }
        groups.push(json!({ "metadata": { "name": group }, "versions": versions }));
    }
    groups
}

/// The list of resources of a group version, from the server that has it.
pub(super) async fn ask(state: &State, object: &Object) -> Option<Value> {
    let path = format!(
        "/apis/{}/{}",
        object.text(&["spec", "group"]),
        object.text(&["spec", "version"])
    );
    let request = http::Request::get(path)
        .header(http::header::ACCEPT, "application/json")
        .header("x-remote-user", "system:kube-aggregator")
        .header("x-remote-group", "system:masters")
        .body(Body::empty())
        .ok()?;
    let exchange = async {
        let reply = outbound::send(state, &peer_of(object).ok()?, request)
            .await
            .ok()?;
        let fine = reply.status().is_success();
        let bytes = http_body_util::Limited::new(reply.into_body(), LIMIT)
            .collect()
            .await
            .ok()?
            .to_bytes();
        serde_json::from_slice(&bytes).ok().filter(|_| fine)
    };
    tokio::time::timeout(TIMEOUT, exchange).await.ok()?
}

/// From an `APIResourceList` to the form of aggregated discovery.
fn resources(group: &str, version: &str, list: &Value) -> Vec<Value> {
    let entries: Vec<&Value> = list
        .get("resources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    let text = |entry: &Value, field: &str| {
        entry
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let kind = |entry: &Value| {
        let or = |field: &str, other: &str| match text(entry, field) {
            empty if empty.is_empty() => other.to_owned(),
            given => given,
        };
        json!({ "group": or("group", group), "version": or("version", version), "kind": text(entry, "kind") })
    };
    let whole = entries
        .iter()
        .filter(|entry| !text(entry, "name").contains('/'));
    whole
        .map(|entry| {
            let name = text(entry, "name");
            let parts: Vec<Value> = entries
                .iter()
                .filter_map(|part| {
                    let part_name = text(part, "name");
                    let (owner, step) = part_name.split_once('/')?;
                    (owner == name).then(|| json!({ "subresource": step, "responseKind": kind(part), "verbs": part["verbs"] }))
                })
                .collect();
            let namespaced = entry.get("namespaced").and_then(Value::as_bool) == Some(true);
            let mut resource = json!({
                "resource": name,
                "responseKind": kind(entry),
                "scope": if namespaced { "Namespaced" } else { "Cluster" },
                "singularResource": text(entry, "singularName"),
                "verbs": entry["verbs"],
            });
            for field in ["shortNames", "categories"] {
                if let Some(value) = entry.get(field).filter(|value| value.is_array()) {
                    resource[field] = value.clone();
                }
            }
            if !parts.is_empty() {
                resource["subresources"] = json!(parts);
            }
            resource
        })
        .collect()
}
