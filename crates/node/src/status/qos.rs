//! The quality of service class that follows from requests and limits.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// `Guaranteed` where every container limits both cpu and memory and requests as much,
/// `BestEffort` where none says anything, `Burstable` otherwise.
pub fn qos_class(spec: &PodSpec) -> &'static str {
    const COUNTED: [&str; 2] = ["cpu", "memory"];
    let mut anything = false;
    let mut guaranteed = true;
    for container in spec
        .init_containers
        .iter()
        .flatten()
        .chain(&spec.containers)
    {
        let resources = container.resources.as_ref();
        let limits = resources.and_then(|resources| resources.limits.as_ref());
        let requests = resources.and_then(|resources| resources.requests.as_ref());
        for name in COUNTED {
            let (limit, request) = (positive(limits, name), positive(requests, name));
            anything |= limit.is_some() || request.is_some();
            guaranteed &= match (limit, request) {
                (Some(limit), Some(request)) => same(limit, request),
                (Some(_), None) => true,
                (None, _) => false,
            };
        }
    }
    match (anything, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

fn positive<'a>(
    amounts: Option<&'a BTreeMap<String, Quantity>>,
    name: &str,
) -> Option<&'a Quantity> {
    amounts?
        .get(name)
        .filter(|quantity| crate::quantity::millis(quantity) != Some(0))
}

fn same(left: &Quantity, right: &Quantity) -> bool {
    left == right || crate::quantity::millis(left) == crate::quantity::millis(right)
}
