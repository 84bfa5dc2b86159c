//! Counting answers until they mean something. Pure.

use super::{Answer, Kind, Settings};

/// The answers of one probe in one run of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    kind: Kind,
    success_threshold: u32,
    failure_threshold: u32,
    /// The last answer, and how often it came in a row.
    last: Option<bool>,
    row: u32,
}

/// What the answers amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Too few answers to say anything new.
    Unchanged,
    /// The probe succeeds.
    Succeeded,
    /// The probe fails.
    Failed,
}

impl Tally {
    /// No answers yet.
    pub fn new(kind: Kind, settings: &Settings) -> Self {
        Self {
            kind,
            success_threshold: settings.success_threshold,
            failure_threshold: settings.failure_threshold,
            last: None,
            row: 0,
        }
    }

    /// What the probe is for.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Counts an answer.
    pub fn count(&mut self, answer: &Answer) -> Verdict {
        let good = matches!(answer, Answer::Good);
        self.row = if self.last == Some(good) {
            self.row + 1
        } else {
            1
        };
        self.last = Some(good);
        match good {
            true if self.row >= self.success_threshold => Verdict::Succeeded,
            false if self.row >= self.failure_threshold => Verdict::Failed,
            _ => Verdict::Unchanged,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::probe::Action;

    #[test]
    fn thresholds_count_answers_in_a_row() {
        let settings = Settings {
            action: Action::Tcp { port: 1 },
            initial_delay: Duration::ZERO,
            period: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            success_threshold: 2,
            failure_threshold: 3,
            grace: None,
        };
        let mut tally = Tally::new(Kind::Readiness, &settings);
        let verdicts = "+++--+----".chars().map(|sign| {
            let answer = if sign == '+' {
                Answer::Good
            } else {
                Answer::Bad(String::new())
            };
            match tally.count(&answer) {
                Verdict::Unchanged => '.',
                Verdict::Succeeded => 'S',
                Verdict::Failed => 'F',
            }
        });
        assert_eq!(verdicts.collect::<String>(), ".SS.....FF");
    }
}
