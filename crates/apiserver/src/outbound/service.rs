//! From a Service to a connection.

use seatrial_store::Page;
use serde_json::Value;

use super::{Error, dial};
use crate::object::Object;
use crate::state::State;
use crate::stream::{Duplex, PodPlace};

/// One endpoint of a Service.
struct Endpoint {
    address: String,
    port: u16,
    /// The name of the pod behind it, if it is one.
    pod: Option<String>,
}

/// Connects to a port of a Service: to a pod through whoever has the processes, to what is no pod directly.
pub(crate) async fn connect(
    state: &State,
    namespace: &str,
    name: &str,
    port: u16,
) -> Result<Box<dyn Duplex>, Error> {
    let service = object(state, "services", namespace, name);
    let service = service.ok_or_else(|| Error::Service(format!("service {name:?} not found")))?;
    if service.text(&["spec", "type"]) == "ExternalName" {
        return dial(service.text(&["spec", "externalName"]), port).await;
    }
    let ports = service.at(&["spec", "ports"]).and_then(Value::as_array);
    let mut ports = ports.into_iter().flatten();
    let wanted = ports.find(|one| one.get("port").and_then(Value::as_u64) == Some(port.into()));
    let wanted = wanted.ok_or_else(|| {
        Error::Service(format!("no service port {port} found for service {name:?}"))
    })?;
    let port_name = wanted
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let none = || Error::Service(format!("no endpoints available for service {name:?}"));
    let endpoint = endpoints(state, namespace, name, port_name)
        .into_iter()
        .next()
        .ok_or_else(none)?;
    let pod = endpoint
        .pod
        .as_deref()
        .and_then(|pod| object(state, "pods", namespace, pod));
    match (pod, state.streams()) {
        (Some(pod), Some(streams)) => {
            let place = PodPlace {
                namespace: namespace.to_owned(),
                pod: pod.name().to_owned(),
                uid: pod.uid().to_owned(),
                node: pod.text(&["spec", "nodeName"]).to_owned(),
            };
            let connected = streams.connect(&place, endpoint.port).await;
            connected.map_err(|error| {
                Error::Service(format!("service {name:?}: pod {:?}: {error}", place.pod))
            })
        }
        _ => dial(&endpoint.address, endpoint.port).await,
    }
}

fn object(state: &State, plural: &str, namespace: &str, name: &str) -> Option<Object> {
    let registry = state.registry();
    let record = state.record(registry.get("", plural)?, namespace, name)?;
    Object::decode(&record.bytes).ok()
}

/// The ready endpoints of a Service that have the port of this name, in order of their addresses.
fn endpoints(state: &State, namespace: &str, service: &str, port_name: &str) -> Vec<Endpoint> {
    let page = Page {
        namespace: Some(namespace),
        ..Page::default()
    };
    let listing = state.store.list("endpointslices.discovery.k8s.io", &page);
    let mut found = Vec::new();
    for record in listing.map(|listing| listing.records).unwrap_or_default() {
        if record
            .metadata
            .labels
            .get("kubernetes.io/service-name")
            .is_none_or(|name| name != service)
        {
            continue;
        }
        let Ok(slice) = Object::decode(&record.bytes) else {
            continue;
        };
        let list = |field: &str| {
            slice
                .0
                .get(field)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let named = |port: &&Value| {
            port.get("name").and_then(Value::as_str).unwrap_or_default() == port_name
        };
        let ports = list("ports");
        let port = ports
            .iter()
            .find(named)
            .and_then(|port| port.get("port"))
            .and_then(Value::as_u64);
        let Some(port) = port.and_then(|port| port.try_into().ok()) else {
            continue;
        };
        for endpoint in list("endpoints") {
            let ready = endpoint
                .pointer("/conditions/ready")
                .and_then(Value::as_bool)
                != Some(false);
            let address = endpoint.pointer("/addresses/0").and_then(Value::as_str);
            let target = endpoint
                .get("targetRef")
                .filter(|target| target.get("kind").and_then(Value::as_str) == Some("Pod"));
            let pod = target
                .and_then(|target| target.get("name"))
                .and_then(Value::as_str)
                .map(str::to_owned);
            if let (true, Some(address)) = (ready, address) {
                found.push(Endpoint {
                    address: address.to_owned(),
                    port,
                    pod,
                });
            }
        }
    }
    found.sort_by(|one, other| one.address.cmp(&other.address));
    found
}
