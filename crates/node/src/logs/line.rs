//! One line of a log file.

use std::str;

use jiff::Timestamp;

use crate::runtime::Stream;

/// Whether a piece of text ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// It does.
    Full,
    /// The line goes on.
    Partial,
}

/// Appends a line to a file's buffer.
pub(super) fn put(buffer: &mut Vec<u8>, time: Timestamp, stream: Stream, tag: Tag, text: &[u8]) {
    let stream = match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    };
    let tag = match tag {
        Tag::Full => "F",
        Tag::Partial => "P",
    };
    buffer.extend_from_slice(format!("{time:.9} {stream} {tag} ").as_bytes());
    buffer.extend_from_slice(text);
    buffer.push(b'\n');
}

/// A line as it was read, without its newline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) time: &'a str,
    pub(super) stream: Stream,
    pub(super) tag: Tag,
    pub(super) text: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes a line apart. Absent where it is no line of ours.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let mut parts = line.splitn(4, |byte| *byte == b' ');
        let time = str::from_utf8(parts.next()?).ok()?;
        let stream = match parts.next()? {
            b"stderr" => Stream::Stderr,
            _ => Stream::Stdout,
        };
        let tag = match parts.next()? {
            b"F" => Tag::Full,
            b"P" => Tag::Partial,
            _ => return None,
        };
        Some(Self {
            time,
            stream,
            tag,
            text: parts.next()?,
        })
    }

    /// When it was written.
    pub(super) fn timestamp(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }
}
