//! A pod in one word, as kubectl says it. Pure.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

/// The word: the phase, or what holds a container up.
pub(super) fn word(pod: &Pod) -> String {
    if pod.metadata.deletion_timestamp.is_some() {
        return "Terminating".to_owned();
    }
    let Some(status) = &pod.status else {
        return "Pending".to_owned();
    };
    let containers = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses);
    let held = containers.flatten().find_map(reason);
    let phase = status.phase.clone().unwrap_or_else(|| "Unknown".to_owned());
    held.or_else(|| status.reason.clone()).unwrap_or(phase)
}

fn reason(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref()?;
    if let Some(waiting) = &state.waiting {
        return waiting.reason.clone();
    }
    let ended = state
        .terminated
        .as_ref()
        .filter(|ended| ended.exit_code != 0)?;
    Some(
        ended
            .reason
            .clone()
            .unwrap_or_else(|| format!("ExitCode:{}", ended.exit_code)),
    )
}

/// `ready:1/1`, and how often containers were restarted.
pub(super) fn facts(pod: &Pod) -> String {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_deref());
    let statuses = statuses.unwrap_or_default();
    let all = pod
        .spec
        .as_ref()
        .map_or(statuses.len(), |spec| spec.containers.len());
    let ready = statuses.iter().filter(|status| status.ready).count();
    let restarts: i32 = statuses.iter().map(|status| status.restart_count).sum();
    let again = if restarts > 0 {
        format!(",restarts:{restarts}")
    } else {
        String::new()
    };
    format!("ready:{ready}/{all}{again}")
}
