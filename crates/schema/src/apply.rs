//! Server-side apply: who owns which field, and the merge of what a manager applies.
//!
//! ```text
//!  live ──┐                       ┌─ fields of others that change ──> conflicts, or taken by force
//!         ├─ merge by list keys ──┤
//!  config ┘                       └─ fields the manager applied before and no more ──> removed,
//!                                    unless another manager owns them
//! ```
//!
//! Semantics: <https://kubernetes.io/docs/reference/using-api/server-side-apply/>.
//!
//! # Caveats
//! Field sets of other versions of a kind are compared by the names of their fields.

mod collect;
mod entry;
mod merge;
mod remove;
mod set;

use std::fmt;

use serde_json::Value;

use crate::structure::Structure;
pub use collect::fields_of;
pub use entry::Entry;
pub use set::FieldSet;

/// How a manager writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Operation {
    Apply,
    Update,
}

impl Operation {
    /// The name in `managedFields`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// Who writes, and as what.
#[derive(Debug, Clone, Copy)]
pub struct Manager<'a> {
    /// The name of the field manager.
    pub name: &'a str,
    /// How it writes.
    pub operation: Operation,
    /// The version in which it writes.
    pub api_version: &'a str,
    /// The subresource it writes to; empty for the object itself.
    pub subresource: &'a str,
    /// Now, as RFC 3339 in whole seconds.
    pub time: &'a str,
}

/// Whether fields of others are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Force {
    Yes,
    No,
}

/// A field that another manager owns and that would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The other manager.
    pub manager: String,
    /// Its version.
    pub api_version: String,
    /// Its subresource; empty for the object itself.
    pub subresource: String,
    /// When it last wrote, if it wrote by updates.
    pub time: String,
    /// The path of the field, such as `.spec.replicas`.
    pub field: String,
}

impl Conflict {
    /// The words of a cause with the reason `FieldManagerConflict`.
    pub fn message(&self) -> String {
        let mut text = format!("conflict with {:?}", self.manager);
        if !self.subresource.is_empty() {
            text.extend([" with subresource \"", &self.subresource, "\""]);
        }
        text.extend([" using ", &self.api_version]);
        if !self.time.is_empty() {
            text.extend([" at ", &self.time]);
        }
        text
    }
}

/// Why something cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Others own fields that would change.
    #[error("{}", Conflicts(.0))]
    Conflicts(Vec<Conflict>),
    /// The configuration carries `managedFields`.
    #[error("metadata.managedFields must be nil")]
    ManagedFields,
    /// An item of a list lacks the fields that tell it from the others.
    #[error("{field}: the item has none of the keys of the list: {keys}")]
    Key {
        /// The path of the item.
        field: String,
        /// The names of the keys.
        keys: String,
    },
    /// Two items of a list are the same one.
    #[error("{field}: duplicate entries for key {key}")]
    Duplicate {
        /// The path of the list.
        field: String,
        /// What the items share.
        key: String,
    },
}

struct Conflicts<'a>(&'a [Conflict]);

impl fmt::Display for Conflicts<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(formatter, "Apply failed with {count} conflict{plural}:")?;
        for (index, conflict) in self.0.iter().enumerate() {
            let first = index == 0 || self.0[index - 1].message() != conflict.message();
            if first {
                let gap = if index == 0 { "" } else { ";" };
                write!(formatter, "{gap} {}:", conflict.message())?;
            }
            let gap = if first { "" } else { "," };
            write!(formatter, "{gap} {}", conflict.field)?;
        }
        Ok(())
    }
}

/// Applies a configuration: merges it into `live` (nothing, to create), removes what the same manager
/// applied before and no more, and records the ownership in `metadata.managedFields`.
///
/// # Guarantees
/// Applying the same configuration twice changes nothing, not even the recorded time.
///
/// # Errors
/// [`Error::Conflicts`] unless `force`; configurations whose lists cannot be merged.
pub fn apply(
    live: Option<&Value>,
    config: &Value,
    manager: &Manager<'_>,
    force: Force,
    structure: Structure<'_>,
) -> Result<Value, Error> {
    if config
        .pointer("/metadata/managedFields")
        .is_some_and(|fields| !fields.is_null())
    {
        return Err(Error::ManagedFields);
    }
    let empty = Value::Object(serde_json::Map::new());
    let live = live.unwrap_or(&empty);
    let mut entries = entry::read(live);
    let own = entries.iter().position(|entry| entry.is_of(manager));
    let before = own
        .map(|index| entries[index].fields.clone())
        .unwrap_or_default();
    let fields = entry::without_server_fields(fields_of(config, structure)?);
    let mut merged = merge::merge(live, config, structure)?;
    let others = entries
        .iter()
        .enumerate()
        .filter(|(index, _)| Some(*index) != own);
    let others = others.fold(FieldSet::default(), |all, (_, entry)| {
        all.union(&entry.fields)
    });
    remove::remove(
        &mut merged,
        &before.difference(&fields),
        &fields.union(&others),
        structure,
    );
    let changed = fields.intersection(&collect::changes(live, &merged, structure).written);
    let mut conflicts = Vec::new();
    for (index, entry) in entries.iter_mut().enumerate() {
        if Some(index) == own {
            continue;
        }
        let disputed = entry.fields.intersection(&changed);
        conflicts.extend(
            disputed
                .paths()
                .into_iter()
                .map(|field| entry.conflict(field)),
        );
        if force == Force::Yes {
            entry.fields = entry.fields.difference(&disputed);
        }
    }
    if force == Force::No && !conflicts.is_empty() {
        return Err(Error::Conflicts(conflicts));
    }
    entry::record(&mut entries, manager, fields);
    entry::write(&mut merged, entries);
    Ok(merged)
}

/// Records in `new` who owns what after it was written by a create, an update or a patch that is not an
/// apply: the manager owns what it has changed, and others own that no longer.
pub fn updated(
    live: Option<&Value>,
    new: &mut Value,
    manager: &Manager<'_>,
    structure: Structure<'_>,
) {
    let given = new
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .cloned();
    let mut entries = match (&given, live) {
        // A client may clear the record, or write it itself.
        (Some(list), _)
            if list
                .iter()
                .all(|entry| entry.as_object().is_none_or(serde_json::Map::is_empty)) =>
        {
            return entry::write(new, Vec::new());
        }
        (Some(_), _) => entry::read(new),
        (None, Some(live)) => entry::read(live),
        (None, None) => Vec::new(),
    };
    let empty = Value::Object(serde_json::Map::new());
    let live = live.unwrap_or(&empty);
    let changes = collect::changes(live, new, structure);
    let written = entry::without_server_fields(changes.written);
    for entry in &mut entries {
        entry.fields = entry.fields.difference(&changes.removed);
        if !entry.is_of(manager) {
            entry.fields = entry.fields.difference(&written);
        }
    }
    let own = entries.iter().find(|entry| entry.is_of(manager));
    let mut fields = written;
    fields.absorb(own.map(|entry| entry.fields.clone()).unwrap_or_default());
    if !fields.is_empty() {
        entry::record(&mut entries, manager, fields);
    }
    entry::write(new, entries);
}

#[cfg(test)]
mod tests;
