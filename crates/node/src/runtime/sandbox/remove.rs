//! Deleting what a container wrote, and ending what an earlier node left.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Pid;

const PATIENCE: Duration = Duration::from_secs(2);

/// Deletes a directory with all below it, even where a container (or overlayfs itself) has left
/// directories without any permission, which an ordinary user cannot enter otherwise.
///
/// A path that does not exist is no error.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open_up(path)?,
        Err(error) => return Err(error),
    }
    fs::remove_dir_all(path)
}

fn open_up(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

/// Notes in a sandbox's directory which process is its init.
///
/// An init ends by itself as soon as its node has gone, so this matters only for one that cannot.
pub(crate) struct InitFile {
    pid: i32,
    started: String,
}

const INIT_FILE: &str = "init";

impl InitFile {
    pub(crate) fn write(directory: &Path, pid: u32) -> io::Result<()> {
        let started = start_time(pid.cast_signed()).unwrap_or_default();
        fs::write(directory.join(INIT_FILE), format!("{pid} {started}\n"))
    }

    pub(crate) fn read(directory: &Path) -> Option<Self> {
        let text = fs::read_to_string(directory.join(INIT_FILE)).ok()?;
        let (pid, started) = text.trim_end().split_once(' ')?;
        Some(Self {
            pid: pid.parse().ok()?,
            started: started.to_owned(),
        })
    }

    /// Whether it is still that process, and not a later one with the same number.
    fn is_running(&self) -> bool {
        start_time(self.pid).is_some_and(|started| started == self.started)
    }

    /// Waits until the init has ended, and kills it if it takes too long: one that ends by itself
    /// ends what is below it first.
    async fn end(&self) -> io::Result<()> {
        if self.has_ended_within(PATIENCE).await {
            return Ok(());
        }
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Ok(());
        };
        match rustix::process::kill_process(pid, rustix::process::Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
        if self.has_ended_within(PATIENCE).await {
            return Ok(());
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    async fn has_ended_within(&self, time: Duration) -> bool {
        let ended = async {
            while self.is_running() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(time, ended).await.is_ok()
    }
}

/// Since boot, in the kernel's ticks: the 20th field after the name. Unknown outside Linux.
fn start_time(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(
        stat.rsplit_once(')')?
            .1
            .split_ascii_whitespace()
            .nth(19)?
            .to_owned(),
    )
}

/// Ends the inits of the sandboxes below `sandboxes` that are still there.
pub(crate) async fn end_leftovers(sandboxes: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(sandboxes) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        if let Some(init) = InitFile::read(&entry?.path()) {
            init.end().await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_without_permissions_go_too() {
        let root = tempfile::tempdir().unwrap();
        let tree = root.path().join("tree");
        fs::create_dir_all(tree.join("closed/inner")).unwrap();
        fs::set_permissions(tree.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
        remove_tree(&tree).unwrap();
    }
}
