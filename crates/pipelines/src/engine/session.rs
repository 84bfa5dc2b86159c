//! One step's conversation with the engine: its lines, and what it sets.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use seatrial_clock::SharedClock;

use super::command::Command;
use super::masks::Masks;
use crate::port::{Entry, Kind, Logs};

/// How many of its last lines a failed step quotes.
const TAIL: usize = 10;

/// How many characters of a line it quotes: messages end up in the run's status.
const WIDTH: usize = 400;

fn shorten(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Where the lines of a job go.
#[derive(Clone)]
pub(crate) struct Sink {
    pub(crate) logs: Arc<dyn Logs>,
    pub(crate) clock: SharedClock,
    pub(crate) masks: Masks,
    /// The run's name.
    pub(crate) run: String,
    /// The job's id with its matrix values.
    pub(crate) job: String,
}

/// One step's state while it runs.
pub(crate) struct Session {
    sink: Sink,
    step: usize,
    name: String,
    /// Outputs set so far.
    pub(crate) outputs: BTreeMap<String, String>,
    /// Variables for the steps after this one, in order.
    pub(crate) exports: Vec<(String, String)>,
    /// Directories to put before `PATH`, in order.
    pub(crate) paths: Vec<String>,
    /// `::error::` lines.
    errors: Vec<String>,
    tail: VecDeque<String>,
    /// The token that ends `::stop-commands::`.
    stopped: Option<String>,
}

impl Session {
    /// A step's session; `step` counts from 1, 0 is the job itself.
    pub(crate) fn new(sink: Sink, step: usize, name: &str) -> Self {
        Self {
            sink,
            step,
            name: name.to_owned(),
            outputs: BTreeMap::new(),
            exports: Vec::new(),
            paths: Vec::new(),
            errors: Vec::new(),
            tail: VecDeque::new(),
            stopped: None,
        }
    }

    /// The session of a step within this step.
    pub(crate) fn nested(&self, name: &str) -> Self {
        Self::new(
            self.sink.clone(),
            self.step,
            &format!("{} / {name}", self.name),
        )
    }

    /// Takes over what a step within this one set for the steps after, and its last words.
    pub(crate) fn absorb(&mut self, inner: Self) {
        self.exports.extend(inner.exports);
        self.paths.extend(inner.paths);
        self.errors.extend(inner.errors);
        self.tail = inner.tail;
    }

    /// Where this session's lines go.
    pub(crate) fn sink(&self) -> &Sink {
        &self.sink
    }

    /// Sets an output.
    pub(crate) fn output(&mut self, name: &str, value: impl Into<String>) {
        self.outputs.insert(name.to_owned(), value.into());
    }

    /// Hides a value from here on.
    pub(crate) fn mask(&self, value: &str) {
        self.sink.masks.add(value);
    }

    /// Writes text to the log, line by line, masked.
    pub(crate) fn write(&self, kind: Kind, text: &str) {
        // Masked as a whole first: a secret of many lines must not slip through line by line.
        for line in self.sink.masks.apply(text).split('\n') {
            let entry = Entry {
                at: self.sink.clock.now(),
                job: self.sink.job.clone(),
                step: self.step,
                name: self.name.clone(),
                kind,
                text: line.trim_end_matches('\r').to_owned(),
            };
            self.sink.logs.append(&self.sink.run, &entry);
        }
    }

    /// Writes a line of ordinary output.
    pub(crate) fn say(&mut self, text: &str) {
        self.remember(text);
        self.write(Kind::Output, text);
    }

    /// Writes a warning.
    pub(crate) fn warn(&self, text: &str) {
        self.write(Kind::Warning, text);
    }

    /// Writes an error, which is quoted if the step fails.
    pub(crate) fn error(&mut self, text: &str) {
        if self.errors.len() < TAIL {
            self.errors.push(shorten(&self.sink.masks.apply(text)));
        }
        self.write(Kind::Error, text);
    }

    /// Takes a line that a command printed: a command to the engine, or output.
    pub(crate) fn line(&mut self, text: &str) {
        if let Some(token) = &self.stopped {
            if text.trim() == format!("::{token}::") {
                self.stopped = None;
            } else {
                self.say(text);
            }
            return;
        }
        match Command::parse(text) {
            Some(command) => self.obey(&command, text),
            None => self.say(text),
        }
    }

    fn obey(&mut self, command: &Command, line: &str) {
        match command.name.as_str() {
            "set-output" => self.output(command.property("name"), command.text.as_str()),
            "add-mask" => self.mask(&command.text),
            "add-path" => self.paths.push(command.text.clone()),
            "set-env" => {
                self.error("::set-env:: was withdrawn by GitHub: write NAME=value to $GITHUB_ENV");
            }
            "stop-commands" => self.stopped = Some(command.text.clone()),
            "group" => self.write(Kind::Group, &command.text),
            "endgroup" => self.write(Kind::EndGroup, ""),
            "debug" => self.write(Kind::Debug, &command.text),
            "notice" => self.write(Kind::Notice, &command.annotation()),
            "warning" => self.write(Kind::Warning, &command.annotation()),
            "error" => self.error(&command.annotation()),
            // Known to GitHub, without effect here.
            "save-state" | "echo" | "add-matcher" | "remove-matcher" => {}
            _ => self.say(line),
        }
    }

    fn remember(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(shorten(&self.sink.masks.apply(text)));
    }

    /// What a message about the step's failure quotes: its `::error::` lines, else its last lines.
    pub(crate) fn last_words(&self) -> String {
        if self.errors.is_empty() {
            self.tail
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join("\n")
        } else {
            self.errors.join("\n")
        }
    }
}
