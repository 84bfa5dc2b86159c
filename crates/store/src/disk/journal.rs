//! The journal: what was committed and is not in the tables yet, one frame for each batch.
//!
//! ```text
//! | mark 8 | before 8 | last 8 | length 8 | checksum 4 | zero 4 | entries … | zeros to a multiple of 8 |
//! entry: | length of the key 4 | length of the value 4, all ones where there is none | key | value |
//! ```
//!
//! `before` is the revision that the batch follows, `last` the one it leads to. Frames are written from the
//! beginning of the file, each behind the last, over what was there before: zeros, or frames whose changes are in the
//! tables. Since revisions only grow, a frame that follows the one before it can only be its successor. An
//! overwritten page costs the disk one write, and a longer file several: so the file grows by large steps.
//!
//! The mark and the small numbers after it hold bytes that no text has, and values are text or sealed; so
//! nothing that a client stores can pass for a frame.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::Revision;

/// Begins every frame.
const MARK: [u8; 8] = [0xff, b'f', b'r', b'a', b'm', b'e', 0, 1];

/// How long the head of a frame is.
const HEAD: usize = 40;

/// Frames begin at multiples of this.
const STEP: usize = 8;

/// Stands for the length of a value where the object is removed.
const REMOVED: u32 = u32::MAX;

/// How much the file grows at a time.
const GROWTH: u64 = 1 << 20;

/// A frame as it is made.
pub(super) struct Draft {
    text: Vec<u8>,
    before: Revision,
}

impl Draft {
    /// A frame that follows a revision.
    pub(super) fn after(before: Revision) -> Self {
        let mut text = Vec::with_capacity(4096);
        text.resize(HEAD, 0);
        Self { text, before }
    }

    /// Adds a change: the new value, or none where the object is removed.
    pub(super) fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        let length = value.map_or(REMOVED, |value| value.len() as u32);
        self.text
            .extend_from_slice(&(key.len() as u32).to_le_bytes());
        self.text.extend_from_slice(&length.to_le_bytes());
        self.text.extend_from_slice(key);
        self.text.extend_from_slice(value.unwrap_or_default());
    }

    /// The frame, which leads to a revision.
    pub(super) fn finish(mut self, last: Revision) -> Vec<u8> {
        let length = (self.text.len() - HEAD) as u64;
        self.text[..8].copy_from_slice(&MARK);
        self.text[8..16].copy_from_slice(&self.before.to_le_bytes());
        self.text[16..24].copy_from_slice(&last.to_le_bytes());
        self.text[24..32].copy_from_slice(&length.to_le_bytes());
        let checksum = checksum(&self.text[8..32], &self.text[HEAD..]);
        self.text[32..36].copy_from_slice(&checksum.to_le_bytes());
        let padded = self.text.len().next_multiple_of(STEP);
        self.text.resize(padded, 0);
        self.text
    }
}

fn checksum(numbers: &[u8], entries: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(numbers);
    hasher.update(entries);
    hasher.finalize()
}

/// A key, and its new value; none where the object is removed.
pub(super) type Entry<'a> = (&'a [u8], Option<&'a [u8]>);

/// A frame as it is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// The revision that it follows.
    pub(super) before: Revision,
    /// The revision to which it leads.
    pub(super) last: Revision,
    /// What it changes.
    pub(super) entries: Vec<Entry<'a>>,
    /// Where the next one begins.
    end: usize,
}

impl<'a> Frame<'a> {
    /// The frame that begins at a place; `None` where there is no whole one.
    fn at(text: &'a [u8], at: usize) -> Option<Self> {
        let (head, rest) = text.get(at..)?.split_at_checked(HEAD)?;
        if head[..8] != MARK {
            return None;
        }
        let number = |from: usize| Some(u64::from_le_bytes(*head[from..].first_chunk()?));
        let length = usize::try_from(number(24)?).ok()?;
        let entries = rest.get(..length)?;
        let expected = u32::from_le_bytes(*head[32..].first_chunk()?);
        if checksum(&head[8..32], entries) != expected {
            return None;
        }
        Some(Self {
            before: number(8)?,
            last: number(16)?,
            entries: split(entries)?,
            end: at + (HEAD + length).next_multiple_of(STEP),
        })
    }
}

fn split(mut text: &[u8]) -> Option<Vec<Entry<'_>>> {
    let mut entries = Vec::new();
    while !text.is_empty() {
        let (lengths, rest) = text.split_first_chunk::<8>()?;
        let number = |from: usize| Some(u32::from_le_bytes(*lengths[from..].first_chunk()?));
        let (key, rest) = rest.split_at_checked(number(0)? as usize)?;
        let (value, rest) = match number(4)? {
            REMOVED => (None, rest),
            length => {
                let (value, rest) = rest.split_at_checked(length as usize)?;
                (Some(value), rest)
            }
        };
        entries.push((key, value));
        text = rest;
    }
    Some(entries)
}

/// The frames from the beginning of a file on, each of which follows the one before it.
pub(super) fn frames(text: &[u8]) -> Vec<Frame<'_>> {
    let mut frames: Vec<Frame<'_>> = Vec::new();
    while let Some(frame) = Frame::at(text, frames.last().map_or(0, |frame| frame.end)) {
        if frames.last().is_some_and(|last| last.last != frame.before) {
            break;
        }
        frames.push(frame);
    }
    frames
}

/// Where a whole frame is that leads beyond a revision.
pub(super) fn beyond(text: &[u8], revision: Revision) -> Option<usize> {
    let places = (0..text.len()).step_by(STEP);
    let mut marked = places.filter(|&at| text[at..].starts_with(&MARK));
    marked.find(|&at| Frame::at(text, at).is_some_and(|frame| frame.last > revision))
}

/// The file of a journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Where the next frame goes.
    end: u64,
    /// How long the file is.
    length: u64,
}

impl Journal {
    /// Opens or makes the file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            end: 0,
            length,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How much was written since it was begun.
    pub(super) fn written(&self) -> u64 {
        self.end
    }

    /// All that is in the file.
    pub(super) fn text(&self) -> io::Result<Vec<u8>> {
        std::fs::read(&self.path)
    }

    /// Writes from the beginning on again: what is in the file is in the tables.
    pub(super) fn begin(&mut self) {
        self.end = 0;
    }

    /// Writes a frame and returns once it is on the disk. After a failure it may be there or not, until it
    /// is taken back.
    pub(super) fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        let end = self.end + frame.len() as u64;
        if end > self.length {
            self.grow(end);
        }
        self.file.write_all_at(frame, self.end)?;
        self.file.sync_data()?;
        self.end = end;
        self.length = self.length.max(end);
        Ok(())
    }

    /// Makes room for the frame and for those after it. Where there is no room for them, there may still be for the frame.
    fn grow(&mut self, end: u64) {
        let zeros = vec![0; (end + GROWTH - self.length) as usize];
        if self.file.write_all_at(&zeros, self.length).is_ok() {
            self.length = end + GROWTH;
        }
    }

    /// Undoes what a failed append may have written.
    pub(super) fn take_back(&mut self) -> io::Result<()> {
        // A file that could not be written to may not be told from one that was; a new handle sees what is there.
        self.file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        self.length = self.file.metadata()?.len();
        let there = self.length.saturating_sub(self.end).min(HEAD as u64);
        let zeros = [0; HEAD];
        self.file.write_all_at(&zeros[..there as usize], self.end)?;
        self.file.sync_data()
    }

    /// Empties the file.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.end = 0;
        self.file.set_len(0)?;
        self.length = 0;
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests;
