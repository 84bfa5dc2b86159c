//! The network between pods: its addresses, its name server, and who carries what.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::PostParams;
use kube::core::NamespaceResourceScope;
use seatrial_network::Gateway;
use seatrial_network::expose::{Behind, Exposure, Range};
use seatrial_network::pods::{PodNetwork, Settings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::plane::Plane;
use super::{Parts, RuntimeChoice};
use crate::adapter::Reach;

/// Under which Services and pods are found.
const DOMAIN: &str = "cluster.local";
/// The API's address in the cluster.
const API: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
/// The name server's address, as everywhere.
const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
/// The addresses of Services, and of pods in small and in large clusters.
const SERVICES: &str = "10.96.0.0/16";
const PODS: &str = "10.244.0.0/16";
const MANY_PODS: &str = "10.128.0.0/9";

/// Makes what carries connections of pods. It does nothing until a pod sends something.
pub(super) async fn make(
    parts: &Parts,
    plane: &Plane,
    reach: &Reach,
    gateway: &Gateway,
    (api, nodes): (SocketAddr, Vec<Ipv4Addr>),
) -> Result<PodNetwork> {
    announce_api(plane).await?;
    let mut networks = vec![SERVICES, PODS];
    if parts.configuration.nodes > 256 {
        networks.push(MANY_PODS);
    }
    let settings = Settings {
        domain: DOMAIN.to_owned(),
        resolver: announce(plane).await?,
        api,
        api_address: API,
        balancers: Some(loopback(parts).block()),
        nodes,
        servers: machine_servers(),
        networks: networks
            .iter()
            .map(|block| block.parse())
            .collect::<Result<_, _>>()?,
    };
    let (gateway, reach) = (gateway.clone(), Arc::new(reach.clone()));
    Ok(PodNetwork::new(&parts.ctx, gateway, reach, settings))
}

/// Exposes NodePorts and LoadBalancers on this machine's loopback.
pub(super) fn expose(
    parts: &Parts,
    reach: &Reach,
    gateway: &Gateway,
    nodes: Vec<Ipv4Addr>,
    tasks: &mut JoinSet<()>,
) {
    let exposure = Exposure {
        gateway: gateway.clone(),
        dialer: Arc::new(reach.clone()),
        range: loopback(parts),
        nodes,
        behind: match parts.configuration.runtime {
            RuntimeChoice::Simulated => Behind::Nobody,
            _ => Behind::Pods,
        },
    };
    let (ctx, stop) = (parts.ctx.clone(), parts.stop.clone());
    tasks.spawn(seatrial_network::expose::run(ctx, exposure, stop));
}

/// The addresses of nodes whose pods have a network of their own. To such a pod all of `127.0.0.1` is its own, so that
/// its node has to be elsewhere; a node of plain processes is there, and has none.
pub(super) fn node_addresses(parts: &Parts, runtime: &str) -> Vec<Ipv4Addr> {
    let all = 0..parts.configuration.nodes;
    let own = all.map_while(|index| loopback(parts).node(index));
    own.filter(|_| runtime == "container").collect()
}

/// Where the addresses of LoadBalancers and nodes come from. Clusters beside each other have different ones.
fn loopback(parts: &Parts) -> Range {
    let root = parts.data.root().to_string_lossy();
    let cluster = seatrial_resources::pod_template::fnv32a(root.as_bytes());
    Range::of_cluster(u64::from(cluster))
}

/// Makes the name server's Service where it is missing, and tells its address.
async fn announce(plane: &Plane) -> Result<Ipv4Addr> {
    let services: kube::Api<Service> = kube::Api::namespaced(plane.admin(), "kube-system");
    let present = services.get_opt("kube-dns").await;
    let service = if let Some(service) = present.context("cannot read the name server's Service")? {
        service
    } else {
        let wanted = serde_json::from_value(service(Some(RESOLVER)))?;
        let made = match services.create(&PostParams::default(), &wanted).await {
            // A Service of an older cluster has that address.
            Err(kube::Error::Api(status)) if status.code == 422 => {
                let wanted = serde_json::from_value(service(None))?;
                services.create(&PostParams::default(), &wanted).await
            }
            made => made,
        };
        made.context("cannot make the name server's Service")?
    };
    let address = service.spec.and_then(|spec| spec.cluster_ip);
    address
        .and_then(|address| address.parse().ok())
        .context("the Service kube-system/kube-dns has no IPv4 address: delete it and start again")
}

/// Says where the API server is, as it does itself elsewhere: some clients look for its endpoints rather than
/// for its Service. Pods reach it at its cluster address only.
async fn announce_api(plane: &Plane) -> Result<()> {
    let (address, port) = (
        json!(API),
        json!({ "name": "https", "port": 443, "protocol": "TCP" }),
    );
    let endpoints = json!({
        "metadata": {
            "name": "kubernetes",
            "labels": { "endpointslice.kubernetes.io/skip-mirror": "true" },
        },
        "subsets": [{ "addresses": [{ "ip": address }], "ports": [port] }],
    });
    let slice = json!({
        "metadata": {
            "name": "kubernetes",
            "labels": { "kubernetes.io/service-name": "kubernetes" },
        },
        "addressType": "IPv4",
        "endpoints": [{ "addresses": [address], "conditions": { "ready": true } }],
        "ports": [port],
    });
    ensure::<Endpoints>(plane, endpoints).await?;
    ensure::<EndpointSlice>(plane, slice).await
}

async fn ensure<K>(plane: &Plane, object: Value) -> Result<()>
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + Serialize
        + DeserializeOwned,
{
    let api: kube::Api<K> = kube::Api::namespaced(plane.admin(), "default");
    let object: K = serde_json::from_value(object)?;
    match api.create(&PostParams::default(), &object).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        made => made
            .map(drop)
            .with_context(|| format!("cannot make the {} of the API server", K::kind(&()))),
    }
}

/// As clients of other clusters find it. It selects nothing: no pod is behind it.
fn service(address: Option<Ipv4Addr>) -> Value {
    let mut service = json!({
        "metadata": {
            "name": "kube-dns",
            "labels": {
                "k8s-app": "kube-dns",
                "kubernetes.io/cluster-service": "true",
                "kubernetes.io/name": "CoreDNS",
            },
        },
        "spec": {
            "ports": [
                { "name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53 },
                { "name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53 },
            ],
        },
    });
    if let Some(address) = address {
        service["spec"]["clusterIP"] = json!(address);
    }
    service
}

/// The name servers that this machine asks.
fn machine_servers() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    servers(&text)
}

fn servers(text: &str) -> Vec<SocketAddr> {
    let address = |line: &str| -> Option<IpAddr> {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse().ok())?
    };
    text.lines()
        .filter_map(address)
        .map(|address| SocketAddr::new(address, 53))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read() {
        let text =
            "# x\nsearch a\nnameserver 127.0.0.53\nnameserver  ::1 \nnameserver fe80::1%eth0\n";
        let found: Vec<String> = servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.53:53", "[::1]:53"]);
    }
}
