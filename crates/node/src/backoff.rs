//! How long to wait before trying again, by the kubelet's figures.

use std::time::Duration;

/// After a run of this length a container counts as recovered, and its next failure as the first.
pub(crate) const RECOVERED_AFTER: Duration = Duration::from_mins(10);

const FIRST: Duration = Duration::from_secs(10);
const MOST: Duration = Duration::from_mins(5);

/// The wait before a container's start after `failures` ends in a row: none after the first, then
/// 10 s, 20 s, 40 s, … up to 5 minutes.
pub(crate) fn after_ends(failures: u32) -> Duration {
    match failures.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => doubled(doublings),
    }
}

/// The wait before the next try after `failures` failed tries of a pull or start in a row: 10 s,
/// 20 s, 40 s, … up to 5 minutes.
pub(crate) fn after_failures(failures: u32) -> Duration {
    doubled(failures.saturating_sub(1))
}

fn doubled(doublings: u32) -> Duration {
    FIRST.saturating_mul(1 << doublings.min(5)).min(MOST)
}

/// As upstream writes it in messages: `10s`, `2m40s`, `5m0s`.
pub(crate) fn show(wait: Duration) -> String {
    let seconds = wait.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        _ => format!("{}m{}s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes() {
        let waits: Vec<_> = (1..=8).map(|failures| show(after_ends(failures))).collect();
        assert_eq!(
            waits,
            ["0s", "10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s"]
        );
        assert_eq!(after_failures(1), Duration::from_secs(10));
        assert_eq!(after_failures(200), Duration::from_mins(5));
    }
}
