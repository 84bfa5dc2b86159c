//! How long a job waits after failed pods. Pure.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::JobSpec;
use k8s_openapi::api::core::v1::Pod;

use super::observe::World;
use super::status::ended_at;
use super::tally;
use crate::pod;

/// The first wait after a failed pod; each further failure doubles it, up to [`LONGEST`].
const FIRST: SignedDuration = SignedDuration::from_secs(10);
const LONGEST: SignedDuration = SignedDuration::from_mins(10);

/// What is left of the wait after the newest failure: 10 s, doubling with each pod that failed since
/// the last one that succeeded.
pub(super) fn after_failures(spec: &JobSpec, world: &World, now: Timestamp) -> Option<Duration> {
    let ends = |is: &dyn Fn(&Arc<Pod>) -> bool| -> Vec<Timestamp> {
        let pods = world.pods.iter().filter(|pod| is(pod));
        pods.filter_map(|pod| ended_at(pod)).collect()
    };
    let success = ends(&|pod| pod::phase(pod) == "Succeeded")
        .into_iter()
        .max();
    // A pod that was deleted before it ended is replaced at once.
    let mut failures = ends(&|pod| pod::phase(pod) == "Failed" && tally::is_failed(spec, pod));
    failures.retain(|end| success.is_none_or(|success| *end > success));
    let newest = failures.iter().max()?;
    left(failures.len(), *newest, now)
}

/// What is left of the wait of one index.
pub(super) fn of_index(
    spec: &JobSpec,
    world: &World,
    index: i32,
    (failures, _): (i32, i32),
    now: Timestamp,
) -> Option<Duration> {
    let failed = world
        .pods
        .iter()
        .filter(|pod| tally::index(pod) == Some(index) && tally::is_failed(spec, pod));
    let newest = failed.filter_map(|pod| ended_at(pod)).max()?;
    let failures = usize::try_from(failures).ok().filter(|count| *count > 0)?;
    left(failures, newest, now)
}

fn left(failures: usize, newest: Timestamp, now: Timestamp) -> Option<Duration> {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let factor = 1_i32.checked_shl(doublings.min(30)).unwrap_or(i32::MAX);
    let wait = FIRST.saturating_mul(factor).min(LONGEST);
    let left = wait - now.duration_since(newest);
    Duration::try_from(left).ok().filter(|left| !left.is_zero())
}
