//! A pod's conditions, in upstream's order, reasons and words.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::phase::{Phase, is_sidecar};
use super::view::{ContainerView, PodView, Readiness, Startup, State};

/// A condition before its transition time is known.
struct Verdict {
    kind: &'static str,
    status: &'static str,
    reason: Option<&'static str>,
    message: Option<String>,
}

impl Verdict {
    fn yes(kind: &'static str) -> Self {
        Self {
            kind,
            status: "True",
            reason: None,
            message: None,
        }
    }

    fn no(kind: &'static str, reason: &'static str, message: Option<String>) -> Self {
        Self {
            kind,
            status: "False",
            reason: Some(reason),
            message,
        }
    }
}

/// All conditions of the pod: the node's own, then those that others wrote.
///
/// A condition keeps its transition time as long as its status stays the same.
pub(super) fn conditions(
    pod: &Pod,
    view: &PodView,
    phase: Phase,
    now: Timestamp,
) -> Vec<PodCondition> {
    let before = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let containers = containers_ready(pod, view, phase);
    let own = [
        ready_to_start(view),
        initialized(pod, view, phase),
        ready(pod, before, &containers),
        containers,
        Verdict::yes("PodScheduled"),
    ];
    let foreign = before
        .iter()
        .filter(|old| own.iter().all(|new| new.kind != old.type_));
    let foreign: Vec<_> = foreign.cloned().collect();
    own.into_iter()
        .map(|verdict| dated(verdict, pod, before, now))
        .chain(foreign)
        .collect()
}

fn dated(verdict: Verdict, pod: &Pod, before: &[PodCondition], now: Timestamp) -> PodCondition {
    let old = before.iter().find(|old| old.type_ == verdict.kind);
    let unchanged = old.filter(|old| old.status == verdict.status);
    let since = unchanged
        .and_then(|old| old.last_transition_time.clone())
        .unwrap_or(Time(now));
    PodCondition {
        type_: verdict.kind.to_owned(),
        status: verdict.status.to_owned(),
        reason: verdict.reason.map(str::to_owned),
        message: verdict.message,
        last_transition_time: Some(since),
        observed_generation: pod.metadata.generation,
        ..Default::default()
    }
}

fn ready_to_start(view: &PodView) -> Verdict {
    match view.address {
        Some(_) => Verdict::yes("PodReadyToStartContainers"),
        None => Verdict {
            status: "False",
            ..Verdict::yes("PodReadyToStartContainers")
        },
    }
}

fn initialized(pod: &Pod, view: &PodView, phase: Phase) -> Verdict {
    const KIND: &str = "Initialized";
    let specs = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.init_containers.as_deref())
        .unwrap_or_default();
    let incomplete: Vec<_> = specs
        .iter()
        .zip(&view.init)
        .filter(|(spec, container)| {
            if is_sidecar(spec) {
                container.startup != Startup::Started && phase == Phase::Pending
            } else {
                container.ended().is_none_or(|ended| ended.code != 0)
            }
        })
        .map(|(_, container)| container)
        .collect();
    match (incomplete.as_slice(), phase) {
        (_, Phase::Succeeded) => Verdict {
            reason: Some("PodCompleted"),
            ..Verdict::yes(KIND)
        },
        ([], _) => Verdict::yes(KIND),
        // It was initialized once: what restarts beside the containers changes nothing.
        _ if view.containers.iter().any(|it| !it.id.is_empty()) => Verdict::yes(KIND),
        _ => {
            let message = format!(
                "containers with incomplete status: [{}]",
                names(&incomplete)
            );
            Verdict::no(KIND, "ContainersNotInitialized", Some(message))
        }
    }
}

fn containers_ready(pod: &Pod, view: &PodView, phase: Phase) -> Verdict {
    const KIND: &str = "ContainersReady";
    match phase {
        Phase::Succeeded => return Verdict::no(KIND, "PodCompleted", None),
        Phase::Failed => return Verdict::no(KIND, "PodFailed", None),
        Phase::Pending | Phase::Running => {}
    }
    let specs = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.init_containers.as_deref())
        .unwrap_or_default();
    let sidecars = specs
        .iter()
        .zip(&view.init)
        .filter(|(spec, _)| is_sidecar(spec));
    let unready: Vec<_> = sidecars
        .map(|(_, container)| container)
        .chain(&view.containers)
        .filter(|container| !serves(container))
        .collect();
    if unready.is_empty() {
        return Verdict::yes(KIND);
    }
    let message = format!("containers with unready status: [{}]", names(&unready));
    Verdict::no(KIND, "ContainersNotReady", Some(message))
}

fn ready(pod: &Pod, before: &[PodCondition], containers: &Verdict) -> Verdict {
    const KIND: &str = "Ready";
    if containers.status != "True" {
        return Verdict {
            kind: KIND,
            message: containers.message.clone(),
            ..*containers
        };
    }
    let gates = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.readiness_gates.as_deref())
        .unwrap_or_default();
    let missing: Vec<String> = gates
        .iter()
        .filter_map(|gate| {
            let name = &gate.condition_type;
            match before.iter().find(|condition| &condition.type_ == name) {
                None => Some(format!(
                    "corresponding condition of pod readiness gate {name:?} does not exist."
                )),
                Some(condition) if condition.status != "True" => Some(format!(
                    "the status of pod readiness gate {name:?} is not \"True\", but {}",
                    condition.status
                )),
                Some(_) => None,
            }
        })
        .collect();
    if missing.is_empty() {
        return Verdict::yes(KIND);
    }
    Verdict::no(KIND, "ReadinessGatesNotReady", Some(missing.join(", ")))
}

fn serves(container: &ContainerView) -> bool {
    matches!(container.state, State::Running { .. }) && container.readiness == Readiness::Ready
}

fn names(containers: &[&ContainerView]) -> String {
    let names: Vec<_> = containers
        .iter()
        .map(|container| container.name.as_str())
        .collect();
    names.join(" ")
}
