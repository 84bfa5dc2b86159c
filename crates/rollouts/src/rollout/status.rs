//! The parts of the status that are counted.

use std::sync::Arc;

use seatrial_resources::argoproj::{
    AnalysisPhase, AnalysisRun, Rollout, RolloutStatus, TrafficWeights, WeightDestination,
};

use super::fleet::{Fleet, Member};
use super::observe::World;
use super::routing::Routes;

/// Counts pods.
pub(super) fn count(rollout: &Rollout, fleet: &Fleet, status: &mut RolloutStatus) {
    status.replicas = fleet.sum(Member::pods);
    status.updated_replicas = fleet.new.as_ref().map_or(0, Member::pods);
    status.ready_replicas = fleet.sum(Member::ready);
    status.available_replicas = fleet.sum(Member::available);
    status.hpa_replicas = Some(status.replicas);
    let labels = rollout
        .spec
        .selector
        .as_ref()
        .and_then(|selector| selector.match_labels.as_ref());
    status.selector = labels.map(|labels| {
        labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>()
            .join(",")
    });
}

/// How the traffic is split, in the status.
pub(super) fn weights(routes: &Routes<'_>, weight: i32, status: &RolloutStatus) -> TrafficWeights {
    let part = |weight: i32, service: &str, hash: &Option<String>| WeightDestination {
        weight,
        service_name: Some(service.to_owned()),
        pod_template_hash: hash.clone(),
    };
    let routing = routes.routing;
    TrafficWeights {
        canary: part(weight, routing.canary_service, &status.current_pod_hash),
        stable: part(
            routing.max_weight - weight,
            routing.stable_service,
            &status.stable_rs,
        ),
        verified: None,
    }
}

/// Finished runs beyond the limits of the history, oldest first; those that the status names stay.
pub(super) fn surplus_runs(
    rollout: &Rollout,
    world: &World,
    status: &RolloutStatus,
) -> Vec<Arc<AnalysisRun>> {
    let limits = rollout.spec.analysis.clone().unwrap_or_default();
    let named = [
        &status.canary.current_background_analysis_run_status,
        &status.canary.current_step_analysis_run_status,
    ];
    let is_named = |run: &AnalysisRun| {
        named
            .iter()
            .copied()
            .flatten()
            .any(|one| run.metadata.name.as_ref() == Some(&one.name))
    };
    let phase = |run: &AnalysisRun| run.status.as_ref().map(|status| status.phase);
    let mut surplus = Vec::new();
    for (limit, successful) in [
        (limits.successful_run_history_limit, true),
        (limits.unsuccessful_run_history_limit, false),
    ] {
        let finished: Vec<_> = world
            .runs
            .iter()
            .filter(|run| {
                let over = phase(run).filter(|phase| phase.is_final());
                over.is_some_and(|phase| (phase == AnalysisPhase::Successful) == successful)
                    && !is_named(run)
            })
            .collect();
        let keep = usize::try_from(limit.unwrap_or(5)).unwrap_or(0);
        let old = finished.len().saturating_sub(keep);
        surplus.extend(finished[..old].iter().map(|run| Arc::clone(run)));
    }
    surplus
}
