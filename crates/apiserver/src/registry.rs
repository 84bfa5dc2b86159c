//! The table of kinds that the server knows: built-in ones and those that
//! CustomResourceDefinitions add. Everything the request path needs to know about a kind is here,
//! as data; nothing else asks which kind it is dealing with.

mod built_in;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::name::NameRule;
use crate::strategy::Strategy;
use crate::table::Column;

/// Whether objects of a kind live in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// They do.
    Namespaced,
    /// They do not.
    Cluster,
}

/// Whether `metadata.generation` counts changes of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// It does.
    Counted,
    /// The kind has none.
    Unset,
}

/// What a kind allows to be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbs {
    /// Everything.
    All,
    /// Everything, but deletion of a collection (namespaces, services before 1.23).
    NoCollection,
    /// Only create: the object is a question and the reply its answer; nothing is stored.
    Ask,
    /// Only get and list: the replies are measured when they are asked for; nothing is stored.
    Measure,
}

impl Verbs {
    /// The verbs as discovery lists them.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::All => &[
                "create",
                "delete",
                "deletecollection",
                "get",
                "list",
                "patch",
                "update",
                "watch",
            ],
            Self::NoCollection => &[
                "create", "delete", "get", "list", "patch", "update", "watch",
            ],
            Self::Ask => &["create"],
            Self::Measure => &["get", "list"],
        }
    }
}

/// Where the scale of an object stands: paths of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalePaths {
    /// The wanted number of replicas.
    pub spec: String,
    /// The present number of replicas.
    pub status: String,
    /// The selector of the pods, as text or as a label selector; empty where there is none.
    pub selector: String,
}

/// A part of an object with a path of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // Upstream's own names.
pub enum Subresource {
    Status,
    Scale(ScalePaths),
    Finalize,
    Binding,
    Eviction,
    Log,
    Exec,
    Attach,
    PortForward,
    EphemeralContainers,
    Resize,
    Token,
    Approval,
}

impl Subresource {
    /// The last step of its path.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Scale(_) => "scale",
            Self::Finalize => "finalize",
            Self::Binding => "binding",
            Self::Eviction => "eviction",
            Self::Log => "log",
            Self::Exec => "exec",
            Self::Attach => "attach",
            Self::PortForward => "portforward",
            Self::EphemeralContainers => "ephemeralcontainers",
            Self::Resize => "resize",
            Self::Token => "token",
            Self::Approval => "approval",
        }
    }
}

/// One version in which a kind is served.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its name, such as `v1`.
    pub name: String,
    /// What has a path of its own.
    pub subresources: Vec<Subresource>,
    /// How it relates to the stored form.
    pub conversion: Conversion,
    /// The columns of its tables, without the name.
    pub columns: Arc<[Column]>,
    /// Paths of the fields by which a custom kind can be selected in this version; of a built-in kind every version has the kind's.
    pub selectable: Vec<String>,
}

impl Version {
    /// The subresource of this name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources
            .iter()
            .find(|subresource| subresource.name() == name)
    }
}

/// How the stored form becomes the form of another version, and back.
#[derive(Debug, Clone, Copy)]
pub enum Conversion {
    /// Versions differ in name only.
    Rename,
    /// The forms differ, and a webhook turns one into the other; see [`crate::custom::conversion`].
    Webhook,
    /// The forms differ.
    Convert {
        /// From the stored form to the one that is served.
        to_served: fn(&mut crate::object::Object),
        /// Back.
        to_stored: fn(&mut crate::object::Object),
    },
}

/// Where a kind comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Built in.
    BuiltIn,
    /// Defined by the CustomResourceDefinition whose specification this is.
    Custom(Arc<crate::custom::Definition>),
}

/// A kind of object.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its API group; empty for the core group.
    pub group: String,
    /// The versions in which it is served, best first.
    pub versions: Vec<Version>,
    /// `apiVersion` of the stored form.
    pub stored_as: String,
    /// Such as `Pod`.
    pub kind: String,
    /// Such as `PodList`.
    pub list_kind: String,
    /// Such as `pods`.
    pub plural: String,
    /// Such as `pod`.
    pub singular: String,
    /// Such as `po`.
    pub short_names: Vec<String>,
    /// Such as `all`.
    pub categories: Vec<String>,
    /// Whether it lives in namespaces.
    pub scope: Scope,
    /// Its name in the store.
    pub resource: Arc<str>,
    /// Paths of the fields that a field selector may name.
    pub selectable: Vec<String>,
    /// Whether it counts generations.
    pub generation: Generation,
    /// What may be done with it.
    pub verbs: Verbs,
    /// What its names must look like.
    pub names: NameRule,
    /// What is special about it.
    pub strategy: &'static dyn Strategy,
    /// Where it comes from.
    pub origin: Origin,
}

impl Kind {
    /// `plural` or `plural.group`: how upstream names a resource in messages.
    pub fn qualified(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    /// `v1` or `apps/v1`.
    pub fn api_version(&self, version: &Version) -> String {
        api_version(&self.group, &version.name)
    }

    /// Whether it lives in namespaces.
    pub fn namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    /// Whether any version has a status with a path of its own.
    pub fn has_status(&self, version: &Version) -> bool {
        version.subresource("status").is_some()
    }

    /// Paths of the fields that a field selector may name in a version.
    pub fn selectable_in<'a>(&'a self, version: &'a Version) -> &'a [String] {
        match self.origin {
            Origin::BuiltIn => &self.selectable,
            Origin::Custom(_) => &version.selectable,
        }
    }

    /// Whether it is built in.
    pub fn built_in(&self) -> bool {
        matches!(self.origin, Origin::BuiltIn)
    }
}

/// `plural` or `plural.group`.
pub fn qualified(plural: &str, group: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}

/// `version` or `group/version`.
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

/// The kinds by group and plural name. Replaced as a whole when a definition changes.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    groups: BTreeMap<String, BTreeMap<String, Arc<Kind>>>,
}

impl Registry {
    /// The built-in kinds.
    pub fn built_in() -> Self {
        let mut registry = Self::default();
        for kind in built_in::kinds() {
            registry.insert(kind);
        }
        registry.insert(crate::aggregation::kind());
        registry
    }

    /// Adds or replaces a kind.
    pub fn insert(&mut self, kind: Kind) {
        let group = self.groups.entry(kind.group.clone()).or_default();
        group.insert(kind.plural.clone(), Arc::new(kind));
    }

    /// Removes a kind.
    pub fn remove(&mut self, group: &str, plural: &str) {
        if let Some(kinds) = self.groups.get_mut(group) {
            kinds.remove(plural);
            if kinds.is_empty() {
                self.groups.remove(group);
            }
        }
    }

    /// The kind under a path, with the index of the version.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<(Arc<Kind>, usize)> {
        let kind = self.groups.get(group)?.get(plural)?;
        let index = kind
            .versions
            .iter()
            .position(|served| served.name == version)?;
        Some((Arc::clone(kind), index))
    }

    /// The kind of this plural name in this group.
    pub fn get(&self, group: &str, plural: &str) -> Option<&Arc<Kind>> {
        self.groups.get(group)?.get(plural)
    }

    /// The names of all groups, the core group (empty) first.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// The kinds of one group, by plural name.
    pub fn group(&self, group: &str) -> impl Iterator<Item = &Arc<Kind>> {
        self.groups
            .get(group)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// All kinds.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.groups.values().flat_map(BTreeMap::values)
    }

    /// The versions of a group, best first.
    pub fn versions(&self, group: &str) -> Vec<String> {
        let mut versions: Vec<String> = Vec::new();
        for kind in self.group(group) {
            for version in &kind.versions {
                if !versions.contains(&version.name) {
                    versions.push(version.name.clone());
                }
            }
        }
        versions.sort_by_key(|name| std::cmp::Reverse(priority(name)));
        versions
    }
}

/// Orders versions as upstream does: stable before beta before alpha, then by number.
pub fn priority(version: &str) -> (u8, u64, u64) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let (major, tail) = rest.split_at(
            rest.find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len()),
        );
        let major = major.parse().ok()?;
        let level = |rank, tail: &str| Some((rank, major, tail.parse().unwrap_or(0)));
        match tail {
            "" => Some((3, major, 0)),
            tail if tail.starts_with("beta") => level(2, &tail[4..]),
            tail if tail.starts_with("alpha") => level(1, &tail[5..]),
            _ => None,
        }
    };
    parse().unwrap_or((0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_upstream_orders_them() {
        let mut names = vec!["v1alpha1", "foo", "v1beta2", "v2", "v1", "v1beta1", "v10"];
        names.sort_by_key(|name| std::cmp::Reverse(priority(name)));
        assert_eq!(
            names,
            ["v10", "v2", "v1", "v1beta2", "v1beta1", "v1alpha1", "foo"]
        );
    }

    #[test]
    fn every_built_in_kind_is_found_by_its_path() {
        let registry = Registry::built_in();
        for kind in registry.kinds() {
            for version in &kind.versions {
                assert!(
                    registry
                        .find(&kind.group, &version.name, &kind.plural)
                        .is_some()
                );
            }
        }
        assert!(registry.find("apps", "v1beta1", "deployments").is_none());
    }
}
