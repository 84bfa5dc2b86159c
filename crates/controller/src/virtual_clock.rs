//! The clock of a run in virtual time.

use jiff::Timestamp;
use seatrial_clock::Clock;
use tokio::time::Instant;

/// A [`Clock`] over tokio's time: the epoch plus what has passed on tokio's clock since.
///
/// In a runtime with paused time it jumps from timer to timer, so that an hour takes as long as the
/// work in it. In an ordinary runtime it runs as fast as the wall clock does.
#[derive(Debug, Clone, Copy)]
pub struct VirtualClock {
    epoch: Timestamp,
    start: Instant,
}

impl VirtualClock {
    /// A clock that says `epoch` now. Must be called inside the runtime it is to follow.
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self {
            epoch,
            start: Instant::now(),
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.epoch
            .saturating_add(self.start.elapsed())
            .unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_hour_passes_at_once() {
        let clock = VirtualClock::starting_at(Timestamp::UNIX_EPOCH);
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert_eq!(clock.now().to_string(), "1970-01-01T01:00:00Z");
    }
}
