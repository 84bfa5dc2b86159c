//! To which requests a webhook or a policy applies: rules and selectors.

use seatrial_expr::selector::Label;
use seatrial_store::{Key, Pairs};
use serde_json::Value;

use super::{Change, Operation};
use crate::failure::Failure;
use crate::object::Object;
use crate::registry::Version;

/// How a rule's version is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// Only requests in that very version.
    Exact,
    /// Requests for the same objects in any version.
    Equivalent,
}

/// One of the `rules`, `resourceRules` or `excludeResourceRules`.
#[derive(Debug, Clone)]
struct Rule {
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
    names: Vec<String>,
    scope: String,
}

/// Rules and selectors together.
#[derive(Debug, Clone)]
pub(super) struct Matching {
    rules: Option<Vec<Rule>>,
    excluded: Vec<Rule>,
    policy: Policy,
    namespaces: Result<Label, String>,
    objects: Result<Label, String>,
}

impl Matching {
    /// Reads them from a webhook, `matchConstraints` or `matchResources`; `rules` is the name of the list
    /// of rules in it. Without the list, every request is meant.
    pub(super) fn read(part: &Value, rules: &str) -> Self {
        let list = |name: &str| part.get(name).and_then(Value::as_array);
        let selector = |name: &str| match part.get(name).filter(|selector| !selector.is_null()) {
            None => Ok(Label::everything()),
            Some(selector) => Label::from_json(selector).map_err(|error| error.to_string()),
        };
        let policy = match part.get("matchPolicy").and_then(Value::as_str) {
            Some("Exact") => Policy::Exact,
            _ => Policy::Equivalent,
        };
        Self {
            rules: list(rules).map(|list| list.iter().map(Rule::read).collect()),
            excluded: list("excludeResourceRules")
                .into_iter()
                .flatten()
                .map(Rule::read)
                .collect(),
            policy,
            namespaces: selector("namespaceSelector"),
            objects: selector("objectSelector"),
        }
    }

    /// The version of the kind in which the request is meant, if it is meant.
    pub(super) fn version<'a>(
        &self,
        change: &Change<'a>,
        object: Option<&Object>,
    ) -> Result<Option<&'a Version>, Failure> {
        let Some(version) = self.by_rules(change) else {
            return Ok(None);
        };
        let broken = |error: &String| Failure::internal(error);
        let namespaces = self.namespaces.as_ref().map_err(broken)?;
        let objects = self.objects.as_ref().map_err(broken)?;
        let labels = |object: Option<&Object>| {
            object.is_some_and(|object| matches(objects, &object.selectable(&[]).labels))
        };
        let fits = objects.is_empty() || labels(object) || labels(change.old);
        Ok((fits && is_in(namespaces, change, object)?).then_some(version))
    }

    fn by_rules<'a>(&self, change: &Change<'a>) -> Option<&'a Version> {
        let any = |rules: &[Rule], version: &Version| {
            rules.iter().any(|rule| rule.fits(change, &version.name))
        };
        let own = change.version;
        let mut versions = vec![own];
        if self.policy == Policy::Equivalent {
            versions.extend(
                change
                    .kind
                    .versions
                    .iter()
                    .filter(|other| other.name != own.name),
            );
        }
        if versions.iter().any(|version| any(&self.excluded, version)) {
            return None;
        }
        match &self.rules {
            None => Some(own),
            Some(rules) => versions.into_iter().find(|version| any(rules, version)),
        }
    }
}

fn matches(selector: &Label, labels: &Pairs) -> bool {
    selector.matches_by(|key| labels.get(key))
}

/// Whether the namespace is one of those selected. Objects outside namespaces always are, but for
/// namespaces, which are selected by their own labels.
fn is_in(selector: &Label, change: &Change<'_>, object: Option<&Object>) -> Result<bool, Failure> {
    if selector.is_empty() {
        return Ok(true);
    }
    if &*change.kind.resource == "namespaces" {
        let namespace = match change.operation {
            Operation::Delete => change.old,
            _ => object,
        };
        return Ok(
            namespace.is_none_or(|namespace| matches(selector, &namespace.selectable(&[]).labels))
        );
    }
    if change.namespace.is_empty() {
        return Ok(true);
    }
    let record = change
        .state
        .store
        .get(&Key::new("namespaces", "", change.namespace));
    record
        .map(|record| matches(selector, &record.metadata.labels))
        .ok_or_else(|| {
            Failure::new(
                crate::failure::Reason::NotFound,
                format!("namespaces {:?} not found", change.namespace),
            )
        })
}

impl Rule {
    fn read(rule: &Value) -> Self {
        let texts = |name: &str| {
            let list = rule.get(name).and_then(Value::as_array);
            list.into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        Self {
            operations: texts("operations"),
            groups: texts("apiGroups"),
            versions: texts("apiVersions"),
            resources: texts("resources"),
            names: texts("resourceNames"),
            scope: rule
                .get("scope")
                .and_then(Value::as_str)
                .unwrap_or("*")
                .to_owned(),
        }
    }

    fn fits(&self, change: &Change<'_>, version: &str) -> bool {
        let one_of =
            |list: &[String], wanted: &str| list.iter().any(|one| one == "*" || one == wanted);
        let scope = match self.scope.as_str() {
            // A namespace is not in one, but it is what a namespaced rule does not mean either.
            "Namespaced" => !change.namespace.is_empty(),
            "Cluster" => change.namespace.is_empty(),
            _ => true,
        };
        scope
            && one_of(&self.operations, change.operation.name())
            && one_of(&self.groups, &change.kind.group)
            && one_of(&self.versions, version)
            && (self.names.is_empty() || self.names.iter().any(|name| name == change.name))
            && self
                .resources
                .iter()
                .any(|resource| is_meant(resource, change))
    }
}

/// `pods`, `pods/status`, `pods/*`, `*/scale`, `*`, `*/*`.
fn is_meant(resource: &str, change: &Change<'_>) -> bool {
    let (plural, part) = resource.split_once('/').unwrap_or((resource, ""));
    let of_kind = plural == "*" || plural == change.kind.plural;
    of_kind && (part == "*" || part == change.subresource)
}

/// Admission does not decide about its own configuration, or nobody could ever mend it.
pub(super) fn is_configuration(change: &Change<'_>) -> bool {
    change.kind.group == "admissionregistration.k8s.io"
}
