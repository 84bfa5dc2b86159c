//! From what a node knows of a pod to the pod's status. Pure.
//!
//! ```text
//!   PodView (containers, address, times) ──pod_status──▶ PodStatus (phase, conditions, …)
//! ```
//!
//! **Invariant:** the same view, pod and time give the same status; nothing here reads a clock.

mod conditions;
mod phase;
mod qos;
#[cfg(test)]
mod tests;
mod view;
mod write;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerStatus, HostIP, Pod, PodIP, PodSpec, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub use phase::{Phase, RestartPolicy, is_sidecar, phase};
pub use qos::qos_class;
pub use view::{
    CRASH_LOOP, CREATING, ContainerView, Course, Ended, INITIALIZING, PodView, Readiness, Startup,
    State,
};
pub use write::write_status;

/// The status that the view amounts to.
///
/// Transition times and conditions that others wrote are taken over from the pod's present status.
pub fn pod_status(pod: &Pod, view: &PodView, now: Timestamp) -> PodStatus {
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    let phase = phase(spec, view);
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let (reason, message) = match &view.course {
        Course::Failed { reason, message } => (Some(reason.clone()), Some(message.clone())),
        Course::Living | Course::Ending => (None, None),
    };
    let address = view.address.map(|address| address.to_string());
    PodStatus {
        phase: Some(phase.as_str().to_owned()),
        conditions: Some(conditions::conditions(pod, view, phase, now)),
        init_container_statuses: (!init.is_empty()).then(|| statuses(init, &view.init)),
        container_statuses: Some(statuses(&spec.containers, &view.containers)),
        ephemeral_container_statuses: ephemeral(spec, view),
        host_ip: Some(view.host.to_string()),
        host_ips: Some(vec![HostIP {
            ip: view.host.to_string(),
        }]),
        pod_ips: address.clone().map(|ip| vec![PodIP { ip }]),
        pod_ip: address,
        start_time: Some(Time(view.started_at)),
        qos_class: Some(qos_class(spec).to_owned()),
        observed_generation: pod.metadata.generation,
        reason,
        message,
        ..Default::default()
    }
}

fn ephemeral(spec: &PodSpec, view: &PodView) -> Option<Vec<ContainerStatus>> {
    let specs = spec.ephemeral_containers.as_deref()?;
    let statuses = specs.iter().zip(&view.ephemeral);
    Some(
        statuses
            .map(|(spec, view)| view.status(spec.image.as_deref()))
            .collect(),
    )
}

fn statuses(specs: &[Container], views: &[ContainerView]) -> Vec<ContainerStatus> {
    specs
        .iter()
        .zip(views)
        .map(|(spec, view)| view.status(spec.image.as_deref()))
        .collect()
}
