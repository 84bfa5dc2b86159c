//! Lists in another shape than the stored one: tables, and lists of bare metadata. Each entry is written from
//! the text of its object alone; of a long list, pieces are made on all processors while earlier ones leave.

use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::StatusCode;
use seatrial_store::Record;

use super::{json, served};
use crate::compress::Long;
use crate::failure::Failure;
use crate::registry::{Kind, Version};
use crate::skim;
use crate::table::rows::{Rows, write_partial};

/// How many objects make one piece: some hundred kilobytes, and less than a millisecond of work.
const PIECE: usize = 128;

/// What each object becomes.
#[derive(Debug)]
pub(super) enum Shaper {
    /// A row.
    Row(Rows),
    /// Its metadata alone.
    Metadata,
}

impl Shaper {
    /// Writes what an object of the served form becomes.
    ///
    /// # Errors
    /// Internal, where the object cannot be read.
    pub(super) fn write(&self, object: &Bytes, text: &mut Vec<u8>) -> Result<(), Failure> {
        let written = match self {
            Self::Row(rows) => rows.write(object, text),
            Self::Metadata => skim::metadata(object).map(|metadata| write_partial(metadata, text)),
        };
        written.map_err(Failure::internal)
    }
}

/// A list to be written.
#[derive(Debug)]
pub(super) struct Shaped {
    pub kind: Arc<Kind>,
    /// Which of the kind's versions.
    pub version: usize,
    pub shaper: Shaper,
    pub records: Vec<Arc<Record>>,
    /// What comes before the first entry.
    pub head: String,
    /// What comes after the last.
    pub tail: String,
}

impl Shaped {
    /// The whole list.
    ///
    /// # Errors
    /// Internal, where an object cannot be read.
    pub(super) fn whole(&self) -> Result<Bytes, Failure> {
        self.piece(0..self.records.len())
    }

    /// The list as a response, whose first piece is there already.
    ///
    /// # Errors
    /// Internal, where one of the first objects cannot be read; a later one breaks the reply off.
    pub(super) async fn reply(self) -> Result<Response, Failure> {
        if self.records.len() <= PIECE {
            return Ok(json(StatusCode::OK, self.whole()?));
        }
        let shaped = Arc::new(self);
        let count = shaped.records.len();
        let made = (0..count).step_by(PIECE).map(move |first| {
            let shaped = Arc::clone(&shaped);
            let range = first..count.min(first + PIECE);
            async move {
                let piece = tokio::task::spawn_blocking(move || shaped.piece(range)).await;
                piece.map_err(Failure::internal)?
            }
        });
        let mut made = stream::iter(made).buffered(at_a_time());
        let first = made.next().await.unwrap_or_else(|| Ok(Bytes::new()))?;
        let pieces = stream::iter([Ok(first)]).chain(made).map(|piece| {
            piece.map_err(|failure| {
                tracing::error!(failure = failure.message, "a list broke off");
                failure.message
            })
        });
        let mut response = json(StatusCode::OK, Body::from_stream(pieces));
        response.extensions_mut().insert(Long);
        Ok(response)
    }

    /// The entries of a range, with what belongs around them.
    fn piece(&self, range: Range<usize>) -> Result<Bytes, Failure> {
        let version: &Version = &self.kind.versions[self.version];
        let records = &self.records[range.clone()];
        let expected: usize = records.iter().map(|record| record.bytes.len()).sum();
        let mut text = Vec::with_capacity(self.head.len() + expected + self.tail.len());
        if range.start == 0 {
            text.extend_from_slice(self.head.as_bytes());
        }
        for (index, record) in range.clone().zip(records) {
            if index > 0 {
                text.push(b',');
            }
            let object = served(&self.kind, version, &record.bytes)?;
            self.shaper.write(&object, &mut text)?;
        }
        if range.end == self.records.len() {
            text.extend_from_slice(self.tail.as_bytes());
        }
        Ok(text.into())
    }
}

/// How many pieces are made at a time: enough that no processor waits for the one that sends.
fn at_a_time() -> usize {
    2 * std::thread::available_parallelism().map_or(1, NonZero::get)
}
