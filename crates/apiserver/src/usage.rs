//! `metrics.k8s.io`: what pods and nodes use now. Measured by whoever runs them, through a port;
//! nothing is stored.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use axum::response::Response;
use http::StatusCode;
use seatrial_store::{Page, Record};
use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::{Failure, Reason};
use crate::object::{Object, timestamp};
use crate::registry::Verbs;
use crate::reply;
use crate::selector::Filter;
use crate::state::decode;

/// The annotation of figures that are made up: pods that are simulated use nothing.
const MODELLED: &str = "seatrial.dev/modelled";

/// A pod that is to be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// The node it is on.
    pub node: String,
    /// Its annotations, which may say what it only pretends to use.
    pub annotations: BTreeMap<String, String>,
    /// Its containers that run, with what they request.
    pub containers: BTreeMap<String, Requests>,
}

/// What a container requests, as quantities; empty where it requests nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    /// Processor time.
    pub cpu: String,
    /// Memory.
    pub memory: String,
}

/// What something uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Billionths of a processor, on average over the window.
    pub cpu_nanos: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
}

/// What a pod uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodFigures {
    /// By container.
    pub containers: BTreeMap<String, Amount>,
    /// Over which time.
    pub window: Duration,
    /// Whether they were measured.
    pub origin: FiguresOrigin,
}

/// What a node uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeFigures {
    /// In all.
    pub amount: Amount,
    /// Over which time.
    pub window: Duration,
    /// Whether they were measured.
    pub origin: FiguresOrigin,
}

/// Where figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FiguresOrigin {
    /// From the machine.
    Measured,
    /// From a model.
    Modelled,
}

/// Whoever can measure pods and nodes.
#[async_trait]
pub trait Usage: Send + Sync {
    /// What these pods use; those that cannot be measured now are left out.
    async fn pods(&self, pods: &[Measured]) -> BTreeMap<(String, String), PodFigures>;

    /// What nodes use, by name; `pods` are all pods of the cluster that run.
    async fn nodes(&self, nodes: &[String], pods: &[Measured]) -> BTreeMap<String, NodeFigures>;
}

/// Answers a request for figures.
///
/// # Errors
/// Where nobody measures, or there are none of what is named.
pub(crate) async fn answer(call: &Call) -> Result<Response, Failure> {
    debug_assert_eq!(call.kind().verbs, Verbs::Measure);
    let Some(usage) = call.state.usage() else {
        let message = "this server has no access to what pods and nodes use";
        return Err(Failure::new(Reason::ServiceUnavailable, message));
    };
    let filter = Filter::of(call)?;
    let nodes = call.kind().plural == "nodes";
    let (plural, namespace) = if nodes {
        ("nodes", None)
    } else {
        ("pods", filter.namespace.as_deref())
    };
    let wanted = call.target.name.as_deref();
    let chosen = records(call, plural, namespace);
    let chosen = chosen.iter().filter(|record| match wanted {
        Some(name) => *record.key.name == *name,
        None => filter.matches(record),
    });
    let chosen: Vec<_> = chosen.collect();
    let items: Vec<Value> = if nodes {
        let names: Vec<String> = chosen.iter().map(|it| it.key.name.to_string()).collect();
        let figures = usage.nodes(&names, &running(call, None)?).await;
        let item = |record: &&std::sync::Arc<Record>| {
            let figures = figures.get(&*record.key.name)?;
            Some(node(call, record, figures))
        };
        chosen.iter().filter_map(item).collect()
    } else {
        let figures = usage.pods(&running(call, namespace)?).await;
        let item = |record: &&std::sync::Arc<Record>| {
            let key = (
                record.key.namespace.to_string(),
                record.key.name.to_string(),
            );
            Some(pod(call, record, figures.get(&key)?))
        };
        chosen.iter().filter_map(item).collect()
    };
    let body = match wanted {
        Some(name) => items
            .into_iter()
            .next()
            .ok_or_else(|| Failure::not_found(call.kind(), name))?,
        None => json!({
            "kind": call.kind().list_kind,
            "apiVersion": call.kind().api_version(call.version()),
            "metadata": {},
            "items": items,
        }),
    };
    reply::encoded(&call.form, StatusCode::OK, body.to_string().into())
}

fn records(call: &Call, plural: &str, namespace: Option<&str>) -> Vec<std::sync::Arc<Record>> {
    let page = Page {
        namespace,
        ..Page::default()
    };
    let listing = call.state.store.list(plural, &page);
    listing.map(|listing| listing.records).unwrap_or_default()
}

/// The pods that run.
fn running(call: &Call, namespace: Option<&str>) -> Result<Vec<Measured>, Failure> {
    let mut pods = Vec::new();
    for record in records(call, "pods", namespace) {
        let pod = decode(&record)?;
        if pod.text(&["status", "phase"]) == "Running" {
            pods.push(measured(&record, &pod));
        }
    }
    Ok(pods)
}

fn measured(record: &Record, pod: &Object) -> Measured {
    let list = |path: &[&str]| -> Vec<Value> {
        let list = pod.at(path).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let specs = [
        list(&["spec", "containers"]),
        list(&["spec", "initContainers"]),
    ]
    .concat();
    let statuses = [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ]
    .map(|name| list(&["status", name]))
    .concat();
    let runs = statuses
        .iter()
        .filter(|it| it.pointer("/state/running").is_some())
        .filter_map(|it| it["name"].as_str());
    let containers = runs.map(|name| {
        let spec = specs.iter().find(|it| it["name"] == name);
        let request = |what: &str| {
            let path = format!("/resources/requests/{what}");
            let text = spec.and_then(|it| it.pointer(&path)?.as_str());
            text.unwrap_or_default().to_owned()
        };
        let requests = Requests {
            cpu: request("cpu"),
            memory: request("memory"),
        };
        (name.to_owned(), requests)
    });
    Measured {
        namespace: record.key.namespace.to_string(),
        pod: record.key.name.to_string(),
        node: pod.text(&["spec", "nodeName"]).to_owned(),
        annotations: annotations(pod),
        containers: containers.collect(),
    }
}

fn annotations(pod: &Object) -> BTreeMap<String, String> {
    let all = pod
        .at(&["metadata", "annotations"])
        .and_then(Value::as_object);
    let texts = all.into_iter().flatten();
    texts
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn amount(amount: Amount) -> Value {
    json!({
        "cpu": format!("{}n", amount.cpu_nanos),
        "memory": format!("{}Ki", amount.memory_bytes / 1024),
    })
}

fn head(call: &Call, record: &Record, window: Duration, origin: FiguresOrigin) -> Value {
    let now = timestamp(call.state.now());
    let mut metadata = json!({ "name": &*record.key.name, "creationTimestamp": now });
    if !record.key.namespace.is_empty() {
        metadata["namespace"] = json!(&*record.key.namespace);
    }
    let labels = &record.metadata.labels;
    if !labels.is_empty() {
        metadata["labels"] = json!(labels);
    }
    if origin == FiguresOrigin::Modelled {
        let note = "simulated: as its annotations say, else as much as is requested, or a little where nothing is";
        metadata["annotations"] = json!({ MODELLED: note });
    }
    json!({
        "kind": call.kind().kind,
        "apiVersion": call.kind().api_version(call.version()),
        "metadata": metadata,
        "timestamp": now,
        "window": format!("{:.3}s", window.as_secs_f64()),
    })
}

fn node(call: &Call, record: &Record, figures: &NodeFigures) -> Value {
    let mut value = head(call, record, figures.window, figures.origin);
    value["usage"] = amount(figures.amount);
    value
}

fn pod(call: &Call, record: &Record, figures: &PodFigures) -> Value {
    let mut value = head(call, record, figures.window, figures.origin);
    let containers = figures.containers.iter();
    value["containers"] = containers
        .map(|(name, used)| json!({ "name": name, "usage": amount(*used) }))
        .collect();
    value
}
