//! What a failed pod means, and when enough have succeeded: `podFailurePolicy`, `successPolicy`. Pure.

use k8s_openapi::api::batch::v1::{
    JobSpec, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern,
};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use super::indexes::Indexes;
use crate::pod;

/// What a failed pod means for its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It counts towards the limit.
    Count,
    /// It does not.
    Ignore,
    /// Its index has failed for good.
    FailIndex,
    /// The job has failed, for this reason.
    FailJob(String),
}

/// The first rule that matches decides; without one the failure counts.
pub(super) fn meaning(spec: &JobSpec, pod: &Pod) -> Meaning {
    let rules = spec
        .pod_failure_policy
        .iter()
        .flat_map(|policy| &policy.rules);
    for (index, rule) in rules.enumerate() {
        let matched = match (&rule.on_exit_codes, &rule.on_pod_conditions) {
            (Some(codes), _) => on_exit_codes(pod, codes),
            (None, Some(patterns)) => on_conditions(pod, patterns),
            (None, None) => None,
        };
        let Some(what) = matched else { continue };
        return match rule.action.as_str() {
            "Ignore" => Meaning::Ignore,
            "FailIndex" if spec.backoff_limit_per_index.is_some() => Meaning::FailIndex,
            "FailJob" => Meaning::FailJob(format!("{what} matching FailJob rule at index {index}")),
            _ => Meaning::Count,
        };
    }
    Meaning::Count
}

fn name(pod: &Pod) -> String {
    let meta = &pod.metadata;
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    format!("{namespace}/{}", meta.name.as_deref().unwrap_or_default())
}

fn on_exit_codes(pod: &Pod, asked: &PodFailurePolicyOnExitCodesRequirement) -> Option<String> {
    let status = pod.status.as_ref()?;
    let main = status.container_statuses.iter().flatten();
    let containers = main.chain(status.init_container_statuses.iter().flatten());
    let code = |container: &ContainerStatus| {
        let state = container.state.as_ref()?.terminated.as_ref()?;
        (state.exit_code != 0).then_some(state.exit_code)
    };
    let mut matching = containers.filter_map(|container| {
        let code = code(container)?;
        let named = asked.container_name.as_ref();
        let listed = asked.values.contains(&code);
        let wanted = (asked.operator == "In") == listed;
        (named.is_none_or(|named| *named == container.name) && wanted)
            .then(|| (container.name.clone(), code))
    });
    let (container, code) = matching.next()?;
    Some(format!(
        "Container {container} for pod {} failed with exit code {code}",
        name(pod)
    ))
}

fn on_conditions(pod: &Pod, patterns: &[PodFailurePolicyOnPodConditionsPattern]) -> Option<String> {
    let pattern = patterns.iter().find(|pattern| {
        pod::condition(pod, &pattern.type_).is_some_and(|one| one.status == pattern.status)
    })?;
    Some(format!("Pod {} has condition {}", name(pod), pattern.type_))
}

/// The success rule that holds, as its place in the list.
pub(super) fn success(spec: &JobSpec, completed: &Indexes) -> Option<usize> {
    let rules = &spec.success_policy.as_ref()?.rules;
    rules.iter().position(|rule| {
        let end = spec.completions.unwrap_or(0);
        let wanted = rule
            .succeeded_indexes
            .as_ref()
            .map(|text| Indexes::parse(text, end));
        let done = match &wanted {
            Some(wanted) => wanted.0.intersection(&completed.0).count(),
            None => completed.0.len(),
        };
        let needed = match (rule.succeeded_count, &wanted) {
            (Some(count), _) => usize::try_from(count).unwrap_or(usize::MAX),
            (None, Some(wanted)) => wanted.0.len(),
            (None, None) => return false,
        };
        done >= needed
    })
}
