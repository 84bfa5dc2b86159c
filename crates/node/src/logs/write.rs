//! From a process' chunks to lines in files.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use seatrial_clock::SharedClock;
use tokio::sync::watch;

use super::line::{Tag, put};
use super::{Progress, Rotation};
use crate::runtime::{Output, Stream};

/// A longer line is written in pieces (containerd's figure).
const LONGEST: usize = 16 << 10;

/// Writes what a process prints to its log.
pub(super) struct Writer {
    rotation: Rotation,
    clock: SharedClock,
    progress: Arc<watch::Sender<Progress>>,
    state: Mutex<State>,
}

struct State {
    path: PathBuf,
    file: File,
    size: u64,
    /// Text of lines that have not ended, by stream.
    begun: [Vec<u8>; 2],
    /// A disk that is full must not be reported for each line.
    failing: bool,
}

impl Writer {
    pub(super) fn new(
        path: PathBuf,
        rotation: Rotation,
        clock: SharedClock,
        progress: Arc<watch::Sender<Progress>>,
    ) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(&path)?;
        let size = file.metadata()?.len();
        let state = State {
            path,
            file,
            size,
            begun: Default::default(),
            failing: false,
        };
        Ok(Self {
            rotation,
            clock,
            progress,
            state: Mutex::new(state),
        })
    }
}

impl Output for Writer {
    fn write(&self, stream: Stream, chunk: &[u8]) {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = Vec::with_capacity(chunk.len() + 64);
        let lines = state.take_lines(stream, chunk, now, &mut buffer);
        if buffer.is_empty() {
            return;
        }
        let rotated = match state.store(&buffer, self.rotation) {
            Ok(rotated) => {
                state.failing = false;
                rotated
            }
            Err(error) => {
                if !state.failing {
                    tracing::warn!(log = %state.path.display(), "write the log: {error}");
                }
                state.failing = true;
                return;
            }
        };
        drop(state);
        self.progress.send_modify(|progress| {
            progress.lines += lines;
            progress.rotations += u64::from(rotated);
        });
    }
}

impl State {
    /// Turns a chunk, with what was begun before, into lines. Returns how many.
    fn take_lines(
        &mut self,
        stream: Stream,
        chunk: &[u8],
        now: Timestamp,
        buffer: &mut Vec<u8>,
    ) -> u64 {
        let begun = &mut self.begun[stream as usize];
        let mut lines = 0;
        let mut emit = |text: &[u8], tag| {
            put(buffer, now, stream, tag, text);
            lines += 1;
        };
        if chunk.is_empty() && !begun.is_empty() {
            emit(&std::mem::take(begun), Tag::Partial);
        }
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let (text, whole) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            begun.extend_from_slice(text);
            while begun.len() > LONGEST {
                let rest = begun.split_off(LONGEST);
                emit(begun, Tag::Partial);
                *begun = rest;
            }
            if whole {
                emit(begun, Tag::Full);
                begun.clear();
            }
        }
        lines
    }

    /// Appends to the file; says whether a new one was begun.
    fn store(&mut self, buffer: &[u8], rotation: Rotation) -> io::Result<bool> {
        let full = self.size > 0 && self.size + buffer.len() as u64 > rotation.size;
        if full {
            rotate(&self.path, rotation.files)?;
            self.file = File::options().create(true).append(true).open(&self.path)?;
            self.size = 0;
        }
        self.file.write_all(buffer)?;
        self.size += buffer.len() as u64;
        Ok(full)
    }
}

/// The name of an older file: `0.log.1` is the newest of them.
pub(super) fn older(path: &Path, age: u32) -> PathBuf {
    match age {
        0 => path.to_owned(),
        _ => path.with_added_extension(age.to_string()),
    }
}

fn rotate(path: &Path, files: u32) -> io::Result<()> {
    for age in (0..files.saturating_sub(1)).rev() {
        let (from, to) = (older(path, age), older(path, age + 1));
        match fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
    }
    if files <= 1 {
        fs::remove_file(path)?;
    }
    Ok(())
}
