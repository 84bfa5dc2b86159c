//! Ports of pods that are to be on their node (`hostPort`). Pure.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use k8s_openapi::api::core::v1::{Container, ContainerPort, Pod};

use super::plan::{Goal, Place, carrier};
use crate::PodAddress;

/// Whether a pod has such ports. Those of pods on the machine's network are where their programs listen.
pub(super) fn wants(pod: &Pod) -> bool {
    ports(pod).next().is_some()
}

fn ports(pod: &Pod) -> impl Iterator<Item = &ContainerPort> {
    let spec = pod.spec.iter();
    let own = spec.filter(|spec| spec.host_network != Some(true));
    // An init container that ends has nobody to connect to it; a sidecar may.
    let containers = own.flat_map(|spec| {
        let sidecars = spec.init_containers.iter().flatten();
        let sidecars = sidecars.filter(|one: &&Container| one.restart_policy.is_some());
        spec.containers.iter().chain(sidecars)
    });
    let ports = containers.flat_map(|one| one.ports.iter().flatten());
    ports.filter(|port| port.host_port.is_some_and(|number| number > 0))
}

/// Where the ports of a pod are. One that names no address, or all, is at `127.0.0.1` and at its node's address: what is
/// to be seen from other machines has to say at which address.
pub(super) fn places(pod: &Pod) -> Vec<(Place, Goal)> {
    let Some(address) = address(pod) else {
        return Vec::new();
    };
    let status = pod.status.as_ref();
    let node = status.and_then(|status| status.host_ip.as_deref()?.parse::<IpAddr>().ok());
    let mut places = Vec::new();
    for port in ports(pod) {
        let (Some(carrier), Some(number)) = (carrier(port.protocol.as_deref()), port.host_port)
        else {
            continue;
        };
        let named = port.host_ip.as_deref().filter(|name| !name.is_empty());
        let named: Option<IpAddr> = named.and_then(|name| name.parse().ok());
        let addresses = match named.filter(|named| !named.is_unspecified()) {
            Some(named) => vec![named],
            None => {
                let own = node.filter(IpAddr::is_loopback);
                std::iter::once(Ipv4Addr::LOCALHOST.into())
                    .chain(own)
                    .collect()
            }
        };
        let goal = Goal::Pod(address.clone(), port.container_port as u16);
        places.extend(addresses.into_iter().map(|address| {
            let address = SocketAddr::new(address, number as u16);
            (Place { address, carrier }, goal.clone())
        }));
    }
    places
}

/// The pod's address, as long as it runs.
fn address(pod: &Pod) -> Option<PodAddress> {
    let (metadata, status) = (&pod.metadata, pod.status.as_ref()?);
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
    let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let ip = status.pod_ip.as_deref().filter(|_| !ended)?;
    Some(PodAddress {
        namespace: text(&metadata.namespace),
        name: text(&metadata.name),
        uid: text(&metadata.uid),
        ip: ip.into(),
    })
}
