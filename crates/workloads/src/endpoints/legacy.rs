//! The older Endpoints object, from the same decision. Pure.

use k8s_openapi::api::core::v1::{
    EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Service,
};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use kube::core::ObjectMeta;

/// The most addresses an Endpoints object lists; slices have no such limit.
const MOST: usize = 1000;

/// The Endpoints of a service, with one subset per slice.
pub(super) fn endpoints(service: &Service, slices: &[EndpointSlice]) -> Endpoints {
    let mut room = MOST;
    let subsets: Vec<_> = slices
        .iter()
        .filter_map(|slice| subset(slice, &mut room))
        .collect();
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.insert(
        "endpoints.kubernetes.io/managed-by".to_owned(),
        "endpoint-controller".to_owned(),
    );
    let spec = service.spec.as_ref();
    if spec.and_then(|spec| spec.cluster_ip.as_deref()) == Some("None") {
        labels.insert("service.kubernetes.io/headless".to_owned(), String::new());
    }
    let all: usize = slices.iter().map(|slice| slice.endpoints.len()).sum();
    let truncated = (
        "endpoints.kubernetes.io/over-capacity".to_owned(),
        "truncated".to_owned(),
    );
    Endpoints {
        metadata: ObjectMeta {
            name: service.metadata.name.clone(),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels),
            annotations: (all > MOST).then(|| [truncated].into()),
            ..ObjectMeta::default()
        },
        subsets: (!subsets.is_empty()).then_some(subsets),
    }
}

fn subset(slice: &EndpointSlice, room: &mut usize) -> Option<EndpointSubset> {
    let (mut ready, mut unready) = (Vec::new(), Vec::new());
    for endpoint in &slice.endpoints {
        let conditions = endpoint.conditions.clone().unwrap_or_default();
        // A terminating pod is in no list, as upstream has it.
        let terminating = conditions.terminating == Some(true);
        if *room == 0 || (terminating && conditions.ready != Some(true)) {
            continue;
        }
        *room -= 1;
        let list = if conditions.ready == Some(true) {
            &mut ready
        } else {
            &mut unready
        };
        list.push(address(endpoint));
    }
    if ready.is_empty() && unready.is_empty() {
        return None;
    }
    let ports: Vec<_> = slice
        .ports
        .iter()
        .flatten()
        .map(|port| EndpointPort {
            name: port.name.clone().filter(|name| !name.is_empty()),
            port: port.port.unwrap_or_default(),
            protocol: port.protocol.clone(),
            app_protocol: port.app_protocol.clone(),
        })
        .collect();
    let some = |list: Vec<EndpointAddress>| (!list.is_empty()).then_some(list);
    Some(EndpointSubset {
        addresses: some(ready),
        not_ready_addresses: some(unready),
        ports: (!ports.is_empty()).then_some(ports),
    })
}

fn address(endpoint: &Endpoint) -> EndpointAddress {
    EndpointAddress {
        ip: endpoint.addresses.first().cloned().unwrap_or_default(),
        hostname: endpoint.hostname.clone(),
        node_name: endpoint.node_name.clone(),
        target_ref: endpoint.target_ref.clone(),
    }
}
