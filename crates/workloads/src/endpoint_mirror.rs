//! EndpointSlices for Endpoints that someone keeps by hand, for a Service without a selector.
//!
//! Flow: subsets of the Endpoints → a slice for each kind of address of each subset → write what differs. Everything else reads
//! EndpointSlices only.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointSubset, Endpoints, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use kube::core::ObjectMeta;
use seatrial_controller::{
    Class, Classify, Context, Outcome, Reconciler, Watches, is_terminating, key_of,
    owner_reference, write,
};
use seatrial_resources::pod_template;

use crate::endpoints::{MANAGED_BY, SERVICE_NAME};

/// The value of [`MANAGED_BY`] that upstream's controller uses; others leave such slices alone.
const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
/// The most addresses that are taken over from one subset (upstream's figure).
const MOST: usize = 1000;
/// Annotations that are about the Endpoints object alone.
const OWN: [&str; 2] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "endpoints.kubernetes.io/last-change-trigger-time",
];

/// The controller that mirrors Endpoints.
pub struct EndpointMirror;

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A slice could not be written.
    #[error("write an EndpointSlice")]
    Slice(#[source] write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }

    fn reason(&self) -> &'static str {
        "FailedToUpdateEndpointSlices"
    }
}

impl Reconciler for EndpointMirror {
    const NAME: &'static str = "endpointslicemirroring-controller";
    type Object = Endpoints;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<Endpoints>) {
        watches.owned::<EndpointSlice>();
        watches.mapped::<Service, _>(|service, _| vec![key_of(service)]);
    }

    async fn reconcile(&self, endpoints: Arc<Endpoints>, ctx: &Context) -> Result<Outcome, Error> {
        if is_terminating(&*endpoints) {
            return Ok(Outcome::settled());
        }
        let service = ctx.cache::<Service>().await.get(&key_of(&*endpoints));
        let wanted = if is_mirrored(&endpoints, service.as_deref()) {
            slices(&endpoints)
        } else {
            Vec::new()
        };
        write_slices(&endpoints, &wanted, ctx)
            .await
            .map_err(Error::Slice)?;
        Ok(Outcome::settled())
    }
}

/// Whether the Endpoints are somebody's own, for a Service that nobody else finds pods for.
fn is_mirrored(endpoints: &Endpoints, service: Option<&Service>) -> bool {
    let metadata = &endpoints.metadata;
    let skipped = metadata.labels.as_ref().and_then(|labels| {
        let mark = labels.get("endpointslice.kubernetes.io/skip-mirror")?;
        Some(mark == "true")
    });
    let leader = metadata
        .annotations
        .as_ref()
        .is_some_and(|all| all.contains_key("control-plane.alpha.kubernetes.io/leader"));
    let by_hand = service
        .and_then(|service| service.spec.as_ref())
        .is_some_and(|spec| spec.selector.is_none());
    by_hand && !leader && skipped != Some(true)
}

fn slices(endpoints: &Endpoints) -> Vec<EndpointSlice> {
    let mut slices = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        for (kind, found) in by_kind(subset) {
            slices.push(slice(endpoints, (slices.len(), kind), subset, found));
        }
    }
    slices
}

/// The addresses of a subset, those of each kind by themselves.
fn by_kind(subset: &EndpointSubset) -> BTreeMap<&'static str, Vec<Endpoint>> {
    let mut kinds: BTreeMap<&'static str, Vec<Endpoint>> = BTreeMap::new();
    let ready = subset.addresses.iter().flatten().map(|it| (it, true));
    let not = subset.not_ready_addresses.iter().flatten();
    for (address, ready) in ready.chain(not.map(|it| (it, false))).take(MOST) {
        let kind = if address.ip.contains(':') {
            "IPv6"
        } else {
            "IPv4"
        };
        kinds
            .entry(kind)
            .or_default()
            .push(endpoint(address, ready));
    }
    kinds
}

fn endpoint(address: &EndpointAddress, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![address.ip.clone()],
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            ..EndpointConditions::default()
        }),
        hostname: address.hostname.clone().filter(|name| !name.is_empty()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

fn slice(
    endpoints: &Endpoints,
    (index, kind): (usize, &str),
    subset: &EndpointSubset,
    found: Vec<Endpoint>,
) -> EndpointSlice {
    let name = endpoints.metadata.name.clone().unwrap_or_default();
    let uid = endpoints.metadata.uid.as_deref().unwrap_or_default();
    let suffix = pod_template::safe(pod_template::fnv32a(format!("{uid}/{index}").as_bytes()));
    let mut labels = endpoints.metadata.labels.clone().unwrap_or_default();
    labels.insert(SERVICE_NAME.to_owned(), name.clone());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    let mut annotations = endpoints.metadata.annotations.clone().unwrap_or_default();
    annotations.retain(|key, _| !OWN.contains(&&**key));
    let ports = subset.ports.iter().flatten().map(|port| EndpointPort {
        name: Some(port.name.clone().unwrap_or_default()),
        protocol: port.protocol.clone().or_else(|| Some("TCP".to_owned())),
        port: Some(port.port),
        app_protocol: port.app_protocol.clone(),
    });
    let ports: Vec<_> = ports.collect();
    EndpointSlice {
        metadata: ObjectMeta {
            name: Some(format!("{name}-{suffix}")),
            namespace: endpoints.metadata.namespace.clone(),
            labels: Some(labels),
            annotations: (!annotations.is_empty()).then_some(annotations),
            owner_references: Some(vec![owner_reference(endpoints)]),
            ..ObjectMeta::default()
        },
        address_type: kind.to_owned(),
        endpoints: found,
        ports: (!ports.is_empty()).then_some(ports),
    }
}

/// Makes the slices of these Endpoints those.
async fn write_slices(
    endpoints: &Endpoints,
    wanted: &[EndpointSlice],
    ctx: &Context,
) -> Result<(), write::Error> {
    let cache = ctx.cache::<EndpointSlice>().await;
    let objects = ctx.objects::<EndpointSlice>();
    let uid = endpoints.metadata.uid.as_deref().unwrap_or_default();
    for present in cache.owned_by(uid) {
        // The kind of address of a slice cannot be changed.
        let stays = wanted.iter().any(|slice| {
            slice.metadata.name == present.metadata.name
                && slice.address_type == present.address_type
        });
        if !stays {
            objects.delete(&present).await?;
        }
    }
    for slice in wanted {
        let present = cache
            .get(&key_of(slice))
            .filter(|present| present.address_type == slice.address_type);
        match present {
            Some(present) if same(&present, slice) => {}
            Some(present) => {
                let mut slice = slice.clone();
                let revision = &present.metadata.resource_version;
                slice.metadata.resource_version.clone_from(revision);
                objects.replace(&slice).await?;
            }
            None => {
                objects.create(slice).await?;
            }
        }
    }
    Ok(())
}

fn same(one: &EndpointSlice, other: &EndpointSlice) -> bool {
    one.endpoints == other.endpoints
        && one.ports == other.ports
        && one.metadata.labels == other.metadata.labels
        && one.metadata.annotations == other.metadata.annotations
}
