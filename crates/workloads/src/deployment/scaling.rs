//! Scaling a deployment whose size changed, in the middle of a rollout too. Pure.

use std::cmp::Reverse;

use seatrial_controller::Notice;

use super::fleet::{Fleet, Member};
use super::limits::Limits;

/// Whether the deployment's size changed since its sets were last scaled.
pub(super) fn is_due(fleet: &Fleet, limits: Limits) -> bool {
    fleet
        .all()
        .filter(|member| member.replicas > 0)
        .any(|member| {
            member
                .desired()
                .is_some_and(|desired| desired != limits.replicas)
        })
}

/// Spreads the deployment's size over its sets: to the only active one; to the newest alone once it
/// has everything; otherwise in proportion to their sizes, so that a rollout under way goes on with
/// the same shares.
pub(super) fn scale(fleet: &mut Fleet, limits: Limits, rolling: bool) -> Vec<Notice> {
    if let Some(member) = active_or_latest(fleet) {
        return member.scale(limits.replicas, limits).into_iter().collect();
    }
    if is_saturated(fleet, limits) {
        let active = fleet.old.iter_mut().filter(|member| member.replicas > 0);
        return active
            .filter_map(|member| member.scale(0, limits))
            .collect();
    }
    if rolling {
        proportionally(fleet, limits)
    } else {
        Vec::new()
    }
}

/// The only set with pods; with none, the newest. `None` where several have pods.
fn active_or_latest(fleet: &mut Fleet) -> Option<&mut Member> {
    match fleet.all().filter(|member| member.replicas > 0).count() {
        0 => match &mut fleet.new {
            Some(new) => Some(new),
            None => fleet.old.last_mut(),
        },
        1 => fleet.all_mut().find(|member| member.replicas > 0),
        _ => None,
    }
}

fn is_saturated(fleet: &Fleet, limits: Limits) -> bool {
    fleet.new.as_ref().is_some_and(|new| {
        new.desired() == Some(limits.replicas)
            && new.replicas == limits.replicas
            && new.available() == limits.replicas
    })
}

fn proportionally(fleet: &mut Fleet, limits: Limits) -> Vec<Notice> {
    let mut active: Vec<&mut Member> = fleet
        .all_mut()
        .filter(|member| member.replicas > 0)
        .collect();
    let total: i32 = active.iter().map(|member| member.replicas).sum();
    let allowed = if limits.replicas > 0 {
        limits.most()
    } else {
        0
    };
    let change = allowed - total;
    // The biggest take the rounding; among equals the newest when growing, the oldest otherwise.
    if change > 0 {
        active.sort_by_key(|member| (Reverse(member.replicas), Reverse(member.created())));
    } else {
        active.sort_by_key(|member| (Reverse(member.replicas), member.created()));
    }
    let mut changed = 0;
    let mut sizes = Vec::with_capacity(active.len());
    for member in &active {
        let share = share(member, limits, change - changed, change);
        changed += share;
        sizes.push(member.replicas + share);
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + change - changed).max(0);
    }
    let sized = active.into_iter().zip(sizes);
    sized
        .filter_map(|(member, size)| member.scale(size, limits))
        .collect()
}

/// What one set gains or loses, at most `left`.
fn share(member: &Member, limits: Limits, left: i32, change: i32) -> i32 {
    if change == 0 || left == 0 {
        return 0;
    }
    let fraction = if limits.replicas == 0 {
        -member.replicas
    } else {
        let before = member.most().unwrap_or_else(|| member.pods().max(1));
        let size = f64::from(member.replicas) * f64::from(limits.most()) / f64::from(before);
        size.round() as i32 - member.replicas
    };
    if change > 0 {
        fraction.min(left)
    } else {
        fraction.max(left)
    }
}
