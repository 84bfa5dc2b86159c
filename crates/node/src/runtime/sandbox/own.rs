//! Names that belong to one runtime of one process, so that a second one (a `doctor` beside a running
//! cluster) does not disturb it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const PREFIX: &str = "seatrial-";
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A name that nobody else uses.
pub(crate) fn name() -> String {
    format!(
        "{PREFIX}{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Whether a name belongs to a process that has ended.
pub(crate) fn is_abandoned(name: &str) -> bool {
    let pid = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once('-')?.0.parse::<i32>().ok());
    let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) else {
        return false;
    };
    rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH)
}

/// A directory for what is made anew in each run. It is deleted with this.
#[derive(Debug)]
pub(crate) struct OwnDirectory(PathBuf);

impl OwnDirectory {
    /// Makes it, and deletes those of earlier processes beside it.
    pub(crate) fn make(beside: &Path) -> io::Result<Self> {
        fs::create_dir_all(beside)?;
        let beside = beside.canonicalize()?;
        for entry in fs::read_dir(&beside)?.flatten() {
            if entry.file_name().to_str().is_some_and(is_abandoned) {
                // Another process may be doing the same.
                let _ = super::remove_tree(&entry.path());
            }
        }
        let directory = beside.join(name());
        super::remove_tree(&directory)?;
        fs::create_dir(&directory)?;
        Ok(Self(directory))
    }

    /// The directory in which it and those of other processes lie.
    pub(crate) fn beside(&self) -> PathBuf {
        self.0.parent().unwrap_or(&self.0).to_path_buf()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for OwnDirectory {
    fn drop(&mut self) {
        // The next run deletes what is left.
        let _ = super::remove_tree(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ended_processes_are_abandoned() {
        assert!(!is_abandoned(&name()));
        assert!(!is_abandoned("other"));
        assert!(!is_abandoned("seatrial-x-1"));
        assert!(is_abandoned("seatrial-4194304-1"));
    }
}
