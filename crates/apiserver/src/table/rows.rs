//! Rows of a table, written one by one from the text of each object.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Column, RowObject, cells};
use crate::skim::{self, Wanted};

/// What all rows of a table share.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: Arc<[Column]>,
    wanted: Wanted,
    with: RowObject,
    now: Timestamp,
}

impl Rows {
    pub(crate) fn new(columns: Arc<[Column]>, with: RowObject, now: Timestamp) -> Self {
        let mut wanted = Wanted::nothing();
        for column in &*columns {
            wanted.join(&column.wanted);
        }
        Self {
            columns,
            wanted,
            with,
            now,
        }
    }

    /// The table up to its first row, in a version of `meta.k8s.io`; `list` is the list's metadata.
    pub(crate) fn head(&self, version: &str, list: &Value) -> String {
        let definitions: Vec<Value> = self.columns.iter().map(Column::definition).collect();
        format!(
            r#"{{"apiVersion":{},"columnDefinitions":{},"kind":"Table","metadata":{list},"rows":["#,
            json!(format!("meta.k8s.io/{version}")),
            Value::Array(definitions),
        )
    }

    /// Writes the row of an object.
    ///
    /// # Errors
    /// Where the object cannot be read.
    pub(crate) fn write(&self, object: &Bytes, text: &mut Vec<u8>) -> Result<(), skim::Error> {
        let mut read = skim::skim(object, &self.wanted)?;
        text.extend_from_slice(b"{\"cells\":");
        let cells = cells(&self.columns, &mut read.object, self.now);
        serde_json::to_writer(&mut *text, &cells)?;
        match self.with {
            RowObject::Metadata => {
                text.extend_from_slice(b",\"object\":");
                write_partial(read.metadata, text);
            }
            RowObject::Whole => {
                text.extend_from_slice(b",\"object\":");
                text.extend_from_slice(object);
            }
            RowObject::Nothing => {}
        }
        text.push(b'}');
        Ok(())
    }
}

/// Writes a `PartialObjectMetadata` with metadata that is text.
pub(crate) fn write_partial(metadata: &[u8], text: &mut Vec<u8>) {
    text.extend_from_slice(
        br#"{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":"#,
    );
    text.extend_from_slice(metadata);
    text.push(b'}');
}
