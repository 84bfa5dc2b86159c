//! Endpoints and EndpointSlices: where the pods behind a Service are.
//!
//! Flow: pods that the selector matches → endpoints grouped by their port numbers → slices of at
//! most a thousand → write what differs. Names are derived from the service and the slice's place,
//! so a pass that is repeated writes the same.

mod act;
mod legacy;
mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use seatrial_controller::{
    Caches, Class, Classify, Context, Delay, ObjectKey, Outcome, Reconciler, Watches,
    is_terminating, key_of, write,
};

use self::plan::decide;
pub(crate) use self::plan::{MANAGED_BY, SERVICE_NAME};

/// The controller that says where the pods of a Service are.
pub struct ServiceEndpoints;

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A slice could not be written.
    #[error("write an EndpointSlice")]
    Slice(#[source] write::Error),
    /// The Endpoints object could not be written.
    #[error("write the Endpoints")]
    Legacy(#[source] write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }

    fn reason(&self) -> &'static str {
        "FailedToUpdateEndpointSlices"
    }
}

impl Reconciler for ServiceEndpoints {
    const NAME: &'static str = "endpointslice-controller";
    const WORKERS: usize = 5;
    type Object = Service;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<Service>) {
        watches.owned::<EndpointSlice>();
        watches.mapped::<Pod, _>(services_of);
        watches.mapped::<Endpoints, _>(|endpoints, _| vec![key_of(endpoints)]);
    }

    fn delay(&self) -> Delay {
        Delay {
            pace: Duration::from_millis(20),
            ..Delay::default()
        }
    }

    async fn reconcile(&self, service: Arc<Service>, ctx: &Context) -> Result<Outcome, Error> {
        let spec = service.spec.as_ref();
        let selector = spec.and_then(|spec| spec.selector.as_ref());
        let Some(selector) = selector.filter(|selector| !selector.is_empty()) else {
            // Whoever made a service without a selector keeps its endpoints too.
            return Ok(Outcome::settled());
        };
        let external = spec.and_then(|spec| spec.type_.as_deref()) == Some("ExternalName");
        if is_terminating(&*service) || external {
            return Ok(Outcome::settled());
        }
        let namespace = service.metadata.namespace.as_deref().unwrap_or_default();
        let mut pods = ctx.cache::<Pod>().await.list(namespace);
        pods.retain(|pod| plan::is_selected(selector, pod));
        let slices = decide(&service, &pods);
        act::write_slices(&service, &slices, ctx)
            .await
            .map_err(Error::Slice)?;
        let endpoints = legacy::endpoints(&service, &slices);
        act::write_endpoints(endpoints, ctx)
            .await
            .map_err(Error::Legacy)?;
        Ok(Outcome::settled())
    }

    async fn gone(&self, key: &ObjectKey, ctx: &Context) {
        act::remove_endpoints(key, ctx).await;
    }
}

/// The services whose selectors match a pod.
fn services_of(pod: &Pod, caches: &Caches) -> Vec<ObjectKey> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let services = caches.of::<Service>().list(namespace);
    services
        .iter()
        .filter(|service| {
            service
                .spec
                .as_ref()
                .and_then(|spec| spec.selector.as_ref())
                .is_some_and(|selector| plan::is_selected(selector, pod))
        })
        .map(|service| key_of(&**service))
        .collect()
}
