//! Events into a file, a line each, written by a thread of its own.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use super::Sink;

/// How many events may wait for the disk. A request waits when there are more, so that none is lost.
const WAITING: usize = 4096;

/// Limits of the file: beyond its size it is renamed, and the oldest of its kind goes.
#[derive(Debug, Clone, Copy)]
struct Rotation {
    /// In bytes; 0 for no limit.
    size: u64,
    /// How many older files are kept.
    kept: usize,
}

/// A file of events. Dropping it writes what waits.
pub struct File {
    lines: Mutex<Option<SyncSender<String>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl File {
    /// Opens the file, readable by its owner only, and appends to it. It is renamed when it is larger
    /// than `size` bytes (0: never), and `kept` older ones stay.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn open(path: &Path, size: u64, kept: usize) -> io::Result<Self> {
        let mut writer = Writer::open(path, Rotation { size, kept })?;
        let (sender, inbox) = sync_channel(WAITING);
        let thread = std::thread::Builder::new()
            .name("audit-log".to_owned())
            .spawn(move || writer.run(&inbox))?;
        Ok(Self {
            lines: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        })
    }
}

impl Sink for File {
    fn take(&self, line: String) {
        let lines = self
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if lines.is_none_or(|lines| lines.send(line).is_err()) {
            tracing::error!("an audit event is lost: the log is closed");
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.lines
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic on that thread has been reported by its own hook.
            let _ = thread.join();
        }
    }
}

struct Writer {
    path: PathBuf,
    rotation: Rotation,
    file: BufWriter<std::fs::File>,
    written: u64,
}

impl Writer {
    fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(path)?;
        Ok(Self {
            path: path.to_owned(),
            rotation,
            written: file.metadata()?.len(),
            file: BufWriter::new(file),
        })
    }

    fn run(&mut self, inbox: &Receiver<String>) {
        while let Ok(first) = inbox.recv() {
            let mut outcome = self.write(&first);
            for line in inbox.try_iter() {
                outcome = outcome.and_then(|()| self.write(&line));
            }
            if let Err(error) = outcome.and_then(|()| self.file.flush()) {
                tracing::error!(%error, "cannot write the audit log {}", self.path.display());
            }
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let length = line.len() as u64 + 1;
        if self.rotation.size > 0 && self.written > 0 && self.written + length > self.rotation.size
        {
            self.rotate()?;
        }
        self.file.write_all(line.as_bytes())?;
        self.file.write_all(b"\n")?;
        self.written += length;
        Ok(())
    }

    /// `audit.log` becomes `audit.log.1`, which becomes `audit.log.2`, and so on.
    fn rotate(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let numbered = |number: usize| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..self.rotation.kept).rev() {
            match std::fs::rename(numbered(number), numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.rotation.kept == 0 {
            std::fs::remove_file(&self.path)?;
        } else {
            std::fs::rename(&self.path, numbered(1))?;
        }
        *self = Self::open(&self.path, self.rotation)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_makes_way_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let log = File::open(&path, 10, 2).unwrap();
        for number in 0..8 {
            log.take(format!("line {number}"));
        }
        drop(log);
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("audit.log"), "line 7\n");
        assert_eq!(read("audit.log.1"), "line 6\n");
        assert_eq!(read("audit.log.2"), "line 5\n");
        assert!(!folder.path().join("audit.log.3").exists());
    }
}
