//! How many pods each version gets.

use std::time::Duration;

use jiff::Timestamp;
use seatrial_resources::argoproj::RolloutStatus;

use super::fleet::{Fleet, Member};
use super::spec::Spec;
use super::step::{self, Standing};

/// What the pods shall be, and when to look again.
#[derive(Debug, Default)]
pub(super) struct Scaling {
    /// Replica sets that shall be told when they may lose their pods.
    pub(super) deadlines: Vec<(String, Timestamp)>,
    /// When something becomes due.
    pub(super) next: Option<Timestamp>,
}

impl Scaling {
    fn wait(&mut self, until: Timestamp) {
        self.next = Some(self.next.map_or(until, |next| next.min(until)));
    }
}

/// How many pods of the new version a standing asks for.
pub(super) fn canary(spec: &Spec<'_>, standing: Standing) -> i32 {
    match standing {
        Standing::Aborted => 0,
        Standing::Step(index) => {
            let weight = step::weight(spec.steps, index);
            match (&spec.routing, step::scale(spec.steps, index)) {
                (Some(_), Some(scale)) => match (scale.replicas, scale.weight) {
                    (Some(replicas), _) => replicas,
                    (None, Some(weight)) => ceil(spec.replicas, weight, 100),
                    (None, None) => spec.replicas,
                },
                (Some(routing), None) => ceil(spec.replicas, weight, routing.max_weight),
                (None, _) => nearest(spec.replicas, weight, spec.max_surge),
            }
        }
        _ => spec.replicas,
    }
}

fn ceil(replicas: i32, weight: i32, most: i32) -> i32 {
    let most = i64::from(most.max(1));
    let share = (i64::from(replicas) * i64::from(weight) + most - 1) / most;
    i32::try_from(share).unwrap_or(i32::MAX)
}

/// The number of canary pods whose share comes nearest to `weight` percent: among the rounded-down
/// and the rounded-up number, of `replicas` pods in all or, where a surge is allowed, of one more.
/// Ties go up, and a share between 0 and 100 is never nothing or everything.
fn nearest(replicas: i32, weight: i32, max_surge: i32) -> i32 {
    if weight <= 0 || replicas == 0 {
        return 0;
    }
    if weight >= 100 {
        return replicas;
    }
    let totals = if max_surge > 0 {
        vec![replicas, replicas.saturating_add(1)]
    } else {
        vec![replicas]
    };
    let mut best = (f64::INFINITY, 0);
    for total in totals {
        let exact = f64::from(total) * f64::from(weight) / 100.0;
        for count in [exact.floor() as i32, exact.ceil() as i32] {
            let all = replicas > 1 && (count == 0 || count >= total);
            let error = (f64::from(count) / f64::from(total) * 100.0 - f64::from(weight)).abs();
            // `<=` lets the later, larger one win a tie.
            if !all && error <= best.0 {
                best = (error, count);
            }
        }
    }
    best.1
}

/// How many pods of the stable version a standing asks for, where nothing but pods splits traffic.
fn stable_share(spec: &Spec<'_>, standing: Standing, canary: i32) -> i32 {
    match standing {
        Standing::Step(index) if step::weight(spec.steps, index) < 100 => spec
            .replicas
            .saturating_sub(canary)
            .max(i32::from(spec.replicas > 1)),
        Standing::Aborted => spec.replicas,
        _ => 0,
    }
}

/// Plans the size of every replica set.
///
/// `carried` is the share of the traffic that goes to the canary service at the moment, where a
/// router splits it.
pub(super) fn plan(
    spec: &Spec<'_>,
    fleet: &mut Fleet,
    status: &RolloutStatus,
    standing: Standing,
    carried: Option<i32>,
    now: Timestamp,
) -> Scaling {
    if let Some(carried) = carried {
        return routed(spec, fleet, status, standing, carried, now);
    }
    counted(spec, fleet, standing);
    Scaling::default()
}

/// With a router: the stable version keeps all its pods until it is no longer the stable one.
fn routed(
    spec: &Spec<'_>,
    fleet: &mut Fleet,
    status: &RolloutStatus,
    standing: Standing,
    carried: i32,
    now: Timestamp,
) -> Scaling {
    let mut scaling = Scaling::default();
    if let Some(stable) = &mut fleet.stable {
        stable.replicas = spec.replicas;
    }
    if let Some(new) = &mut fleet.new {
        let wanted = canary(spec, standing);
        if wanted >= new.replicas || standing != Standing::Aborted {
            new.replicas = wanted;
        } else if carried == 0
            && let Some(due) = abort_deadline(spec, status)
        {
            if due <= now {
                new.replicas = 0;
            } else {
                scaling.wait(due);
            }
        }
    }
    let delay = seconds(spec.canary.scale_down_delay_seconds.unwrap_or(30));
    for old in fleet.others.iter_mut().filter(|old| old.replicas > 0) {
        match (old.deadline(), standing) {
            (Some(due), _) if due <= now => old.replicas = 0,
            (Some(due), _) => scaling.wait(due),
            // It was the stable one a moment ago, and connections may still lead to it.
            (None, Standing::Promoted) => {
                let due = now.saturating_add(delay).unwrap_or(now);
                scaling.deadlines.push((old.name().to_owned(), due));
                scaling.wait(due);
            }
            // A canary that was overtaken by a newer one.
            (None, _) if carried == 0 => old.replicas = 0,
            (None, _) => {}
        }
    }
    scaling
}

/// When the canary's pods go after an abort; never where the delay is 0.
fn abort_deadline(spec: &Spec<'_>, status: &RolloutStatus) -> Option<Timestamp> {
    let delay = spec.canary.abort_scale_down_delay_seconds.unwrap_or(30);
    let since = status.aborted_at.as_ref()?.0;
    (delay != 0).then(|| since.saturating_add(seconds(delay)).ok())?
}

fn seconds(count: i32) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0))
}

/// Without a router: the numbers of pods are the weights, within maxSurge and maxUnavailable.
fn counted(spec: &Spec<'_>, fleet: &mut Fleet, standing: Standing) {
    let wanted_new = canary(spec, standing);
    let wanted_stable = stable_share(spec, standing, wanted_new);
    let most = spec.replicas.saturating_add(spec.max_surge);
    let mut room = most.saturating_sub(fleet.sum(|member| member.replicas));
    // The stable version comes first, so that an abort is felt at once.
    for (member, wanted) in [
        (&mut fleet.stable, wanted_stable),
        (&mut fleet.new, wanted_new),
    ] {
        if let Some(member) = member {
            let more = wanted.saturating_sub(member.replicas).clamp(0, room.max(0));
            member.replicas += more;
            room -= more;
        }
    }
    let available = fleet.sum(Member::available);
    let mut spare = available.saturating_sub(spec.least_available());
    for old in &mut fleet.others {
        shrink(old, 0, &mut spare);
    }
    // Older versions go before anything of the present ones is taken away.
    if fleet.others.iter().any(|old| old.replicas > 0) {
        return;
    }
    for (member, wanted) in [
        (&mut fleet.new, wanted_new),
        (&mut fleet.stable, wanted_stable),
    ] {
        if let Some(member) = member {
            shrink(member, wanted, &mut spare);
        }
    }
}

/// Takes pods away: those that are not available cost nothing, the others use up `spare`.
fn shrink(member: &mut Member, wanted: i32, spare: &mut i32) {
    let surplus = member.replicas.saturating_sub(wanted).max(0);
    let missing = member.size().saturating_sub(member.available());
    let unavailable = missing.clamp(0, surplus);
    let available = (surplus - unavailable).min((*spare).max(0));
    *spare -= available;
    member.replicas -= unavailable + available;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_count_is_never_nothing_or_everything() {
        let counts = |replicas, surge| {
            [1, 10, 25, 30, 50, 75, 99].map(|weight| nearest(replicas, weight, surge))
        };
        assert_eq!(counts(10, 0), [1, 1, 3, 3, 5, 8, 9]);
        assert_eq!(counts(10, 1), [1, 1, 3, 3, 5, 8, 10]);
        assert_eq!(counts(3, 0), [1, 1, 1, 1, 2, 2, 2]);
        assert_eq!(nearest(1, 10, 0), 0);
        assert_eq!(nearest(1, 50, 1), 1);
        assert_eq!((nearest(5, 0, 1), nearest(5, 100, 1)), (0, 5));
    }

    #[test]
    fn a_routed_share_is_rounded_up() {
        assert_eq!(
            [ceil(10, 5, 100), ceil(3, 10, 100), ceil(4, 50, 100)],
            [1, 1, 2]
        );
    }
}
