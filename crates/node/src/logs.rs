//! Container logs: files in the lines of CRI, rotated by size, read back while they grow.
//!
//! ```text
//!   process ──Output──► Log (0.log, 0.log.1, …) ──read(options)──► lines ──► kubectl logs
//! ```
//!
//! A line of a file is `2026-11-21T10:31:26.123456789Z stdout F text`; `P` instead of `F` says that
//! the text goes on in the next line of the same stream.
//!
//! **Invariants:** each run of a container has a log of its own, named by its number, so that the
//! previous run can be read; a reader that follows sees every line of its run once, in order, unless
//! two rotations happen between two of its reads.

mod line;
mod read;
mod write;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use seatrial_clock::SharedClock;
use tokio::sync::watch;

use crate::runtime::{Output, Stream};

pub use read::Lines;

/// What to read of a log, as the query of `…/pods/x/log` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Which run of the container.
    pub run: Run,
    /// Whether to go on until the container ends.
    pub follow: Follow,
    /// Only so many last lines.
    pub tail: Option<u64>,
    /// Only lines from then on.
    pub since: Option<Timestamp>,
    /// Whether each line begins with its time.
    pub timestamps: Timestamps,
    /// At most so many bytes.
    pub limit: Option<u64>,
    /// Only this of the two outputs.
    pub stream: Option<Stream>,
}

/// Which run of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Run {
    /// The present one, or the last.
    #[default]
    Current,
    /// The one before (`--previous`).
    Previous,
}

/// Whether to go on reading as a log grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Follow {
    /// What is there now.
    #[default]
    No,
    /// Until the run ends.
    Yes,
}

/// Whether lines begin with their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timestamps {
    /// They do not.
    #[default]
    Omit,
    /// They do.
    Show,
}

/// When a log file is put aside, and how many of those are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes of one file.
    pub size: u64,
    /// Files in all, the present one included.
    pub files: u32,
}

impl Default for Rotation {
    /// The kubelet's figures: five files of 10 MiB.
    fn default() -> Self {
        Self {
            size: 10 << 20,
            files: 5,
        }
    }
}

/// How far a log has come; tells readers that follow.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    lines: u64,
    rotations: u64,
    ended: bool,
}

/// The log of one run of a container. Clones share it.
#[derive(Clone)]
pub struct Log {
    path: PathBuf,
    files: u32,
    progress: Arc<watch::Sender<Progress>>,
}

impl Log {
    /// Begins the log of run number `run` in a container's log directory, and deletes those of runs
    /// before the previous one.
    pub fn begin(
        directory: &Path,
        run: u32,
        rotation: Rotation,
        clock: SharedClock,
    ) -> io::Result<(Self, Arc<dyn Output>)> {
        fs::create_dir_all(directory)?;
        remove_before(directory, run.saturating_sub(1))?;
        let path = directory.join(format!("{run}.log"));
        let progress = Arc::new(watch::Sender::new(Progress::default()));
        let writer = write::Writer::new(path.clone(), rotation, clock, progress.clone())?;
        Ok((
            Self {
                path,
                files: rotation.files,
                progress,
            },
            Arc::new(writer),
        ))
    }

    /// The log of a run that is over, perhaps of an earlier process. Absent where there is none.
    pub fn finished(directory: &Path, run: u32) -> Option<Self> {
        let path = directory.join(format!("{run}.log"));
        let ended = Progress {
            ended: true,
            ..Progress::default()
        };
        path.exists().then(|| Self {
            path,
            files: Rotation::default().files,
            progress: Arc::new(watch::Sender::new(ended)),
        })
    }

    /// Says that the run is over, which ends the readers that follow.
    pub fn end(&self) {
        self.progress.send_modify(|progress| progress.ended = true);
    }

    /// Reads the log.
    pub fn read(&self, options: Options) -> Lines {
        Lines::new(self, options)
    }

    /// The last bytes of the log, for `terminationMessagePolicy: FallbackToLogsOnError`.
    pub fn last(&self, lines: u64, bytes: usize) -> String {
        let options = Options {
            tail: Some(lines),
            ..Options::default()
        };
        let text = self.read(options).now().unwrap_or_default();
        let start = text.len().saturating_sub(bytes);
        String::from_utf8_lossy(&text[start..]).into_owned()
    }
}

fn remove_before(directory: &Path, run: u32) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.split('.').next()?.parse::<u32>().ok());
        if number.is_some_and(|number| number < run) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
