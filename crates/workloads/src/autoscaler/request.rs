//! What pods request of a resource. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod};
use seatrial_schema::amount::Amount;

use super::measure::Question;

/// What each pod requests of the resource, in thousandths.
pub(super) fn requests(
    question: &Question<'_>,
    pods: &[Arc<Pod>],
) -> Result<BTreeMap<String, i64>, String> {
    let mut requests = BTreeMap::new();
    for pod in pods {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let request = pod_request(question, pod, &name)?;
        requests.insert(name, request);
    }
    Ok(requests)
}

fn pod_request(question: &Question<'_>, pod: &Pod, name: &str) -> Result<i64, String> {
    let Some(spec) = &pod.spec else {
        return Ok(0);
    };
    let whole = spec
        .resources
        .as_ref()
        .and_then(|all| all.requests.as_ref());
    if question.container.is_none()
        && let Some(request) = whole.and_then(|requests| requests.get(question.resource))
    {
        return Ok(thousandths(&request.0));
    }
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|one| one.restart_policy.as_deref() == Some("Always"));
    let mut total = 0i64;
    for container in spec.containers.iter().chain(sidecars) {
        if question.container.is_none_or(|only| only == container.name) {
            total = total.saturating_add(container_request(question, container, name)?);
        }
    }
    Ok(total)
}

fn container_request(
    question: &Question<'_>,
    container: &Container,
    pod: &str,
) -> Result<i64, String> {
    let requests = container
        .resources
        .as_ref()
        .and_then(|resources| resources.requests.as_ref());
    let request = requests.and_then(|requests| requests.get(question.resource));
    request.map(|amount| thousandths(&amount.0)).ok_or_else(|| {
        format!(
            "missing request for {} in container {} of Pod {pod}",
            question.resource, container.name
        )
    })
}

/// An amount in thousandths; one that cannot be read is none.
pub(super) fn thousandths(text: &str) -> i64 {
    let amount = Amount::parse(text).map_or(0, Amount::thousandths);
    i64::try_from(amount).unwrap_or(i64::MAX)
}
