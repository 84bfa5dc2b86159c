//! One step of a rollout. Pure; the arithmetic is upstream's.

use seatrial_controller::Notice;

use super::fleet::{Fleet, Member};
use super::limits::Limits;

/// A rolling update: grow the new set, or else shrink the old ones.
pub(super) fn update(fleet: &mut Fleet, limits: Limits) -> Vec<Notice> {
    let grown = grow(fleet, limits);
    if grown.is_empty() {
        shrink(fleet, limits)
    } else {
        grown
    }
}

/// Grows the newest set as far as the surge allows (or shrinks it to the wanted size).
pub(super) fn grow(fleet: &mut Fleet, limits: Limits) -> Vec<Notice> {
    let total = fleet.total();
    let Some(new) = &mut fleet.new else {
        return Vec::new();
    };
    let size = if new.replicas >= limits.replicas {
        limits.replicas
    } else {
        let room = (limits.most() - total).max(0);
        new.replicas + room.min(limits.replicas - new.replicas)
    };
    if size == new.replicas {
        Vec::new()
    } else {
        new.scale(size, limits).into_iter().collect()
    }
}

/// Shrinks the old sets, unhealthy pods first, without going below what must be available.
fn shrink(fleet: &mut Fleet, limits: Limits) -> Vec<Notice> {
    if fleet.old.iter().all(|member| member.replicas == 0) {
        return Vec::new();
    }
    let unavailable_new = fleet
        .new
        .as_ref()
        .map_or(0, |new| new.replicas - new.available());
    let most = fleet.total() - limits.fewest() - unavailable_new;
    if most <= 0 {
        return Vec::new();
    }
    let before: Vec<i32> = fleet.old.iter().map(|member| member.replicas).collect();
    let mut sizes = before.clone();
    let mut left = most;
    for (member, size) in fleet.old.iter().zip(&mut sizes) {
        let unhealthy = (*size - member.available()).clamp(0, left);
        *size -= unhealthy;
        left -= unhealthy;
    }
    let mut spare = fleet.available() - limits.fewest();
    for size in &mut sizes {
        let surplus = (*size).min(spare.max(0));
        *size -= surplus;
        spare -= surplus;
    }
    let mut notices = Vec::new();
    for ((member, size), before) in fleet.old.iter_mut().zip(sizes).zip(before) {
        if size != before {
            notices.extend(member.scale(size, limits));
        }
    }
    notices
}

/// Shrinks every old set to nothing.
pub(super) fn empty(old: &mut [Member], limits: Limits) -> Vec<Notice> {
    let active = old.iter_mut().filter(|member| member.replicas > 0);
    active
        .filter_map(|member| member.scale(0, limits))
        .collect()
}
