//! Where log lines go.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Takes log lines. They come already masked, in order within a job.
pub trait Logs: Send + Sync {
    /// A run begins: what an earlier run of the same name left is dropped.
    fn start(&self, run: &str);

    /// Appends a line to a run's log. A log that cannot be written must not fail the run: the
    /// implementation reports it once, to its own log.
    fn append(&self, run: &str, entry: &Entry);

    /// Says that no more lines will come.
    fn finish(&self, run: &str);

    /// The run was deleted: so is its log.
    fn forget(&self, run: &str);
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was printed.
    pub at: Timestamp,
    /// The job, with its matrix values; empty for lines of the run itself.
    pub job: String,
    /// The step's number in its job from 1; 0 for lines of the job itself.
    pub step: usize,
    /// The step's name.
    pub name: String,
    /// What kind of line it is.
    pub kind: Kind,
    /// The text, masked, without line break.
    pub text: String,
}

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Printed by a command or an action.
    Output,
    /// What is about to run.
    Command,
    /// `::group::`: a section begins.
    Group,
    /// `::endgroup::`: it ends.
    EndGroup,
    /// `::debug::`.
    Debug,
    /// `::notice::`.
    Notice,
    /// `::warning::`, or a warning of the engine.
    Warning,
    /// `::error::`, or an error of the engine.
    Error,
    /// The log is complete.
    End,
}

impl Entry {
    /// The line as a terminal shows it: job, step, and what the line is where that matters.
    pub fn line(&self) -> String {
        let mark = match self.kind {
            Kind::Output | Kind::End => "",
            Kind::Command => "$ ",
            Kind::Group => "▸ ",
            Kind::EndGroup => "◂ ",
            Kind::Debug => "debug: ",
            Kind::Notice => "notice: ",
            Kind::Warning => "warning: ",
            Kind::Error => "error: ",
        };
        let place = match (self.job.as_str(), self.step) {
            ("", _) => String::new(),
            (job, 0) => format!("{job} │ "),
            (job, _) => format!("{job} │ {} │ ", self.name),
        };
        format!("{place}{mark}{}", self.text)
    }
}
