//! What an autoscaler remembers: what was proposed, and what was changed.

use jiff::{SignedDuration, Timestamp};

/// What was proposed and done lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    proposed: Vec<(Timestamp, i32)>,
    added: Vec<(Timestamp, i32)>,
    removed: Vec<(Timestamp, i32)>,
}

/// The longest that anything is remembered: no period of a policy is longer.
const MEMORY: SignedDuration = SignedDuration::from_hours(1);

impl Memory {
    /// Notes the size that was found first, as if it had been proposed.
    pub(super) fn begin(&mut self, current: i32, now: Timestamp) {
        if self.proposed.is_empty() {
            self.proposed.push((now, current));
        }
    }

    /// Notes a change that was made.
    pub(super) fn changed(&mut self, before: i32, after: i32, now: Timestamp) {
        if after > before {
            self.added.push((now, after - before));
        } else {
            self.removed.push((now, before - after));
        }
        for list in [&mut self.added, &mut self.removed] {
            list.retain(|(at, _)| now.duration_since(*at) <= MEMORY);
        }
    }

    /// Notes a proposal.
    pub(super) fn propose(&mut self, size: i32, now: Timestamp) {
        self.proposed
            .retain(|(at, _)| now.duration_since(*at) <= MEMORY);
        self.proposed.push((now, size));
    }

    /// What was proposed within the last `seconds`.
    pub(super) fn within(&self, seconds: i32, now: Timestamp) -> impl Iterator<Item = i32> + '_ {
        let window = SignedDuration::from_secs(i64::from(seconds));
        let recent = self.proposed.iter();
        recent
            .filter(move |(at, _)| now.duration_since(*at) < window)
            .map(|(_, size)| *size)
    }

    /// The size when the period began.
    pub(super) fn at_start(&self, current: i32, period: i32, now: Timestamp) -> i32 {
        let period = SignedDuration::from_secs(i64::from(period));
        let sum = |changes: &[(Timestamp, i32)]| {
            let recent = changes.iter();
            recent
                .filter(|(at, _)| now.duration_since(*at) < period)
                .fold(0i32, |sum, (_, change)| sum.saturating_add(*change))
        };
        current
            .saturating_sub(sum(&self.added))
            .saturating_add(sum(&self.removed))
    }
}
