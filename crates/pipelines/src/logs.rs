//! Logs as files: one per run, one JSON object on each line.
//!
//! ```text
//!   <root>/<run>.jsonl   {"at":…,"job":"test","step":2,"name":"Run tests","kind":"output","text":"…"}
//! ```
//!
//! A file can be read while it is written, by this process or by another.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use seatrial_clock::SharedClock;

use crate::port::{Entry, Kind, Logs};

/// How often a follower looks for more.
const INTERVAL: Duration = Duration::from_millis(50);

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The run has no log.
    #[error("there is no log of run `{run}` in {directory}: has it started?")]
    Missing {
        /// The run.
        run: String,
        /// Where logs are.
        directory: PathBuf,
    },
    /// The file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Writes logs below a directory.
pub struct FileLogs {
    root: PathBuf,
    clock: SharedClock,
    open: Mutex<BTreeMap<String, Option<File>>>,
}

impl FileLogs {
    /// Logs below `root`, which is made when first needed.
    pub fn new(root: impl Into<PathBuf>, clock: SharedClock) -> Self {
        Self {
            root: root.into(),
            clock,
            open: Mutex::new(BTreeMap::new()),
        }
    }

    fn open(&self, run: &str) -> Option<File> {
        let path = path(&self.root, run);
        let opened = std::fs::create_dir_all(&self.root)
            .and_then(|()| OpenOptions::new().create(true).append(true).open(&path));
        opened
            .map_err(|error| tracing::error!(path = %path.display(), %error, "cannot write a log"))
            .ok()
    }
}

fn path(root: &Path, run: &str) -> PathBuf {
    root.join(format!("{run}.jsonl"))
}

impl Logs for FileLogs {
    fn start(&self, run: &str) {
        self.forget(run);
    }

    fn forget(&self, run: &str) {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(run);
        // Removed, not emptied: who still reads the old log reads it to its end.
        let _ = std::fs::remove_file(path(&self.root, run));
    }

    fn append(&self, run: &str, entry: &Entry) {
        let mut files = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let file = files
            .entry(run.to_owned())
            .or_insert_with(|| self.open(run));
        let Some(open) = file else { return };
        let Ok(mut line) = serde_json::to_vec(entry) else {
            return;
        };
        line.push(b'\n');
        if let Err(error) = open.write_all(&line) {
            tracing::error!(run, %error, "cannot write a log; its further lines are lost");
            *file = None;
        }
    }

    fn finish(&self, run: &str) {
        let entry = Entry {
            at: self.clock.now(),
            job: String::new(),
            step: 0,
            name: String::new(),
            kind: Kind::End,
            text: String::new(),
        };
        self.append(run, &entry);
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(run);
    }
}

/// Reads a run's log as it grows.
#[derive(Debug)]
pub struct Follower {
    file: File,
    path: PathBuf,
    rest: Vec<u8>,
    ended: bool,
}

impl Follower {
    /// Opens a run's log below `root` at its beginning.
    pub fn open(root: &Path, run: &str) -> Result<Self, Error> {
        let path = path(root, run);
        match File::open(&path) {
            Ok(file) => Ok(Self {
                file,
                path,
                rest: Vec::new(),
                ended: false,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Missing {
                run: run.to_owned(),
                directory: root.to_owned(),
            }),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// What was written since the last call, without waiting. A line that is being written is left
    /// for the next call.
    pub fn read(&mut self) -> Result<Vec<Entry>, Error> {
        let failed = |source| Error::Read {
            path: self.path.clone(),
            source,
        };
        self.file.read_to_end(&mut self.rest).map_err(failed)?;
        let Some(last) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(Vec::new());
        };
        let complete: Vec<u8> = self.rest.drain(..=last).collect();
        let lines = complete
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        let mut entries = Vec::new();
        // A line cut short by a crash is no entry.
        for entry in lines.filter_map(|line| serde_json::from_slice::<Entry>(line).ok()) {
            if entry.kind == Kind::End {
                self.ended = true;
            } else {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// Waits for more lines; `None` once the log is complete and read.
    pub async fn next(&mut self) -> Option<Result<Vec<Entry>, Error>> {
        loop {
            match self.read() {
                Ok(entries) if entries.is_empty() && self.ended => return None,
                Ok(entries) if entries.is_empty() => tokio::time::sleep(INTERVAL).await,
                other => return Some(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn entry(text: &str) -> Entry {
        Entry {
            at: jiff::Timestamp::UNIX_EPOCH,
            job: "test".to_owned(),
            step: 1,
            name: "Run".to_owned(),
            kind: Kind::Output,
            text: text.to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_follower_sees_lines_as_they_come_and_the_end() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(
            Follower::open(directory.path(), "r"),
            Err(Error::Missing { .. })
        ));
        let logs = FileLogs::new(directory.path(), Arc::new(seatrial_clock::SystemClock));
        logs.append("r", &entry("one"));
        let mut follower = Follower::open(directory.path(), "r").unwrap();
        assert_eq!(follower.next().await.unwrap().unwrap(), [entry("one")]);
        logs.append("r", &entry("two"));
        logs.append("r", &entry("three"));
        assert_eq!(
            follower.next().await.unwrap().unwrap(),
            [entry("two"), entry("three")]
        );
        logs.finish("r");
        assert!(follower.next().await.is_none());
    }
}
