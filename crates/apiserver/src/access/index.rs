//! The stored roles and bindings, by what is looked up on each request.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use seatrial_store::{Key, Record};
use serde_json::Value;

use super::rule::Rule;
use super::{Asked, Decision};
use crate::identity::{Identity, account};
use crate::object::Object;

type ByName<T> = HashMap<Box<str>, T>;

/// Roles and bindings. What belongs to the whole cluster stands under the empty namespace. Maps are
/// looked up and never walked, so their order reaches nothing.
#[derive(Debug, Default)]
pub(super) struct Index {
    roles: ByName<ByName<Arc<[Rule]>>>,
    bindings: ByName<ByName<Arc<Binding>>>,
    users: ByName<ByName<Vec<Arc<Binding>>>>,
    groups: ByName<ByName<Vec<Arc<Binding>>>>,
}

/// A binding of a role to subjects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    namespace: String,
    name: String,
    role: RoleName,
    subjects: Vec<Subject>,
}

/// The role that a binding means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleName {
    /// Empty for a ClusterRole.
    pub(super) namespace: String,
    pub(super) name: String,
}

impl RoleName {
    /// Reads the `roleRef` of a binding.
    pub(super) fn of(binding: &Object) -> Self {
        let namespace = match binding.text(&["roleRef", "kind"]) {
            "ClusterRole" => "",
            _ => binding.namespace(),
        };
        Self {
            namespace: namespace.to_owned(),
            name: binding.text(&["roleRef", "name"]).to_owned(),
        }
    }

    /// `Role` or `ClusterRole`.
    fn kind(&self) -> &'static str {
        if self.namespace.is_empty() {
            "ClusterRole"
        } else {
            "Role"
        }
    }

    /// As upstream says that it is not there.
    pub(super) fn not_found(&self) -> String {
        let kind = self.kind().to_ascii_lowercase();
        format!("{kind}.rbac.authorization.k8s.io {:?} not found", self.name)
    }
}

/// Whom a binding means.
#[derive(Debug, PartialEq, Eq)]
struct Subject {
    who: Who,
    /// As upstream describes it.
    text: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Who {
    User(String),
    Group(String),
}

impl Subject {
    fn read(value: &Value, namespace: &str) -> Option<Self> {
        let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
        let (kind, name) = (text("kind"), text("name"));
        let who = match kind {
            "User" => Who::User(name.to_owned()),
            "Group" => Who::Group(name.to_owned()),
            "ServiceAccount" => {
                let own = text("namespace");
                let namespace = if own.is_empty() { namespace } else { own };
                return (!namespace.is_empty()).then(|| Self {
                    who: Who::User(account(namespace, name)),
                    text: format!("{kind} \"{name}/{namespace}\""),
                });
            }
            _ => return None,
        };
        let text = format!("{kind} {name:?}");
        Some(Self { who, text })
    }

    fn means(&self, identity: &Identity) -> bool {
        match &self.who {
            Who::User(name) => *name == identity.user,
            Who::Group(name) => identity.is_in(name),
        }
    }
}

impl Binding {
    fn read(record: &Record) -> Option<Self> {
        let object = Object::decode(&record.bytes).ok()?;
        let namespace = &*record.key.namespace;
        let subjects = object.at(&["subjects"]).and_then(Value::as_array);
        let subjects = subjects.into_iter().flatten();
        Some(Self {
            namespace: namespace.to_owned(),
            name: record.key.name.to_string(),
            role: RoleName::of(&object),
            subjects: subjects
                .filter_map(|subject| Subject::read(subject, namespace))
                .collect(),
        })
    }
}

/// Why something is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grant {
    /// The user is in the group that may do everything.
    Masters,
    /// The user is a node, and it is its own business.
    Node,
    /// A binding gives the user a role, under the subject of this number.
    Binding(Arc<Binding>, usize),
}

impl fmt::Display for Grant {
    /// Upstream's words; it gives none for the first two.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Binding(binding, subject) = self else {
            return Ok(());
        };
        let name = match binding.namespace.as_str() {
            "" => format!("ClusterRoleBinding {:?}", binding.name),
            namespace => format!("RoleBinding \"{}/{namespace}\"", binding.name),
        };
        let subject = binding.subjects.get(*subject);
        let subject = subject.map_or("", |subject| subject.text.as_str());
        let (kind, role) = (binding.role.kind(), &binding.role.name);
        write!(
            formatter,
            "RBAC: allowed by {name} of {kind} {role:?} to {subject}"
        )
    }
}

impl Index {
    /// Takes over the present state of an object; `None` where it is gone.
    pub(super) fn put(&mut self, key: &Key, record: Option<&Record>) {
        let (namespace, name) = (&*key.namespace, &*key.name);
        if key.resource.starts_with("roles.") || key.resource.starts_with("clusterroles.") {
            let rules = record.and_then(|record| Object::decode(&record.bytes).ok());
            let roles = self.roles.entry(namespace.into()).or_default();
            match rules {
                Some(object) => drop(roles.insert(name.into(), Rule::list(&object.0).into())),
                None => drop(roles.remove(name)),
            }
            return;
        }
        let known = self.bindings.entry(namespace.into()).or_default();
        let old = known.remove(name);
        let new = record.and_then(Binding::read).map(Arc::new);
        if let Some(new) = &new {
            known.insert(name.into(), Arc::clone(new));
        }
        if let Some(old) = old {
            self.unlist(&old);
        }
        if let Some(new) = new {
            self.enlist(&new);
        }
    }

    fn list_of(&mut self, namespace: &str, who: &Who) -> &mut Vec<Arc<Binding>> {
        let (map, name) = match who {
            Who::User(name) => (&mut self.users, name),
            Who::Group(name) => (&mut self.groups, name),
        };
        let map = map.entry(namespace.into()).or_default();
        map.entry(name.as_str().into()).or_default()
    }

    fn enlist(&mut self, binding: &Arc<Binding>) {
        for subject in &binding.subjects {
            let list = self.list_of(&binding.namespace, &subject.who);
            // In the order of names, so that the same question has the same answer.
            if let Err(at) = list.binary_search_by(|one| one.name.cmp(&binding.name)) {
                list.insert(at, Arc::clone(binding));
            }
        }
    }

    fn unlist(&mut self, binding: &Arc<Binding>) {
        for subject in &binding.subjects {
            let list = self.list_of(&binding.namespace, &subject.who);
            list.retain(|one| one.name != binding.name);
        }
    }

    /// The bindings that mean the user, in one namespace (empty: in the whole cluster).
    fn bindings_of<'a>(
        &'a self,
        namespace: &str,
        identity: &'a Identity,
    ) -> impl Iterator<Item = &'a Arc<Binding>> {
        let users = self.users.get(namespace);
        let groups = self.groups.get(namespace);
        let by_name = users.and_then(|users| users.get(identity.user.as_str()));
        let by_group = groups.into_iter().flat_map(|groups| {
            identity
                .groups
                .iter()
                .filter_map(|group| groups.get(group.as_str()))
        });
        by_name.into_iter().chain(by_group).flatten()
    }

    /// The rules of a role; of a ClusterRole for an empty namespace.
    pub(super) fn role(&self, namespace: &str, name: &str) -> Option<Arc<[Rule]>> {
        self.roles.get(namespace)?.get(name).cloned()
    }

    fn rules(&self, binding: &Binding) -> Result<&Arc<[Rule]>, String> {
        let RoleName { namespace, name } = &binding.role;
        let roles = self.roles.get(namespace.as_str());
        roles
            .and_then(|roles| roles.get(name.as_str()))
            .ok_or_else(|| binding.role.not_found())
    }

    /// Whether some role of the user allows what is asked.
    pub(super) fn authorize(&self, identity: &Identity, asked: &Asked<'_>) -> Decision {
        let mut errors = Vec::new();
        let namespace = match asked {
            Asked::Object(asked) if !asked.namespace.is_empty() => Some(&*asked.namespace),
            _ => None,
        };
        for namespace in [Some(""), namespace].into_iter().flatten() {
            for binding in self.bindings_of(namespace, identity) {
                match self.rules(binding) {
                    Ok(rules) if rules.iter().any(|rule| rule.allows(asked)) => {
                        let subjects = &binding.subjects;
                        let subject = subjects.iter().position(|one| one.means(identity));
                        let grant =
                            Grant::Binding(Arc::clone(binding), subject.unwrap_or_default());
                        return Decision::Allowed(grant);
                    }
                    Ok(_) => {}
                    Err(error) => errors.push(error),
                }
            }
        }
        Decision::Refused(
            aggregate(errors).map_or_else(String::new, |text| format!("RBAC: {text}")),
        )
    }

    /// Every rule that holds for the user in the namespace, and what could not be found out.
    pub(super) fn rules_of(&self, identity: &Identity, namespace: &str) -> (Vec<Rule>, String) {
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        let own = (!namespace.is_empty()).then_some(namespace);
        for namespace in [Some(""), own].into_iter().flatten() {
            for binding in self.bindings_of(namespace, identity) {
                match self.rules(binding) {
                    Ok(rules) => found.extend(rules.iter().cloned()),
                    Err(error) => errors.push(error),
                }
            }
        }
        (found, aggregate(errors).unwrap_or_default())
    }
}

/// Several errors in one text, as upstream joins them.
fn aggregate(mut errors: Vec<String>) -> Option<String> {
    errors.dedup();
    match errors.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(format!("[{}]", many.join(", "))),
    }
}
