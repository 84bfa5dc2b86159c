//! Conflicts between managers, in upstream's words.

use std::fmt;

use super::entry::Entry;
use super::{FieldSet, Operation};

/// A field that another manager owns and that would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The other manager.
    pub manager: String,
    /// How it wrote.
    pub operation: Operation,
    /// Its version.
    pub api_version: String,
    /// Its subresource; empty for the object itself.
    pub subresource: String,
    /// The path of the field, such as `.spec.replicas`.
    pub field: String,
}

impl Conflict {
    /// The words of a cause with the reason `FieldManagerConflict`.
    pub fn message(&self) -> String {
        format!("conflict with {}", self.with())
    }

    fn with(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text.extend([" with subresource \"", &self.subresource, "\""]);
        }
        if self.operation == Operation::Update {
            text.extend([" using ", &self.api_version]);
        }
        text
    }
}

/// The fields of `entries` that are among those written, by manager.
pub(super) fn between(entries: &[Entry], written: &FieldSet) -> Vec<Conflict> {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by_key(|entry| (&entry.manager, entry.operation, &entry.subresource));
    let disputed = |entry: &&Entry| {
        let fields = entry.fields.set().intersection(written).paths();
        let conflicts = fields.into_iter().map(|field| entry.conflict(field));
        conflicts.collect::<Vec<_>>()
    };
    entries.iter().flat_map(disputed).collect()
}

/// Shows all conflicts in one message.
pub(super) struct Conflicts<'a>(pub(super) &'a [Conflict]);

impl fmt::Display for Conflicts<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = self.0 {
            let (message, field) = (one.message(), &one.field);
            return write!(
                formatter,
                "Apply failed with 1 conflict: {message}: {field}"
            );
        }
        write!(formatter, "Apply failed with {} conflicts:", self.0.len())?;
        let mut gap = " ";
        let mut last = String::new();
        for conflict in self.0 {
            let with = conflict.with();
            if with != last {
                write!(formatter, "{gap}conflicts with {with}:")?;
                last = with;
            }
            gap = "\n";
            write!(formatter, "\n- {}", conflict.field)?;
        }
        Ok(())
    }
}
