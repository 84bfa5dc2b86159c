//! Virtual time: an hour of the whole cluster in a moment, and the same hour for the same seed.
//!
//! ```text
//!   00:00 v1 is deployed ─▶ 00:02 v2 is released ─▶ 00:22 v2 has taken over
//!                           00:35 v3 is released ─▶ its errors are measured ─▶ it is given up
//! ```
//!
//! Everything runs as in a live cluster but for three things: nodes are simulated, clients are
//! modelled, and time is tokio's, paused. No socket, no thread, no file.

#![allow(clippy::unwrap_used)] // A test may fail loudly.

mod hour;
mod journal;
mod production;
mod traffic;

use std::sync::LazyLock;
use std::time::Duration;

use hour::{Hour, live, minute};
use serde_json::Value;
use traffic::PER_SECOND;

/// The hour that the tests look at from several sides.
static HOUR: LazyLock<Hour> = LazyLock::new(|| timed(7));

/// How long pods may take to start and controllers to act on it.
const SLACK: Duration = Duration::from_secs(30);

/// One hour, and on the test's output how long it really took.
#[allow(clippy::disallowed_methods)] // How fast virtual time is can only be told in real time.
fn timed(seed: u64) -> Hour {
    let begun = std::time::Instant::now();
    let hour = live(seed);
    let (took, changes) = (begun.elapsed(), hour.log.lines().count());
    println!("an hour with seed {seed} took {took:?} and made {changes} changes");
    hour
}

fn phase(rollout: &Value) -> &str {
    rollout["status"]["phase"].as_str().unwrap_or_default()
}

fn version(rollout: &Value) -> &str {
    rollout["spec"]["template"]["metadata"]["labels"]["version"]
        .as_str()
        .unwrap()
}

/// When the Rollout was first in this phase with this version observed, and how it then was.
fn first(wanted_phase: &str, wanted_version: &str) -> (Duration, &'static Value) {
    let mut fitting = HOUR.rollouts.iter().filter(|(_, rollout)| {
        let observed = rollout["status"]["observedGeneration"].as_str();
        phase(rollout) == wanted_phase
            && version(rollout) == wanted_version
            && observed == Some(rollout["metadata"]["generation"].to_string().as_str())
    });
    let (at, rollout) = fitting.next().unwrap();
    (*at, rollout)
}

/// Whether something happened as soon as it could.
fn soon_after(at: Duration, moment: Duration) -> bool {
    // The start of a pause is noted in whole seconds, so it may end a moment early.
    (moment.saturating_sub(Duration::from_secs(1))..moment + SLACK).contains(&at)
}

#[test]
fn a_good_version_takes_over_step_by_step() {
    let shares: Vec<u64> = HOUR.weights.iter().map(|(_, weight)| *weight).collect();
    assert_eq!(shares[..6], [0, 10, 30, 50, 100, 0], "{:?}", HOUR.weights);
    // Each step waits for its pods and then pauses, so the slack adds up.
    let mut last = minute(2);
    for (step, pause) in [(1, 0), (2, 5), (3, 5), (4, 10)] {
        let at = HOUR.weights[step].0;
        assert!(soon_after(at, last + minute(pause)), "{:?}", HOUR.weights);
        last = at;
    }
    let (at, healthy) = first("Healthy", "v2");
    assert!(soon_after(at, last), "promoted after {at:?}");
    assert_eq!(
        healthy["status"]["stableRS"],
        healthy["status"]["currentPodHash"]
    );
    let analyses = &HOUR.analyses;
    assert!(analyses.iter().any(|(_, run)| phase(run) == "Successful"));
}

#[test]
fn a_bad_version_is_given_up_and_the_good_one_has_all_traffic_again() {
    let (at, degraded) = first("Degraded", "v3");
    // Four of the measurements of each minute must fail, and the rate looks back over five.
    assert!(
        (minute(39)..minute(45)).contains(&at),
        "given up after {at:?}"
    );
    let message = degraded["status"]["message"].as_str().unwrap();
    assert!(
        message.contains("\"success-rate\" assessed Failed due to failed (4) > failureLimit (3)")
    );
    assert!(HOUR.analyses.iter().any(|(_, run)| phase(run) == "Failed"));
    let (_, last) = HOUR.rollouts.last().unwrap();
    assert_eq!((phase(last), version(last)), ("Degraded", "v3"));
    assert_ne!(last["status"]["stableRS"], last["status"]["currentPodHash"]);
    let after: Vec<_> = HOUR
        .seconds
        .iter()
        .filter(|second| second.at > at + SLACK)
        .collect();
    assert!(!after.is_empty());
    for second in after {
        assert_eq!(second.answered.get("v2"), Some(&PER_SECOND), "{second:?}");
    }
}

#[test]
fn the_canary_gets_exactly_its_share_of_requests() {
    let ends = HOUR
        .weights
        .iter()
        .skip(1)
        .map(|(at, _)| *at)
        .chain([Duration::MAX]);
    for ((from, weight), until) in HOUR.weights.iter().zip(ends) {
        // The gateway gathers changes for some milliseconds before it follows.
        let from = *from + Duration::from_millis(20);
        let during = HOUR
            .seconds
            .iter()
            .filter(|second| (from..until).contains(&second.at));
        for second in during {
            assert_eq!(
                second.canary * 100,
                weight * PER_SECOND,
                "{weight} %: {second:?}"
            );
        }
    }
}

#[test]
fn requests_fail_only_while_the_bad_canary_has_weight() {
    let ends = HOUR
        .weights
        .iter()
        .skip(1)
        .map(|(at, _)| *at)
        .chain([Duration::MAX]);
    let spans: Vec<_> = HOUR
        .weights
        .iter()
        .zip(ends)
        .filter(|((_, weight), _)| *weight > 0)
        .collect();
    let failing: Vec<_> = HOUR
        .seconds
        .iter()
        .filter(|second| !second.failed.is_empty())
        .collect();
    assert!(
        failing.len() > 60,
        "the errors of v3 are seen: {}",
        failing.len()
    );
    for second in failing {
        assert!(
            second.failed.keys().all(|version| &**version == "v3"),
            "{second:?}"
        );
        let is_canary = spans
            .iter()
            .any(|((from, _), until)| (*from..=*until).contains(&second.at));
        assert!(is_canary, "{second:?} {:?}", HOUR.weights);
    }
}

#[test]
fn one_seed_gives_one_event_log_and_another_seed_another() {
    let again = timed(7);
    let differing = HOUR
        .log
        .lines()
        .zip(again.log.lines())
        .position(|(left, right)| left != right);
    if let Some(line) = differing {
        let of = |hour: &Hour| hour.log.lines().nth(line).unwrap().to_owned();
        panic!(
            "the runs part at line {line}:\n{}\n{}",
            of(&HOUR),
            of(&again)
        );
    }
    assert_eq!(
        HOUR.log.len(),
        again.log.len(),
        "one run went on for longer"
    );
    assert!(HOUR.log != timed(8).log, "the seed must matter");
}
