//! Which slices a Service should have. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ObjectReference, Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::ObjectMeta;
use seatrial_controller::owner_reference;
use seatrial_resources::pod_template;

use crate::pod;

/// The most endpoints in one slice.
const SLICE: usize = 1000;
/// The label by which slices are found, with the service's name.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";
pub(crate) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`] that upstream's controller uses; others leave such slices alone.
pub(super) const MANAGER: &str = "endpointslice-controller.k8s.io";

/// One resolved port: name, protocol, number, application protocol.
type Port = (Option<String>, String, i32, Option<String>);

/// Whether the pod's labels have everything the selector names.
pub(super) fn is_selected(selector: &BTreeMap<String, String>, pod: &Pod) -> bool {
    let labels = pod.metadata.labels.as_ref();
    !selector.is_empty()
        && selector.iter().all(|(name, value)| {
            labels
                .and_then(|labels| labels.get(name))
                .is_some_and(|has| has == value)
        })
}

/// The slices for the matching pods. Pods whose named ports have different numbers go to different
/// slices. A service without pods has one empty slice, so that watchers know it was looked at.
pub(super) fn decide(service: &Service, pods: &[Arc<Pod>]) -> Vec<EndpointSlice> {
    let ports = service
        .spec
        .as_ref()
        .and_then(|spec| spec.ports.clone())
        .unwrap_or_default();
    let mut groups: BTreeMap<Vec<Port>, Vec<Endpoint>> = BTreeMap::new();
    for pod in pods {
        if let Some(endpoint) = endpoint(service, pod) {
            let resolved = ports.iter().filter_map(|port| resolve(port, pod)).collect();
            groups.entry(resolved).or_default().push(endpoint);
        }
    }
    let mut slices = Vec::new();
    for (ports, endpoints) in &groups {
        for chunk in endpoints.chunks(SLICE) {
            slices.push(slice(service, slices.len(), ports, chunk.to_vec()));
        }
    }
    if slices.is_empty() {
        slices.push(slice(service, 0, &[], Vec::new()));
    }
    slices
}

fn endpoint(service: &Service, pod: &Pod) -> Option<Endpoint> {
    let address = pod
        .status
        .as_ref()?
        .pod_ip
        .clone()
        .filter(|address| !address.is_empty())?;
    if pod::is_finished(pod) {
        return None;
    }
    let spec = service.spec.as_ref();
    let always = spec
        .and_then(|spec| spec.publish_not_ready_addresses)
        .unwrap_or(false);
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let serving = pod::is_ready(pod);
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let subdomain = pod.spec.as_ref().and_then(|spec| spec.subdomain.clone());
    let hostname = pod.spec.as_ref().and_then(|spec| spec.hostname.clone());
    Some(Endpoint {
        addresses: vec![address],
        conditions: Some(EndpointConditions {
            ready: Some(always || (serving && !terminating)),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        hostname: hostname.filter(|_| subdomain == service.metadata.name),
        node_name: node,
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            ..ObjectReference::default()
        }),
        ..Endpoint::default()
    })
}

/// The number that a service port has on one pod; none where the pod has no port of that name.
fn resolve(port: &ServicePort, pod: &Pod) -> Option<Port> {
    let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
    let number = match &port.target_port {
        None | Some(IntOrString::Int(0)) => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => {
            let spec = pod.spec.as_ref()?;
            let sidecars = spec.init_containers.iter().flatten();
            let containers = spec.containers.iter().chain(sidecars);
            containers
                .flat_map(|container| container.ports.iter().flatten())
                .find(|one| {
                    one.name.as_ref() == Some(name)
                        && one.protocol.as_deref().unwrap_or("TCP") == protocol
                })?
                .container_port
        }
    };
    // An unnamed port is written as the empty name: the field must be there.
    let name = Some(port.name.clone().unwrap_or_default());
    Some((name, protocol, number, port.app_protocol.clone()))
}

fn slice(
    service: &Service,
    index: usize,
    ports: &[Port],
    endpoints: Vec<Endpoint>,
) -> EndpointSlice {
    let name = service.metadata.name.clone().unwrap_or_default();
    let uid = service.metadata.uid.as_deref().unwrap_or_default();
    let suffix = pod_template::safe(pod_template::fnv32a(format!("{uid}/{index}").as_bytes()));
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.insert(SERVICE_NAME.to_owned(), name.clone());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    let headless = service
        .spec
        .as_ref()
        .and_then(|spec| spec.cluster_ip.as_deref())
        == Some("None");
    if headless {
        labels.insert("service.kubernetes.io/headless".to_owned(), String::new());
    }
    let ports: Vec<_> = ports
        .iter()
        .map(|(name, protocol, number, application)| EndpointPort {
            name: name.clone(),
            protocol: Some(protocol.clone()),
            port: Some(*number),
            app_protocol: application.clone(),
        })
        .collect();
    EndpointSlice {
        metadata: ObjectMeta {
            name: Some(format!("{name}-{suffix}")),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels),
            owner_references: Some(vec![owner_reference(service)]),
            ..ObjectMeta::default()
        },
        address_type: "IPv4".to_owned(),
        endpoints,
        ports: (!ports.is_empty()).then_some(ports),
    }
}
