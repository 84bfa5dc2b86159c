//! Reading a log, and going on as it grows.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::pin::Pin;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::watch;

use super::line::{Line, Tag};
use super::write::older;
use super::{Follow, Log, Options, Progress, Timestamps};

/// Bytes that are read from a file and handed on at once.
const CHUNK: usize = 64 << 10;

/// The lines of a log, ready to be sent. [`Lines::next`] and [`Lines::stream`] wait for more where they
/// are to follow, [`Lines::now`] does not.
pub struct Lines {
    path: PathBuf,
    options: Options,
    progress: watch::Receiver<Progress>,
    /// Older files that are still to be read, the oldest first; then the present one.
    files: VecDeque<PathBuf>,
    file: Option<File>,
    /// The rotations that had happened when the present file was opened.
    rotations: u64,
    /// The beginning of a line whose end has not been read.
    rest: Vec<u8>,
    left: Option<u64>,
    /// Whether the last piece went without a newline.
    open: bool,
    state: Reading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Unbegun,
    Begun,
}

impl Lines {
    pub(super) fn new(log: &Log, options: Options) -> Self {
        let progress = log.progress.subscribe();
        let rotations = progress.borrow().rotations;
        let files = (0..log.files).rev().map(|age| older(&log.path, age));
        Self {
            path: log.path.clone(),
            options,
            progress,
            files: files.filter(|path| path.exists()).collect(),
            file: None,
            rotations,
            rest: Vec::new(),
            left: options.limit,
            open: false,
            state: Reading::Unbegun,
        }
    }

    /// Everything that is there now.
    pub fn now(mut self) -> io::Result<Vec<u8>> {
        self.options.follow = Follow::No;
        let mut all = self.begin()?;
        while let Some(more) = self.more()? {
            all.extend_from_slice(&more);
        }
        Ok(all)
    }

    /// The lines, in chunks. Where the options ask to follow, ends when the container's run does.
    pub fn stream(self) -> Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> {
        Box::pin(futures::stream::unfold(Some(self), async |lines| {
            let mut lines = lines?;
            match lines.next().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(lines))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    /// With `tail`, reads all that is there and keeps the last lines.
    fn begin(&mut self) -> io::Result<Vec<u8>> {
        self.state = Reading::Begun;
        let Some(tail) = self.options.tail else {
            return Ok(Vec::new());
        };
        let mut kept: VecDeque<Vec<u8>> = VecDeque::new();
        let tail = usize::try_from(tail).unwrap_or(usize::MAX);
        while let Some(chunk) = self.read()? {
            for line in self.lines_of(&chunk) {
                let continues = self.open && kept.back().is_some();
                self.open = !line.ends_with(b"\n");
                match kept.back_mut() {
                    Some(last) if continues => last.extend_from_slice(&line),
                    _ => kept.push_back(line),
                }
                if kept.len() > tail {
                    kept.pop_front();
                }
            }
        }
        self.open = false;
        let kept: Vec<u8> = kept.into_iter().flatten().collect();
        Ok(self.limited(kept))
    }

    /// The next lines; none at the end. Where the options ask to follow, waits for more until the
    /// container's run ends.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.state == Reading::Unbegun {
            let first = self.begin()?;
            if !first.is_empty() {
                return Ok(Some(first.into()));
            }
        }
        loop {
            let seen = *self.progress.borrow_and_update();
            if let Some(chunk) = self.more()? {
                return Ok(Some(chunk));
            }
            if self.options.follow == Follow::No || self.left == Some(0) {
                return Ok(None);
            }
            if seen.rotations != self.rotations {
                self.rotations = seen.rotations;
                self.files.push_back(self.path.clone());
                self.file = None;
                continue;
            }
            if seen.ended {
                return Ok(None);
            }
            if self.progress.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// The next lines that are there already.
    fn more(&mut self) -> io::Result<Option<Bytes>> {
        while self.left != Some(0)
            && let Some(chunk) = self.read()?
        {
            let lines: Vec<u8> = self.lines_of(&chunk).into_iter().flatten().collect();
            if !lines.is_empty() {
                return Ok(Some(self.limited(lines).into()));
            }
        }
        Ok(None)
    }

    fn limited(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        if let Some(left) = &mut self.left {
            bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= bytes.len() as u64;
        }
        bytes
    }

    /// The next chunk of the files, none at the end of the present one.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(file) = &mut self.file {
                let mut chunk = vec![0; CHUNK];
                let length = file.read(&mut chunk)?;
                if length > 0 {
                    chunk.truncate(length);
                    return Ok(Some(chunk));
                }
            }
            let Some(path) = self.files.pop_front() else {
                return Ok(None);
            };
            match File::open(&path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The shown form of the whole lines in a chunk; keeps the beginning of the last.
    fn lines_of(&mut self, chunk: &[u8]) -> Vec<Vec<u8>> {
        self.rest.extend_from_slice(chunk);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let rest = self.rest.split_off(end + 1);
        let whole = std::mem::replace(&mut self.rest, rest);
        let lines = whole.split(|byte| *byte == b'\n').filter_map(Line::parse);
        lines.filter_map(|line| self.show(line)).collect()
    }

    fn show(&self, line: Line<'_>) -> Option<Vec<u8>> {
        if let Some(since) = self.options.since
            && line.timestamp().is_some_and(|time| time < since)
        {
            return None;
        }
        if self
            .options
            .stream
            .is_some_and(|wanted| wanted != line.stream)
        {
            return None;
        }
        let mut shown = Vec::with_capacity(line.text.len() + 36);
        if self.options.timestamps == Timestamps::Show {
            shown.extend_from_slice(line.time.as_bytes());
            shown.push(b' ');
        }
        shown.extend_from_slice(line.text);
        if line.tag == Tag::Full {
            shown.push(b'\n');
        }
        Some(shown)
    }
}
