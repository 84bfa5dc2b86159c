//! What becomes of a proposed size: recent proposals steady it, the behaviour limits its speed, the
//! spec its range. Pure but for the memory that is handed in.

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{
    HPAScalingRules, HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec,
};

use super::memory::Memory;

/// How long a smaller size has to be proposed before it is taken, unless the behaviour says so.
const DOWN_WINDOW: i32 = 300;
/// Without a behaviour a size may double, or grow to this.
const SMALL: i32 = 4;

/// A size between its limits, and what to tell about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Limited {
    /// The size.
    pub(super) replicas: i32,
    /// Reason and message of the condition `AbleToScale`.
    pub(super) able: (&'static str, &'static str),
    /// Whether a limit was met: the condition `ScalingLimited`.
    pub(super) limited: bool,
    /// Its reason and message.
    pub(super) limit: (&'static str, &'static str),
}

const READY: (&str, &str) = ("ReadyForNewScale", "recommended size matches current size");
const STEADY_UP: (&str, &str) = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
);
const STEADY_DOWN: (&str, &str) = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
);
const WITHIN: (&str, &str) = (
    "DesiredWithinRange",
    "the desired count is within the acceptable range",
);
const TOO_MANY: (&str, &str) = (
    "TooManyReplicas",
    "the desired replica count is more than the maximum replica count",
);
const TOO_FEW: (&str, &str) = (
    "TooFewReplicas",
    "the desired replica count is less than the minimum replica count",
);
const TOO_FAST_UP: (&str, &str) = (
    "ScaleUpLimit",
    "the desired replica count is increasing faster than the maximum scale rate",
);
const TOO_FAST_DOWN: (&str, &str) = (
    "ScaleDownLimit",
    "the desired replica count is decreasing faster than the maximum scale rate",
);

/// The size that may be had now, of the one that is proposed.
pub(super) fn limit(
    spec: &HorizontalPodAutoscalerSpec,
    memory: &mut Memory,
    current: i32,
    proposed: i32,
    now: Timestamp,
) -> Limited {
    let range = (spec.min_replicas.unwrap_or(1), spec.max_replicas);
    let (steady, able, (replicas, limit)) = match &spec.behavior {
        None => {
            let recent = memory.within(DOWN_WINDOW, now).max();
            let steady = recent.unwrap_or(proposed).max(proposed);
            (steady, STEADY_DOWN, doubled(range, current, steady))
        }
        Some(behavior) => {
            let rules = Behavior::of(behavior);
            let steady = rules.steady(memory, current, proposed, now);
            let able = if proposed >= current {
                STEADY_UP
            } else {
                STEADY_DOWN
            };
            let at_speed = rules.at_speed(range, memory, current, steady, now);
            (steady, able, at_speed)
        }
    };
    memory.propose(proposed, now);
    Limited {
        replicas,
        able: if steady == proposed { READY } else { able },
        limited: replicas != steady,
        limit,
    }
}

/// Without a behaviour.
fn doubled(
    (least, most): (i32, i32),
    current: i32,
    wanted: i32,
) -> (i32, (&'static str, &'static str)) {
    let fastest = current.saturating_mul(2).max(SMALL);
    let (most, reason) = if most > fastest {
        (fastest, TOO_FAST_UP)
    } else {
        (most, TOO_MANY)
    };
    if wanted < least {
        (least, TOO_FEW)
    } else if wanted > most {
        (most, reason)
    } else {
        (wanted, WITHIN)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Select {
    /// The policy that allows the largest change.
    Largest,
    /// The one that allows the smallest.
    Smallest,
    /// No change at all.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Pods(i32),
    Percent(i32),
}

#[derive(Debug)]
struct Rules {
    window: i32,
    select: Select,
    policies: Vec<(Step, i32)>,
}

impl Rules {
    fn of(rules: Option<&HPAScalingRules>, window: i32, policies: &[(Step, i32)]) -> Self {
        let select = rules.and_then(|rules| rules.select_policy.as_deref());
        let own = rules.and_then(|rules| rules.policies.as_ref());
        let step = |kind: &str, value| {
            if kind == "Pods" {
                Step::Pods(value)
            } else {
                Step::Percent(value)
            }
        };
        Self {
            window: rules
                .and_then(|rules| rules.stabilization_window_seconds)
                .unwrap_or(window),
            select: match select {
                Some("Min") => Select::Smallest,
                Some("Disabled") => Select::Never,
                _ => Select::Largest,
            },
            policies: own.map_or_else(
                || policies.to_vec(),
                |own| {
                    own.iter()
                        .map(|one| (step(&one.type_, one.value), one.period_seconds))
                        .collect()
                },
            ),
        }
    }
}

struct Behavior {
    up: Rules,
    down: Rules,
}

impl Behavior {
    fn of(behavior: &HorizontalPodAutoscalerBehavior) -> Self {
        let up = [(Step::Pods(4), 15), (Step::Percent(100), 15)];
        Self {
            up: Rules::of(behavior.scale_up.as_ref(), 0, &up),
            down: Rules::of(
                behavior.scale_down.as_ref(),
                DOWN_WINDOW,
                &[(Step::Percent(100), 15)],
            ),
        }
    }

    /// No more than was proposed at any time in the window of growth, no less than at any time in that
    /// of shrinking, and else what there is.
    fn steady(&self, memory: &Memory, current: i32, proposed: i32, now: Timestamp) -> i32 {
        let lowest = memory.within(self.up.window, now).min();
        let highest = memory.within(self.down.window, now).max();
        let lowest = lowest.unwrap_or(proposed).min(proposed);
        let highest = highest.unwrap_or(proposed).max(proposed);
        current.max(lowest).min(highest)
    }

    fn at_speed(
        &self,
        (least, most): (i32, i32),
        memory: &Memory,
        current: i32,
        wanted: i32,
        now: Timestamp,
    ) -> (i32, (&'static str, &'static str)) {
        if wanted > current {
            let fastest = self.fastest_up(memory, current, now).max(current);
            let (most, reason) = if most > fastest {
                (fastest, TOO_FAST_UP)
            } else {
                (most, TOO_MANY)
            };
            if wanted > most {
                return (most, reason);
            }
        } else if wanted < current {
            let fastest = self.fastest_down(memory, current, now).min(current);
            let (least, reason) = if least < fastest {
                (fastest, TOO_FAST_DOWN)
            } else {
                (least, TOO_FEW)
            };
            if wanted < least {
                return (least, reason);
            }
        }
        (wanted, WITHIN)
    }

    fn fastest_up(&self, memory: &Memory, current: i32, now: Timestamp) -> i32 {
        let sizes = self.up.policies.iter().map(|(step, period)| {
            let start = memory.at_start(current, *period, now);
            match step {
                Step::Pods(count) => start.saturating_add(*count),
                Step::Percent(percent) => {
                    (f64::from(start) * (1.0 + f64::from(*percent) / 100.0)).ceil() as i32
                }
            }
        });
        let fastest = match self.up.select {
            Select::Never => None,
            Select::Smallest => sizes.min(),
            Select::Largest => sizes.max(),
        };
        fastest.unwrap_or(current)
    }

    fn fastest_down(&self, memory: &Memory, current: i32, now: Timestamp) -> i32 {
        let sizes = self.down.policies.iter().map(|(step, period)| {
            let start = memory.at_start(current, *period, now);
            match step {
                Step::Pods(count) => start.saturating_sub(*count),
                Step::Percent(percent) => {
                    (f64::from(start) * (1.0 - f64::from(*percent) / 100.0)) as i32
                }
            }
        });
        let fastest = match self.down.select {
            Select::Never => None,
            Select::Smallest => sizes.max(),
            Select::Largest => sizes.min(),
        };
        fastest.unwrap_or(current)
    }
}
