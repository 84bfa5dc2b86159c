//! Which start is due. Pure.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::CronJob;

use super::schedule::Schedule;

/// How many starts may be missed before somebody is told.
const MANY: i64 = 100;

/// What the schedule says about now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// The newest start that has come since the last one was made.
    pub(super) start: Option<Timestamp>,
    /// Whether more starts were missed than anybody would expect.
    pub(super) many_missed: bool,
}

/// The newest start since the last one, going back no further than the starting deadline (upstream's
/// `mostRecentScheduleTime`).
pub(super) fn due(cron: &CronJob, schedule: &Schedule, zone: &TimeZone, now: Timestamp) -> Due {
    let last = cron
        .status
        .as_ref()
        .and_then(|status| status.last_schedule_time.as_ref())
        .or(cron.metadata.creation_timestamp.as_ref());
    let mut earliest = last.map_or(now, |time| time.0);
    let deadline = cron
        .spec
        .as_ref()
        .and_then(|spec| spec.starting_deadline_seconds);
    if let Some(seconds) = deadline
        && let Ok(bound) = now.checked_sub(SignedDuration::from_secs(seconds))
    {
        earliest = earliest.max(bound);
    }
    let Some(first) = schedule.next(earliest, zone).filter(|first| *first <= now) else {
        return Due::default();
    };
    let Some(second) = schedule.next(first, zone).filter(|second| *second <= now) else {
        return Due {
            start: Some(first),
            many_missed: false,
        };
    };
    let interval = second.duration_since(first).as_secs().max(1);
    let missed = now.duration_since(first).as_secs() / interval + 1;
    // Starts come about every `interval`: go nearly there in one step, then on one by one.
    let leap = SignedDuration::from_secs((missed - 2).max(0) * interval);
    let mut start = first
        .checked_add(leap)
        .ok()
        .filter(|_| missed > 2)
        .unwrap_or(first);
    let mut newest = None;
    while let Some(next) = schedule.next(start, zone).filter(|next| *next <= now) {
        newest = Some(next);
        start = next;
    }
    Due {
        start: newest.or(Some(second)),
        many_missed: missed > MANY,
    }
}
