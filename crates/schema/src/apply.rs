//! Server-side apply: who owns which field, and the merge of what a manager applies.
//!
//! ```text
//!  live ──┐                       ┌─ fields of others that change ──> conflicts, or taken by force
//!         ├─ merge by list keys ──┤
//!  config ┘                       └─ fields the manager applied before and no more ──> removed,
//!                                    unless another manager owns them
//! ```
//!
//! Semantics: <https://kubernetes.io/docs/reference/using-api/server-side-apply/>; where that is silent, those
//! of `sigs.k8s.io/structured-merge-diff` and `k8s.io/apimachinery/pkg/util/managedfields`.
//!
//! # Caveats
//! Field sets of other versions of a kind are compared by the names of their fields.

mod check;
mod client_side;
mod collect;
mod compare;
mod conflict;
mod entry;
mod merge;
mod remove;
mod same;
mod set;

use serde_json::{Map, Value};

use crate::structure::Structure;
pub use check::{managed_fields, manager, manager_of_agent};
pub use collect::{Problem, fields_of};
pub use conflict::Conflict;
use conflict::Conflicts;
use entry::{Entry, Fields, Record};
pub use same::same_but_times;
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
    /// The elements of the root that its path cannot change, such as `f:status`: it does not come to own
    /// them.
    pub reset: &'a [&'a str],
}

/// Whether fields of others are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Force {
    Yes,
    No,
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
    /// A list of the configuration cannot be merged.
    #[error("failed to create typed patch object ({object}): {problem}")]
    Typed {
        /// Namespace, name and type of the object.
        object: String,
        /// Where and why.
        problem: Problem,
    },
}

/// Namespace, name and type, as upstream's errors name an object.
fn named(config: &Map<String, Value>) -> String {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let metadata = |name: &str| text(config.get("metadata").and_then(|it| it.get(name)));
    let version = text(config.get("apiVersion"));
    let version = if version.contains('/') {
        version
    } else {
        format!("/{version}")
    };
    format!(
        "{}/{}; {version}, Kind={}",
        metadata("namespace"),
        metadata("name"),
        text(config.get("kind"))
    )
}

/// The manager of what was there before the first apply to an object whose fields nobody tracked.
const BEFORE: &str = "before-first-apply";

/// Applies a configuration: merges it into `live` (nothing, to create), removes what the same manager
/// applied before and no more, and records the ownership in `metadata.managedFields`.
///
/// # Guarantees
/// Applying the same configuration twice changes nothing, not even the recorded time.
///
/// # Errors
/// [`Error::Conflicts`] unless `force`; configurations whose lists cannot be merged.
pub fn apply(
    live: Option<&Map<String, Value>>,
    config: &Map<String, Value>,
    manager: &Manager<'_>,
    force: Force,
    structure: Structure<'_>,
) -> Result<Map<String, Value>, Error> {
    let given = config
        .get("metadata")
        .and_then(|it| it.get("managedFields"));
    if given.is_some_and(|fields| !fields.is_null()) {
        return Err(Error::ManagedFields);
    }
    let mut fields = fields_of(config, structure).map_err(|problem| Error::Typed {
        object: named(config),
        problem,
    })?;
    let empty = Map::new();
    let mut entries = live
        .map(|live| tracked(live, manager, structure))
        .unwrap_or_default();
    settle(&mut entries, structure);
    let live = live.unwrap_or(&empty);
    let own = entries.iter().position(|entry| entry.is_of(manager));
    let own = own.map(|index| entries.remove(index));
    let mut merged = merge::merge(live, config, structure);
    if let Some(own) = &own {
        let kept = entries.iter().fold(fields.clone(), |mut all, entry| {
            all.absorb(entry.fields.set());
            all
        });
        remove::remove(&mut merged, &own.fields.set(), &kept, structure);
    }
    entry::strip(&mut fields, manager.reset);
    let changes = compare::between(live, &merged, structure);
    let conflicts = conflict::between(&entries, &changes.written);
    let conflicts = if manager.name == client_side::KUBECTL && !conflicts.is_empty() {
        client_side::remaining(conflicts, live, manager.api_version, structure)
    } else {
        conflicts
    };
    if force == Force::No && !conflicts.is_empty() {
        return Err(Error::Conflicts(conflicts));
    }
    let mut same = changes.written.is_empty() && changes.removed.is_empty();
    for entry in &mut entries {
        entry.fields.subtract(&changes.written);
        entry.fields.subtract(&changes.removed);
    }
    let mut new = Entry::of(manager, fields);
    if let Some(own) = own {
        same &= own.api_version == new.api_version && own.fields.set() == new.fields.set();
        if same {
            new.time = own.time;
        }
    }
    entries.push(new);
    entry::write(&mut merged, entries);
    if manager.name == client_side::KUBECTL {
        client_side::follow(&mut merged, config);
    }
    Ok(merged)
}

/// The schemas of custom kinds change, and what was owned in parts may have become one value since.
fn settle(entries: &mut [Entry], structure: Structure<'_>) {
    if matches!(structure, Structure::Custom { .. }) {
        for entry in entries {
            entry.fields.settle(structure);
        }
    }
}

/// The entries of a live object that is applied to. One whose fields nobody tracked belongs to
/// [`BEFORE`].
fn tracked(
    live: &Map<String, Value>,
    manager: &Manager<'_>,
    structure: Structure<'_>,
) -> Vec<Entry> {
    let entries = entry::entries_of(live);
    if !entries.is_empty() {
        return entries;
    }
    let mut fields = compare::all_of(live, structure);
    entry::strip(&mut fields, manager.reset);
    let before = Manager {
        name: BEFORE,
        operation: Operation::Update,
        ..*manager
    };
    vec![Entry::of(&before, fields)]
}

/// Records in `new` who owns what after it was written by a create, an update or a patch that is not an
/// apply: the manager owns what it has changed, and others own that no longer.
///
/// # Guarantees
/// Where nothing changes, the record stays as it is. A record that `new` carries, as clients do that edit
/// it, takes the place of the live one; an empty one ends the tracking until the next apply.
///
/// # Assumptions
/// [`managed_fields`] found nothing wrong; a record that cannot be read counts as absent.
pub fn updated(
    live: Option<&Map<String, Value>>,
    new: &mut Map<String, Value>,
    manager: &Manager<'_>,
    structure: Structure<'_>,
) {
    let mut entries = match (entry::take(new), live) {
        (Record::Entries(entries), _) => entries,
        (Record::Absent, Some(live)) => entry::entries_of(live),
        (Record::Reset, _) | (Record::Absent, None) => Vec::new(),
    };
    if entries.is_empty() && live.is_some() {
        return;
    }
    settle(&mut entries, structure);
    let mut written = match live {
        Some(live) => {
            let changes = compare::between(live, new, structure);
            for entry in &mut entries {
                entry.fields.subtract(&changes.removed);
            }
            changes.written
        }
        None => compare::all_of(new, structure),
    };
    entry::strip(&mut written, manager.reset);
    if !written.is_empty() {
        for entry in &mut entries {
            entry.fields.subtract(&written);
        }
        match entries.iter_mut().find(|entry| entry.is_of(manager)) {
            Some(own) => {
                own.fields = Fields::Set(own.fields.set().union(&written));
                manager.time.clone_into(&mut own.time);
            }
            None => entries.push(Entry::of(manager, written)),
        }
    }
    entry::cap(&mut entries);
    entry::write(new, entries);
}

#[cfg(test)]
mod tests;
