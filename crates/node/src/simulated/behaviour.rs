//! How a simulated pod behaves: the node's defaults, overridden by annotations of the pod.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use seatrial_clock::Random;

use crate::quantity;

/// What all annotations for simulated pods begin with.
pub const PREFIX: &str = "simulated.seatrial.dev/";

/// How pods behave. All containers of a pod behave alike; init containers succeed at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Behaviour {
    /// `pull-delay`: from the pod's arrival to its image being there.
    pub pull: Delay,
    /// `start-delay`: from the image to the running container; again for each restart.
    pub start: Delay,
    /// `ready-delay`: from running to ready, beyond what the pod's probes say.
    pub ready: Delay,
    /// `stop-delay`: from the pod's deletion to its end, at most its grace period.
    pub stop: Delay,
    /// `never-ready`: `"true"` keeps the containers unready.
    pub readiness: Readiness,
    /// `image-pull-error`: a message; the image cannot be pulled, ever.
    pub pull_error: Option<String>,
    /// `crash-after` and `crash-code`: each run ends badly.
    pub crash: Option<End>,
    /// `complete-after` and `exit-code`: how containers end that are not to run for ever.
    pub complete: End,
}

/// Whether containers become ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Readiness {
    /// They do, after their delay.
    #[default]
    Reached,
    /// They do not.
    Never,
}

/// The end of a container's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct End {
    /// Since it began to run.
    pub after: Delay,
    /// The exit code.
    pub code: i32,
}

/// A span of time, drawn uniformly from a range. Written `500ms`, `2s`, `1m30s`, or `2s-5s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delay {
    /// The shortest.
    pub least: Duration,
    /// The longest; equal to `least` where there is no choice.
    pub most: Duration,
}

impl Delay {
    /// Always the same.
    pub fn exactly(span: Duration) -> Self {
        Self {
            least: span,
            most: span,
        }
    }

    /// One of the range, to the millisecond. Draws nothing where there is no choice.
    pub fn draw(self, random: &Random) -> Duration {
        let choice = self.most.saturating_sub(self.least).as_millis();
        match u64::try_from(choice) {
            Ok(0) | Err(_) => self.least,
            Ok(choice) => {
                let more = Duration::from_millis(random.below(choice.saturating_add(1)));
                self.least.saturating_add(more)
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        let (least, most) = (span(least.trim())?, span(most.trim())?);
        (least <= most).then_some(Self { least, most })
    }
}

/// Reads `500ms`, `2s`, `1m30s`, `2h`, `1.5s` and `0`.
fn span(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0)];
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let letters = &rest[digits..];
        let length = letters
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(letters.len());
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &letters[..length])?;
        total = total.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
        rest = &letters[length..];
    }
    (!text.is_empty()).then_some(total)
}

/// An annotation that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("annotation {PREFIX}{name}: {value:?} {problem}")]
pub struct Invalid {
    name: String,
    value: String,
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    UnknownName,
    NotADelay,
    NotACode,
    NotABoolean,
    NotAnAmount,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UnknownName => {
                "is set, but no such annotation is known; known are pull-delay, start-delay, \
                 ready-delay, stop-delay, never-ready, image-pull-error, crash-after, crash-code, \
                 complete-after, exit-code, cpu-usage and memory-usage"
            }
            Self::NotADelay => "is no delay such as 500ms, 2s, 1m30s or the range 2s-5s",
            Self::NotACode => "is no exit code from 0 to 255",
            Self::NotABoolean => "is neither true nor false",
            Self::NotAnAmount => "is no amount such as 250m, 2 or 64Mi",
        })
    }
}

impl Behaviour {
    /// The behaviour of a pod: these defaults with its annotations.
    pub fn of(self: &Arc<Self>, pod: &Pod) -> Result<Arc<Self>, Invalid> {
        let mut behaviour = self.clone();
        let annotations = pod.metadata.annotations.iter().flatten();
        let ours = annotations.filter_map(|(key, value)| Some((key.strip_prefix(PREFIX)?, value)));
        for (name, value) in ours {
            Arc::make_mut(&mut behaviour)
                .set(name, value)
                .map_err(|problem| Invalid {
                    name: name.to_owned(),
                    value: value.clone(),
                    problem,
                })?;
        }
        Ok(behaviour)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let delay = || Delay::parse(value).ok_or(Problem::NotADelay);
        let code = || {
            value
                .parse::<u8>()
                .map(i32::from)
                .map_err(|_| Problem::NotACode)
        };
        let amount = Quantity(value.to_owned());
        match name {
            "pull-delay" => self.pull = delay()?,
            "start-delay" => self.start = delay()?,
            "ready-delay" => self.ready = delay()?,
            "stop-delay" => self.stop = delay()?,
            "image-pull-error" => self.pull_error = Some(value.to_owned()),
            "crash-after" => {
                self.crash = Some(End {
                    after: delay()?,
                    ..self.crash_or_default()
                });
            }
            "crash-code" => {
                self.crash = Some(End {
                    code: code()?,
                    ..self.crash_or_default()
                });
            }
            "complete-after" => self.complete.after = delay()?,
            "exit-code" => self.complete.code = code()?,
            "never-ready" => {
                self.readiness = match value {
                    "true" => Readiness::Never,
                    "false" => Readiness::Reached,
                    _ => return Err(Problem::NotABoolean),
                }
            }
            // What it is said to use is read by whoever is asked for figures.
            "cpu-usage" => drop(quantity::millis(&amount).ok_or(Problem::NotAnAmount)?),
            "memory-usage" => drop(quantity::units(&amount).ok_or(Problem::NotAnAmount)?),
            _ => return Err(Problem::UnknownName),
        }
        Ok(())
    }

    fn crash_or_default(&self) -> End {
        self.crash.unwrap_or(End {
            after: Delay::default(),
            code: 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn pod(annotations: &[(&str, &str)]) -> Pod {
        let mut pod = Pod::default();
        let annotations = annotations
            .iter()
            .map(|(key, value)| (format!("{PREFIX}{key}"), (*value).into()));
        pod.metadata.annotations = Some(annotations.collect::<BTreeMap<_, _>>());
        pod
    }

    #[test]
    fn annotations_override_the_defaults() {
        let defaults = Behaviour {
            start: Delay::exactly(Duration::from_secs(1)),
            ..Behaviour::default()
        };
        let annotated = pod(&[
            ("crash-after", "1m30s"),
            ("never-ready", "true"),
            ("pull-delay", "1s-2500ms"),
        ]);
        let behaviour = Arc::new(defaults).of(&annotated).unwrap();
        assert_eq!(behaviour.start, Delay::exactly(Duration::from_secs(1)));
        assert_eq!(behaviour.readiness, Readiness::Never);
        let crash = behaviour.crash.unwrap();
        assert_eq!(
            (crash.after, crash.code),
            (Delay::exactly(Duration::from_secs(90)), 1)
        );
        assert_eq!(behaviour.pull.most, Duration::from_millis(2_500));
    }

    #[test]
    fn a_bad_annotation_is_named_with_what_would_be_right() {
        let problem = |name, value| {
            Arc::new(Behaviour::default())
                .of(&pod(&[(name, value)]))
                .unwrap_err()
                .to_string()
        };
        expect_test::expect![[r#"annotation simulated.seatrial.dev/start-delay: "soon" is no delay such as 500ms, 2s, 1m30s or the range 2s-5s"#]]
            .assert_eq(&problem("start-delay", "soon"));
        assert!(problem("start-dealy", "1s").contains("no such annotation is known"));
        assert!(problem("exit-code", "256").contains("0 to 255"));
        assert!(problem("pull-delay", "5s-2s").contains("is no delay"));
    }

    #[test]
    fn draws_stay_in_the_range() {
        let random = Random::seeded(3);
        let delay = Delay {
            least: Duration::from_secs(1),
            most: Duration::from_secs(2),
        };
        for _ in 0..100 {
            assert!((delay.least..=delay.most).contains(&delay.draw(&random)));
        }
    }
}
