//! Amounts of resources that containers ask for.

use super::field::Field;
use super::name::Rule;
use crate::cause::Cause;
use crate::quantity;

/// Resources that have plain names somewhere, if not for containers.
const STANDARD: &[&str] = &[
    "configmaps",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
    "storage",
];

/// The `ResourceRequirements` of a container.
pub(super) fn requirements(resources: &Field<'_>, causes: &mut Vec<Cause>) {
    let (limits, requests) = (resources.field("limits"), resources.field("requests"));
    for (name, limit) in limits.entries() {
        of_container(name, &limit, causes);
        amount(name, &limit, causes);
    }
    for (name, request) in requests.entries() {
        of_container(name, &request, causes);
        amount(name, &request, causes);
        compare(name, &request, &requests, &limits, causes);
    }
}

fn compare(
    name: &str,
    request: &Field<'_>,
    requests: &Field<'_>,
    limits: &Field<'_>,
    causes: &mut Vec<Cause>,
) {
    let limit = limits.named(name);
    let shared = !name.contains('/') && !name.starts_with("hugepages-");
    if !limit.is_set() {
        if !shared {
            causes.push(limits.required("Limit must be set for non overcommitable resources"));
        }
        return;
    }
    let amounts = quantity::value(request.text()).zip(quantity::value(limit.text()));
    let Some((wanted, most)) = amounts else {
        return;
    };
    let word = request.text();
    if !shared && wanted.total_cmp(&most).is_ne() {
        let detail = format!("must be equal to {name} limit of {}", limit.text());
        causes.push(requests.invalid_word(word, &detail));
    } else if wanted > most {
        let detail = format!(
            "must be less than or equal to {name} limit of {}",
            limit.text()
        );
        causes.push(requests.invalid_word(word, &detail));
    }
}

/// The name of a resource that a container can ask for.
fn of_container(name: &str, field: &Field<'_>, causes: &mut Vec<Cause>) {
    if let Some(problem) = Rule::Qualified.problem(name) {
        return causes.push(field.invalid_word(name, &problem));
    }
    let native = name.starts_with("hugepages-");
    if name.contains('/') || native || matches!(name, "cpu" | "memory" | "ephemeral-storage") {
        return;
    }
    if !STANDARD.contains(&name) {
        let detail = "must be a standard resource type or fully qualified";
        causes.push(field.invalid_word(name, detail));
    }
    causes.push(field.invalid_word(name, "must be a standard resource for containers"));
}

/// An amount: not negative, and whole where the resource has no parts.
pub(super) fn amount(name: &str, field: &Field<'_>, causes: &mut Vec<Cause>) {
    let Some(value) = quantity::value(field.text()) else {
        return;
    };
    if value < 0.0 {
        causes.push(field.invalid("must be greater than or equal to 0"));
    }
    let whole =
        name.contains('/') || matches!(name, "pods" | "services" | "secrets" | "configmaps");
    if whole && value.fract() != 0.0 {
        causes.push(field.invalid("must be an integer"));
    }
}
