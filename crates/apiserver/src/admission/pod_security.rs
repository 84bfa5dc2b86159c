//! Pod Security Admission: namespaces say by labels how much a pod may do.
//!
//! `pod-security.kubernetes.io/{enforce,audit,warn}` name a level, `…-version` a version of it. What
//! breaks `enforce` is refused, `warn` warned of, `audit` annotated; workloads that make pods are only
//! warned of and annotated. Who and what is exempt, and what holds where there is no label, says the
//! [`Configuration`]; without one nobody is exempt, and what carries no label is privileged.

mod baseline;
mod configuration;
mod container;
mod level;
mod restricted;

use async_trait::async_trait;
use serde_json::Value;

use self::configuration::Exemption;
pub use self::configuration::{Configuration, Error};
use self::level::{Policy, Standard};
use super::reading::listed;
use super::{Admission, Change, Operation};
use crate::failure::{Failure, Reason};
use crate::object::Object;

const PREFIX: &str = "pod-security.kubernetes.io";

/// How many pods of a namespace are looked at when its labels change (upstream's bound).
const MOST_PODS: usize = 3000;

/// Kinds that make pods, with the path to the pod's template.
const WORKLOADS: [(&str, &str); 8] = [
    ("cronjobs.batch", "/spec/jobTemplate/spec/template"),
    ("daemonsets.apps", "/spec/template"),
    ("deployments.apps", "/spec/template"),
    ("jobs.batch", "/spec/template"),
    ("podtemplates", "/template"),
    ("replicasets.apps", "/spec/template"),
    ("replicationcontrollers", "/spec/template"),
    ("statefulsets.apps", "/spec/template"),
];

/// The step.
pub(super) struct PodSecurity;

#[async_trait]
impl Admission for PodSecurity {
    fn handles(&self, change: &Change<'_>) -> bool {
        if !matches!(change.operation, Operation::Create | Operation::Update) {
            return false;
        }
        let resource = &*change.kind.resource;
        match resource {
            "namespaces" => change.subresource.is_empty(),
            "pods" => {
                matches!(change.subresource, "" | "ephemeralcontainers" | "resize")
                    && says_anything(change)
            }
            _ => {
                change.subresource.is_empty()
                    && template_path(resource).is_some()
                    && says_anything(change)
            }
        }
    }

    async fn validate(&self, change: &Change<'_>, object: &Object) -> Result<(), Failure> {
        match &*change.kind.resource {
            "namespaces" => validate_namespace(change, object),
            "pods" => {
                if change.old.is_some_and(|old| !is_significant(object, old)) {
                    return Ok(());
                }
                evaluate(
                    change,
                    &Value::Object(object.0.clone()),
                    Enforcement::Enforced,
                )
            }
            resource => {
                let object = Value::Object(object.0.clone());
                let template = template_path(resource).and_then(|path| object.pointer(path));
                template.map_or(Ok(()), |template| {
                    evaluate(change, template, Enforcement::Advisory)
                })
            }
        }
    }
}

/// Whether `enforce` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enforcement {
    Enforced,
    Advisory,
}

fn template_path(resource: &str) -> Option<&'static str> {
    let at = WORKLOADS
        .binary_search_by(|(known, _)| (*known).cmp(resource))
        .ok()?;
    Some(WORKLOADS[at].1)
}

/// Whether anything is said of the change's namespace. Of most nothing is, and the labels are at hand.
fn says_anything(change: &Change<'_>) -> bool {
    if !change.state.pod_security().is_privileged() {
        return true;
    }
    let key = seatrial_store::Key::new("namespaces", "", change.namespace);
    change.state.store.get(&key).is_some_and(|namespace| {
        namespace
            .metadata
            .labels
            .iter()
            .any(|(label, _)| label.starts_with(PREFIX))
    })
}

fn policy_of(change: &Change<'_>, namespace: &str) -> (Policy, Vec<String>) {
    let key = seatrial_store::Key::new("namespaces", "", namespace);
    let record = change.state.store.get(&key);
    let labels = record.map(|record| record.metadata.labels.clone());
    let defaults = &change.state.pod_security().defaults;
    Policy::read(&labels.unwrap_or_default(), defaults)
}

/// An update matters where it changes more than tolerations, deadlines and images that stay the same.
fn is_significant(pod: &Object, old: &Object) -> bool {
    let settled = |pod: &Object| {
        let mut spec = pod.at(&["spec"]).cloned().unwrap_or(Value::Null);
        if let Value::Object(spec) = &mut spec {
            for field in [
                "tolerations",
                "activeDeadlineSeconds",
                "nodeName",
                "schedulingGates",
            ] {
                spec.remove(field);
            }
        }
        (spec, pod.at(&["metadata", "annotations"]).cloned())
    };
    settled(pod) != settled(old)
}

/// Whether the change is not looked at; then the audit event says so.
fn is_exempt(change: &Change<'_>, pod: &Value) -> bool {
    let configuration = change.state.pod_security();
    let class = || {
        let exempt = configuration.exempts_pod(pod);
        exempt.then_some(Exemption::RuntimeClass)
    };
    let by = configuration.exempts(change.namespace, &change.identity.user);
    let exemption = by.or_else(class);
    if let Some(exemption) = exemption {
        let name = exemption.name().to_owned();
        change.notes.annotate(format!("{PREFIX}/exempt"), name);
    }
    exemption.is_some()
}

fn evaluate(change: &Change<'_>, pod: &Value, enforcement: Enforcement) -> Result<(), Failure> {
    if is_exempt(change, pod) {
        return Ok(());
    }
    let (policy, errors) = policy_of(change, change.namespace);
    if !errors.is_empty() {
        let text = format!("Failed to parse policy: {}", level::aggregate(&errors));
        change.notes.annotate(format!("{PREFIX}/error"), text);
    }
    if policy.audit.level != level::Level::Privileged
        && let Some(detail) = violations(&policy.audit, pod)
    {
        let text = format!(
            "would violate PodSecurity {:?}: {detail}",
            policy.audit.to_string()
        );
        change
            .notes
            .annotate(format!("{PREFIX}/audit-violations"), text);
    }
    if enforcement == Enforcement::Enforced {
        let standard = policy.enforce.to_string();
        change
            .notes
            .annotate(format!("{PREFIX}/enforce-policy"), standard.clone());
        if let Some(detail) = violations(&policy.enforce, pod) {
            return Err(change.forbidden(&format!("violates PodSecurity {standard:?}: {detail}")));
        }
    }
    if let Some(detail) = violations(&policy.warn, pod) {
        let standard = policy.warn.to_string();
        change
            .notes
            .warn(format!("would violate PodSecurity {standard:?}: {detail}"));
    }
    Ok(())
}

/// What is wrong with the pod by this standard, in upstream's words.
fn violations(standard: &Standard, pod: &Value) -> Option<String> {
    let violations = level::check(standard, pod);
    let texts: Vec<String> = violations
        .iter()
        .map(|violation| match violation.detail.as_str() {
            "" => violation.reason.clone(),
            detail => format!("{} ({detail})", violation.reason),
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// Labels must be good; where a namespace becomes stricter, its pods that would no longer be let in are
/// warned of.
fn validate_namespace(change: &Change<'_>, namespace: &Object) -> Result<(), Failure> {
    let labels = |object: &Object| object.selectable(&[]).labels;
    let configuration = change.state.pod_security();
    let defaults = &configuration.defaults;
    let (policy, errors) = Policy::read(&labels(namespace), defaults);
    let (old_policy, old_errors) = change
        .old
        .map(|old| Policy::read(&labels(old), defaults))
        .unwrap_or_default();
    if !errors.is_empty() && (change.old.is_none() || errors != old_errors) {
        let text = level::aggregate(&errors);
        return Err(Failure::new(
            Reason::Invalid,
            format!("Namespace {:?} is invalid: {text}", namespace.name()),
        ));
    }
    if configuration.exempts_namespace(namespace.name()) {
        let warning = ignored(namespace.name(), &policy, defaults, &labels(namespace));
        if let Some(warning) = warning.filter(|_| change.old.is_none() || policy != old_policy) {
            change.notes.warn(warning);
        }
        return Ok(());
    }
    let (new, old) = (&policy.enforce, &old_policy.enforce);
    let relaxed = new.version == old.version && new.level <= old.level;
    if change.old.is_none() || new == old || new.level == level::Level::Privileged || relaxed {
        return Ok(());
    }
    for warning in pods_in(change, namespace.name(), new) {
        change.notes.warn(warning);
    }
    Ok(())
}

/// What is said of labels that nobody will look at.
fn ignored(
    namespace: &str,
    policy: &Policy,
    defaults: &Policy,
    labels: &seatrial_store::Pairs,
) -> Option<String> {
    let mode = |name: &str, standard: &Standard| {
        let label = format!("{PREFIX}/{name}");
        let set = labels.get(&label).is_some() || labels.get(&format!("{label}-version")).is_some();
        let shown = set && standard.level != level::Level::Privileged;
        shown.then(|| format!("{name}={standard}"))
    };
    let modes = [
        mode("enforce", &policy.enforce),
        mode("audit", &policy.audit),
        mode("warn", &policy.warn),
    ];
    let modes: Vec<String> = modes.into_iter().flatten().collect();
    (policy != defaults && !modes.is_empty()).then(|| {
        let modes = modes.join(", ");
        format!(
            "namespace {namespace:?} is exempt from Pod Security, and the policy ({modes}) will be ignored"
        )
    })
}

fn pods_in(change: &Change<'_>, namespace: &str, standard: &Standard) -> Vec<String> {
    let mut found: std::collections::BTreeMap<String, (String, usize)> =
        std::collections::BTreeMap::new();
    for record in listed(change.state, "pods", Some(namespace))
        .iter()
        .take(MOST_PODS)
    {
        let Ok(pod) = Object::decode(&record.bytes) else {
            continue;
        };
        let violations = level::check(standard, &Value::Object(pod.0));
        if violations.is_empty() {
            continue;
        }
        let reasons: Vec<&str> = violations
            .iter()
            .map(|violation| violation.reason.as_str())
            .collect();
        let entry = found
            .entry(reasons.join(", "))
            .or_insert_with(|| (record.key.name.to_string(), 0));
        entry.1 += 1;
    }
    if found.is_empty() {
        return Vec::new();
    }
    let mut warnings = vec![format!(
        "existing pods in namespace {namespace:?} violate the new PodSecurity enforce level {:?}",
        standard.to_string()
    )];
    let mut lines: Vec<String> = found
        .into_iter()
        .map(|(reasons, (name, count))| match count {
            1 => format!("{name}: {reasons}"),
            2 => format!("{name} (and 1 other pod): {reasons}"),
            more => format!("{name} (and {} other pods): {reasons}", more - 1),
        })
        .collect();
    lines.sort();
    warnings.extend(lines);
    warnings
}

#[cfg(test)]
mod tests;
