//! The end of the story: what was seen, in numbers.

use std::time::Duration;

use anyhow::Result;
use seatrial_network::{RequestLog, StatusClass};
use serde_json::{Value, json};

use super::observe::Seen;
use crate::arguments::Output;
use crate::cluster::Cluster;

/// What is to become of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// It takes over, and no request fails.
    Promoted,
    /// It is found out and taken back.
    RolledBack,
}

struct Chapter {
    version: String,
    commit: String,
    expected: Release,
    seen: Seen,
    /// Requests that failed for users from its push to its verdict.
    failed: u64,
    /// Requests that its pods answered, good and bad.
    served: (u64, u64),
}

/// Everything that was seen.
pub(crate) struct Report {
    runtime: String,
    chapters: Vec<Chapter>,
    sent: u64,
    failed: u64,
    /// Requests that failed after the rollback.
    pub(crate) failed_after_rollback: u64,
}

impl Report {
    pub(crate) fn new(runtime: String) -> Self {
        Self {
            runtime,
            chapters: Vec::new(),
            sent: 0,
            failed: 0,
            failed_after_rollback: 0,
        }
    }

    pub(crate) fn add(
        &mut self,
        version: &str,
        commit: &str,
        expected: Release,
        seen: Seen,
        failed: u64,
    ) {
        self.chapters.push(Chapter {
            version: version.to_owned(),
            commit: commit.to_owned(),
            expected,
            seen,
            failed,
            served: (0, 0),
        });
    }

    /// Takes over the gateway's count per version and the users' own.
    pub(crate) fn count(&mut self, log: &RequestLog, sent: u64, failed: u64) {
        (self.sent, self.failed) = (sent, failed);
        for total in log.totals() {
            let chapter = self
                .chapters
                .iter_mut()
                .find(|chapter| *chapter.seen.hash == *total.version);
            if let (Some(chapter), "production") = (chapter, &*total.namespace) {
                match total.class {
                    StatusClass::ServerError => chapter.served.1 += total.count,
                    _ => chapter.served.0 += total.count,
                }
            }
        }
    }

    /// What did not come out as promised.
    fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for chapter in &self.chapters {
            let version = &chapter.version;
            match chapter.expected {
                Release::Promoted if !chapter.seen.promoted => {
                    broken.push(format!(
                        "{version} was not promoted: {}",
                        chapter.seen.reason
                    ));
                }
                Release::Promoted if chapter.failed > 0 => {
                    broken.push(format!(
                        "{} requests failed while {version} was released",
                        chapter.failed
                    ));
                }
                Release::RolledBack if chapter.seen.promoted => {
                    broken.push(format!("{version} is bad and was promoted"));
                }
                Release::RolledBack if chapter.served.1 == 0 => {
                    broken.push(format!(
                        "{version} was rolled back although no request failed"
                    ));
                }
                _ => {}
            }
        }
        let shares = self
            .chapters
            .get(1)
            .map(|chapter| chapter.seen.weights.clone());
        if shares.as_deref() != Some(&[10, 30, 50, 100]) {
            broken.push(format!(
                "v2 went by the shares {:?}, not 10, 30, 50, 100",
                shares.unwrap_or_default()
            ));
        }
        if self.failed_after_rollback > 0 {
            broken.push(format!(
                "{} requests failed after the rollback",
                self.failed_after_rollback
            ));
        }
        broken
    }

    /// Whether all of it was seen.
    pub(crate) fn is_as_promised(&self) -> bool {
        self.chapters.len() == 3 && self.broken().is_empty()
    }

    /// Prints it.
    pub(crate) fn print(&self, output: Output, cluster: &Cluster) -> Result<()> {
        if output == Output::Json {
            println!("{}", serde_json::to_string_pretty(&self.json())?);
            return Ok(());
        }
        println!("\nversion  outcome      requests  failed  pipeline start  verdict");
        for chapter in &self.chapters {
            let outcome = if chapter.seen.promoted {
                "promoted"
            } else {
                "rolled back"
            };
            println!(
                "{:<8} {outcome:<12} {:>8}  {:>6}  {:>14}  {:>7}",
                chapter.version,
                chapter.served.0 + chapter.served.1,
                chapter.served.1,
                millis(chapter.seen.to_pipeline),
                seconds(Some(chapter.seen.to_verdict)),
            );
        }
        let first = self
            .chapters
            .first()
            .and_then(|chapter| chapter.seen.to_first_request);
        println!(
            "\nfrom the first push to the first production request: {}",
            seconds(first)
        );
        println!(
            "users sent {} requests; {} failed{}",
            self.sent,
            self.failed,
            self.blame()
        );
        for problem in self.broken() {
            println!("NOT AS PROMISED: {problem}");
        }
        println!(
            "\nnext: seatrial demo --keep   and look around; the metrics are at {}",
            cluster.endpoints.metrics
        );
        println!("      seatrial up --detach   for a cluster of your own");
        Ok(())
    }

    /// Which version answered the requests that failed, where it was one.
    fn blame(&self) -> String {
        let guilty: Vec<&Chapter> = self
            .chapters
            .iter()
            .filter(|chapter| chapter.served.1 > 0)
            .collect();
        match guilty.as_slice() {
            [one] if one.served.1 == self.failed => {
                format!(", all of them answered by {}", one.version)
            }
            _ => String::new(),
        }
    }

    fn json(&self) -> Value {
        let chapter = |chapter: &Chapter| {
            json!({
                "version": chapter.version,
                "commit": chapter.commit,
                "promoted": chapter.seen.promoted,
                "weights": chapter.seen.weights,
                "application": chapter.seen.application,
                "reason": chapter.seen.reason,
                "requests": { "good": chapter.served.0, "failed": chapter.served.1 },
                "failedForUsers": chapter.failed,
                "secondsToPipelineStart": chapter.seen.to_pipeline.map(|time| time.as_secs_f64()),
                "secondsToFirstRequest": chapter.seen.to_first_request.map(|time| time.as_secs_f64()),
                "secondsToVerdict": chapter.seen.to_verdict.as_secs_f64(),
            })
        };
        json!({
            "asPromised": self.is_as_promised(),
            "problems": self.broken(),
            "runtime": self.runtime,
            "releases": self.chapters.iter().map(chapter).collect::<Vec<_>>(),
            "users": {
                "sent": self.sent,
                "failed": self.failed,
                "failedAfterRollback": self.failed_after_rollback,
            },
        })
    }
}

fn seconds(time: Option<Duration>) -> String {
    time.map_or_else(
        || "-".to_owned(),
        |time| format!("{:.1} s", time.as_secs_f64()),
    )
}

fn millis(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{} ms", time.as_millis()))
}
