//! What a pod asks of its node's resources.

use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

use crate::amount::{Amounts, named};

/// What a container that requests nothing is taken to need when nodes are compared (upstream's
/// `DefaultMilliCPURequest` and `DefaultMemoryRequest`).
const LEAST: (i64, i64) = (100, 200 * 1024 * 1024);

/// Requests of the whole pod: its containers and sidecars together, or the largest init container
/// with the sidecars started before it, whichever is more; plus the overhead; and one pod.
pub(super) fn requests(spec: &PodSpec) -> Amounts {
    let mut total = sum(spec, container_requests);
    if let Some(whole) = &spec.resources {
        // Requests made for the pod as a whole take the place of its containers' sums.
        for (name, quantity) in whole.requests.iter().flatten() {
            total.take(name, quantity);
        }
    }
    total.add(&Amounts::of(spec.overhead.as_ref()));
    total.pods = 1;
    total
}

/// Processor and memory, with a minimum for each container that requests none.
pub(super) fn weighed(spec: &PodSpec) -> (i64, i64) {
    let total = sum(spec, |container| {
        let mut own = container_requests(container);
        let resources = container.resources.as_ref();
        let asks = |name| {
            let of = |list: Option<&BTreeMap<String, Quantity>>| named(list, name).is_some();
            resources.is_some_and(|all| of(all.requests.as_ref()) || of(all.limits.as_ref()))
        };
        if !asks("cpu") {
            own.cpu = LEAST.0;
        }
        if !asks("memory") {
            own.memory = LEAST.1;
        }
        own
    });
    let overhead = Amounts::of(spec.overhead.as_ref());
    let whole = spec.resources.as_ref();
    let whole = |name| named(whole.and_then(|whole| whole.requests.as_ref()), name);
    (
        whole("cpu").unwrap_or(total.cpu) + overhead.cpu,
        whole("memory").unwrap_or(total.memory) + overhead.memory,
    )
}

fn sum(spec: &PodSpec, of: impl Fn(&Container) -> Amounts) -> Amounts {
    let mut total = Amounts::default();
    for container in &spec.containers {
        total.add(&of(container));
    }
    let mut sidecars = Amounts::default();
    let mut peak = Amounts::default();
    for container in spec.init_containers.iter().flatten() {
        let own = of(container);
        if container.restart_policy.as_deref() == Some("Always") {
            total.add(&own);
            sidecars.add(&own);
            peak.raise(&sidecars);
        } else {
            let mut moment = sidecars.clone();
            moment.add(&own);
            peak.raise(&moment);
        }
    }
    total.raise(&peak);
    total
}

/// A container's requests; a limit without a request is one.
fn container_requests(container: &Container) -> Amounts {
    let Some(resources) = &container.resources else {
        return Amounts::default();
    };
    let mut amounts = Amounts::of(resources.limits.as_ref());
    for (name, quantity) in resources.requests.iter().flatten() {
        amounts.take(name, quantity);
    }
    amounts
}
