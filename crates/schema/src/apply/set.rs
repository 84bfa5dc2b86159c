//! Sets of fields, in the form that `FieldsV1` has: a tree of path elements, some of which are members.
//!
//! Elements are kept in their encoded form: `f:name` a field, `k:{"name":"a"}` the item of a map list,
//! `v:"a"` the item of a set, `i:0` the item at an index.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::fact::{ListKind, MapKind};
use crate::structure::Structure;

/// A set of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    nodes: BTreeMap<String, Node>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    /// Whether the field itself is in the set, and not only some below it.
    member: bool,
    below: FieldSet,
}

/// Whether the element that an encoded set stands below is itself a member.
fn is_member(encoded: &Value) -> bool {
    encoded
        .as_object()
        .is_none_or(|below| below.is_empty() || below.contains_key("."))
}

impl FieldSet {
    /// Reads the value of `fieldsV1`. What is malformed is left out.
    pub fn decode(value: &Value) -> Self {
        let mut set = Self::default();
        for (element, below) in value.as_object().into_iter().flatten() {
            if element == "." {
                continue;
            }
            let node = Node {
                member: is_member(below),
                below: Self::decode(below),
            };
            set.nodes.insert(element.clone(), node);
        }
        set
    }

    /// The value of `fieldsV1`.
    pub fn encode(self) -> Value {
        let mut map = Map::new();
        for (element, node) in self.nodes {
            let mut below = node.below.encode();
            if let (true, Value::Object(below)) = (node.member, &mut below)
                && !below.is_empty()
            {
                below.insert(".".to_owned(), Value::Object(Map::new()));
            }
            map.insert(element, below);
        }
        Value::Object(map)
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Puts the element itself into the set.
    pub(super) fn insert(&mut self, element: String) {
        self.nodes.entry(element).or_default().member = true;
    }

    /// Puts what is below an element into the set.
    pub(super) fn insert_below(&mut self, element: String, below: FieldSet) {
        if !below.is_empty() {
            self.nodes.entry(element).or_default().below.absorb(below);
        }
    }

    /// Puts an element and what is below it into the set.
    pub(super) fn insert_all(&mut self, element: String, below: FieldSet) {
        let node = self.nodes.entry(element).or_default();
        node.member = true;
        node.below.absorb(below);
    }

    /// Adds what is in the other set.
    pub(super) fn absorb(&mut self, other: Self) {
        if self.nodes.is_empty() {
            *self = other;
            return;
        }
        for (element, node) in other.nodes {
            let own = self.nodes.entry(element).or_default();
            own.member |= node.member;
            own.below.absorb(node.below);
        }
    }

    /// Whether the element itself is in the set.
    pub(super) fn has(&self, element: &str) -> bool {
        self.nodes.get(element).is_some_and(|node| node.member)
    }

    /// What is below an element.
    pub(super) fn below(&self, element: &str) -> Option<&FieldSet> {
        self.nodes.get(element).map(|node| &node.below)
    }

    /// Whether the element, or something below it, is in the set.
    pub(super) fn touches(&self, element: &str) -> bool {
        self.nodes.contains_key(element)
    }

    /// Whether the element is in the set, or implied by what is below it: a field with a name of its own
    /// goes with the last thing in it, while the items of lists and free keys stand for themselves.
    pub(super) fn implies(&self, element: &str, structure: Structure<'_>) -> bool {
        self.nodes.get(element).is_some_and(|node| {
            let named = || {
                element
                    .strip_prefix("f:")
                    .is_some_and(|name| structure.has_field(name))
            };
            node.member || (!node.below.is_empty() && named())
        })
    }

    /// Removes an element and all below it.
    pub(super) fn cut(&mut self, element: &str) {
        self.nodes.remove(element);
    }

    /// Takes out what is below an element, and the element.
    pub(super) fn take(&mut self, element: &str) -> FieldSet {
        self.nodes
            .remove(element)
            .map(|node| node.below)
            .unwrap_or_default()
    }

    /// What is in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut set = self.clone();
        set.absorb(other.clone());
        set
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.combine(other, |own, other| own && !other, Absent::Keep)
    }

    /// What is in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |own, other| own && other, Absent::Drop)
    }

    fn combine(&self, other: &Self, keep: fn(bool, bool) -> bool, absent: Absent) -> Self {
        let mut set = Self::default();
        for (element, node) in &self.nodes {
            let combined = match (other.nodes.get(element), absent) {
                (None, Absent::Keep) => node.clone(),
                (None, Absent::Drop) => continue,
                (Some(other), _) => Node {
                    member: keep(node.member, other.member),
                    below: node.below.combine(&other.below, keep, absent),
                },
            };
            if combined.member || !combined.below.is_empty() {
                set.nodes.insert(element.clone(), combined);
            }
        }
        set
    }

    /// Whether this set has a member in common with an encoded one, which is not decoded for that.
    pub(super) fn overlaps(&self, encoded: &Value) -> bool {
        self.nodes.iter().any(|(element, node)| {
            encoded.get(element).is_some_and(|other| {
                (node.member && is_member(other)) || node.below.overlaps(other)
            })
        })
    }

    /// Makes of what is below a place that has become atomic since (by another schema of the kind) the
    /// place itself. Where a place has ceased to be atomic, the set stays as it is, as upstream's.
    pub(super) fn settle(&mut self, structure: Structure<'_>) {
        for (element, node) in &mut self.nodes {
            if node.below.is_empty() {
                continue;
            }
            let inner = match element.strip_prefix("f:") {
                Some(name) => structure.field(name).unwrap_or(Structure::Unknown),
                None => structure.items(),
            };
            let list = !node.below.nodes.keys().any(|key| key.starts_with("f:"));
            let atomic = if list {
                inner.is_list() && inner.list() == ListKind::Atomic
            } else {
                inner.map() == MapKind::Atomic
            };
            if atomic {
                node.member = true;
                node.below = Self::default();
            } else {
                node.below.settle(inner);
            }
        }
    }

    /// The paths of all members, such as `.spec.containers[name="a"].image`: those of one level before
    /// those below.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &str, paths: &mut Vec<String>) {
        let members = self.nodes.iter().filter(|(_, node)| node.member);
        paths.extend(members.map(|(element, _)| format!("{prefix}{}", shown(element))));
        for (element, node) in &self.nodes {
            if !node.below.is_empty() {
                let path = format!("{prefix}{}", shown(element));
                node.below.collect_paths(&path, paths);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Absent {
    Keep,
    Drop,
}

/// An element as paths show it.
pub(super) fn shown(element: &str) -> String {
    match element.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => match serde_json::from_str::<Map<String, Value>>(keys) {
            Ok(keys) => {
                let keys: Vec<String> = keys
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                format!("[{}]", keys.join(","))
            }
            Err(_) => format!("[{keys}]"),
        },
        Some(("v", value)) => format!("[={value}]"),
        Some((_, rest)) => format!("[{rest}]"),
        None => element.to_owned(),
    }
}
