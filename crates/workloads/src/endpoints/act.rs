//! Writes what differs.

use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use seatrial_controller::{Chain, Context, ObjectKey, key_of, write};

use super::plan::{MANAGED_BY, MANAGER, SERVICE_NAME};

/// Makes the service's slices these. Slices of other managers are left alone.
pub(super) async fn write_slices(
    service: &Service,
    slices: &[EndpointSlice],
    ctx: &Context,
) -> Result<(), write::Error> {
    let cache = ctx.cache::<EndpointSlice>().await;
    let objects = ctx.objects::<EndpointSlice>();
    for slice in slices {
        match cache.get(&key_of(slice)) {
            Some(present) if same(&present, slice) => {}
            Some(present) => {
                let mut slice = slice.clone();
                slice
                    .metadata
                    .resource_version
                    .clone_from(&present.metadata.resource_version);
                slice
                    .metadata
                    .annotations
                    .clone_from(&present.metadata.annotations);
                objects.replace(&slice).await?;
            }
            None => {
                objects.create(slice).await?;
            }
        }
    }
    let uid = service.metadata.uid.as_deref().unwrap_or_default();
    for present in cache.owned_by(uid) {
        let wanted = slices
            .iter()
            .any(|slice| slice.metadata.name == present.metadata.name);
        if !wanted && is_ours(service, &present) {
            objects.delete(&present).await?;
        }
    }
    Ok(())
}

fn is_ours(service: &Service, slice: &EndpointSlice) -> bool {
    let label = |name: &str| {
        slice
            .metadata
            .labels
            .as_ref()?
            .get(name)
            .map(String::as_str)
    };
    label(MANAGED_BY) == Some(MANAGER) && label(SERVICE_NAME) == service.metadata.name.as_deref()
}

fn same(one: &EndpointSlice, other: &EndpointSlice) -> bool {
    one.endpoints == other.endpoints
        && one.ports.as_deref().unwrap_or_default() == other.ports.as_deref().unwrap_or_default()
        && one.metadata.labels == other.metadata.labels
        && one.metadata.owner_references == other.metadata.owner_references
}

/// Makes the service's Endpoints this.
pub(super) async fn write_endpoints(
    mut endpoints: Endpoints,
    ctx: &Context,
) -> Result<(), write::Error> {
    let cache = ctx.cache::<Endpoints>().await;
    let objects = ctx.objects::<Endpoints>();
    match cache.get(&key_of(&endpoints)) {
        Some(present)
            if present.subsets == endpoints.subsets
                && present.metadata.labels == endpoints.metadata.labels => {}
        Some(present) => {
            endpoints
                .metadata
                .resource_version
                .clone_from(&present.metadata.resource_version);
            objects.replace(&endpoints).await?;
        }
        None => {
            objects.create(&endpoints).await?;
        }
    }
    Ok(())
}

/// The service is gone; its Endpoints, which nothing owns, go too. Slices go with their owner.
pub(super) async fn remove_endpoints(key: &ObjectKey, ctx: &Context) {
    let Some(endpoints) = ctx.caches.of::<Endpoints>().get(key) else {
        return;
    };
    let label = "endpoints.kubernetes.io/managed-by";
    let ours = endpoints
        .metadata
        .labels
        .as_ref()
        .is_some_and(|labels| labels.contains_key(label));
    if !ours {
        return;
    }
    if let Err(error) = ctx.objects::<Endpoints>().delete(&endpoints).await {
        tracing::warn!(service = %key, "remove the Endpoints: {}", Chain(&error));
    }
}
