//! The rolling update of a DaemonSet. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::observe::World;
use super::plan::{Plan, hash_of};
use super::{Error, placement};
use crate::pod::{self, Availability};
use crate::scaled::{Rounding, scaled};

/// How far an update may go beyond and below one pod per node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Whether the controller replaces old pods at all.
    pub(super) rolling: bool,
    pub(super) surge: usize,
    pub(super) unavailable: usize,
}

impl Limits {
    pub(super) fn of(set: &DaemonSet, desired: i32) -> Result<Self, Error> {
        let strategy = set
            .spec
            .as_ref()
            .and_then(|spec| spec.update_strategy.as_ref());
        if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete") {
            return Ok(Self {
                rolling: false,
                surge: 0,
                unavailable: 0,
            });
        }
        let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
        let (none, one) = (IntOrString::Int(0), IntOrString::Int(1));
        let surge = rolling.and_then(|rolling| rolling.max_surge.as_ref());
        let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
        let count = |field, value: &IntOrString| {
            scaled(value, desired, Rounding::Up)
                .and_then(|count| usize::try_from(count).ok())
                .ok_or(Error::Limit(field))
        };
        let surge = count("maxSurge", surge.unwrap_or(&none))?;
        let mut unavailable = count("maxUnavailable", unavailable.unwrap_or(&one))?;
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        Ok(Self {
            rolling: true,
            surge,
            unavailable,
        })
    }
}

/// The pods of one node that are not on their way out.
struct Pair {
    new: Option<Arc<Pod>>,
    old: Option<Arc<Pod>>,
}

impl Pair {
    /// None where there are several of one kind: placing settles that first.
    fn of(pods: &[Arc<Pod>], newest: &str) -> Option<Self> {
        let mut pair = Self {
            new: None,
            old: None,
        };
        for pod in pods {
            let slot = if hash_of(pod) == newest {
                &mut pair.new
            } else {
                &mut pair.old
            };
            if pod.metadata.deletion_timestamp.is_some() {
                continue;
            }
            if slot.replace(pod.clone()).is_some() {
                return None;
            }
        }
        Some(pair)
    }
}

/// Adds to the plan which old pods go and which nodes get a second one.
pub(super) fn replace(
    set: &DaemonSet,
    world: &World,
    limits: Limits,
    newest: &str,
    now: Timestamp,
    plan: &mut Plan,
) {
    let nothing = PodSpec::default();
    let spec = set.spec.as_ref();
    let template = spec
        .and_then(|spec| spec.template.spec.as_ref())
        .unwrap_or(&nothing);
    let seconds = spec.and_then(|spec| spec.min_ready_seconds).unwrap_or(0);
    let is_available = |pod: &Pod| pod::availability(pod, seconds, now) == Availability::Yes;
    let wanted = world
        .nodes
        .iter()
        .filter(|(_, node)| placement::judge(template, node).run)
        .map(|(name, _)| (name, world.owned.get(name).map_or(&[][..], Vec::as_slice)));
    if limits.surge > 0 {
        surge(wanted, limits, newest, is_available, plan);
    } else {
        swap(wanted, limits, newest, is_available, plan);
    }
}

/// Without surge: an old pod goes before its successor comes.
fn swap<'a>(
    nodes: impl Iterator<Item = (&'a String, &'a [Arc<Pod>])>,
    limits: Limits,
    newest: &str,
    is_available: impl Fn(&Pod) -> bool,
    plan: &mut Plan,
) {
    let mut out = 0;
    let mut candidates = Vec::new();
    for (_, pods) in nodes {
        match Pair::of(pods, newest) {
            Some(Pair { new: Some(new), .. }) => out += usize::from(!is_available(&new)),
            Some(Pair { old: Some(old), .. }) => {
                if is_available(&old) {
                    candidates.push(old);
                } else {
                    // It serves nobody: replacing it costs nothing.
                    out += 1;
                    plan.delete.push(old);
                }
            }
            None
            | Some(Pair {
                old: None,
                new: None,
            }) => out += 1,
        }
    }
    let room = limits.unavailable.saturating_sub(out);
    plan.delete.extend(candidates.into_iter().take(room));
}

/// With surge: the successor comes first, and the old pod goes once it is available.
fn surge<'a>(
    nodes: impl Iterator<Item = (&'a String, &'a [Arc<Pod>])>,
    limits: Limits,
    newest: &str,
    is_available: impl Fn(&Pod) -> bool,
    plan: &mut Plan,
) {
    let mut surging = 0;
    let mut candidates = Vec::new();
    for (name, pods) in nodes {
        match Pair::of(pods, newest) {
            None => surging += 1,
            Some(Pair {
                old: Some(old),
                new: Some(new),
            }) => {
                if is_available(&new) {
                    plan.delete.push(old);
                } else {
                    surging += 1;
                }
            }
            Some(Pair {
                old: Some(old),
                new: None,
            }) => {
                if is_available(&old) {
                    candidates.push(name.clone());
                } else {
                    plan.create.push(name.clone());
                }
            }
            Some(Pair { old: None, .. }) => {}
        }
    }
    let room = limits.surge.saturating_sub(surging);
    plan.create.extend(candidates.into_iter().take(room));
}
