//! Endpoints from EndpointSlices, for Services without a selector.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::Member;
use super::endpoints::{Backend, Endpoint, empty, version};
use crate::{PodAddress, ServiceName};

pub(super) fn from_slices(
    ports: &[&ServicePort],
    name: &ServiceName,
    pods: &[&Member],
    slices: &[Arc<EndpointSlice>],
) -> Backend {
    let mut backend = Backend {
        ports: ports.iter().map(|port| empty(port)).collect(),
        ..Backend::default()
    };
    let owned = slices.iter().filter(|slice| {
        let labels = slice.metadata.labels.as_ref();
        slice.address_type == "IPv4"
            && slice.metadata.namespace.as_deref() == Some(&*name.namespace)
            && labels
                .and_then(|labels| labels.get("kubernetes.io/service-name"))
                .map(String::as_str)
                == Some(&*name.name)
    });
    for slice in owned {
        for endpoint in &slice.endpoints {
            backend.total += 1;
            let conditions = endpoint.conditions.clone().unwrap_or_default();
            let Some(ip) = endpoint.addresses.first() else {
                continue;
            };
            let leaving = conditions.terminating == Some(true);
            let ready = conditions.ready != Some(false);
            // As the kube-proxy: one that ends is used while it still serves, if nobody else is left.
            let serves = conditions.serving.unwrap_or(conditions.ready == Some(true));
            if !(ready || leaving && serves) {
                backend.unready.push(format!("address {ip}: not ready"));
                continue;
            }
            let target = endpoint.target_ref.clone().unwrap_or_default();
            // One kept by hand may give no more than a pod's address.
            let by_address = || pods.iter().find_map(|pod| pod.at(ip));
            let found = target.name.is_none().then(by_address).flatten();
            let address = found.unwrap_or_else(|| PodAddress {
                namespace: name.namespace.clone(),
                name: target.name.as_deref().unwrap_or(ip).into(),
                uid: target.uid.as_deref().unwrap_or(ip).into(),
                ip: ip.as_str().into(),
            });
            let named = |pod: &&&Member| pod.name == address.name;
            let pod = pods.iter().find(named);
            let version = version(pod.map(|pod| &*pod.labels));
            for port in &mut backend.ports {
                let number = slice.ports.iter().flatten().find(|entry| {
                    entry.name.as_deref().unwrap_or_default()
                        == port.name.as_deref().unwrap_or_default()
                });
                let Some(number) = number.and_then(|entry| entry.port) else {
                    continue;
                };
                let found = Arc::new(Endpoint {
                    pod: address.clone(),
                    port: number as u16,
                    version: version.clone(),
                    node: endpoint.node_name.as_deref().unwrap_or_default().into(),
                });
                if ready {
                    port.endpoints.push(found);
                } else {
                    port.terminating.push(found);
                }
            }
        }
    }
    backend
}
