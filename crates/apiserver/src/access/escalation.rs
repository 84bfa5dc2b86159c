//! Nobody gives away what they do not have: checks of new and changed roles and bindings.

use async_trait::async_trait;
use serde_json::Value;

use super::index::RoleName;
use super::rule::{Rule, missing, quoted};
use super::{Asked, Attributes, Decision, decide};
use crate::admission::{Admission, Change, Operation};
use crate::failure::{Failure, Reason};
use crate::identity::MASTERS;
use crate::object::Object;

const GROUP: &str = "rbac.authorization.k8s.io";

/// The step of the admission chain that checks roles and bindings.
pub(crate) struct Guard;

#[async_trait]
impl Admission for Guard {
    fn handles(&self, change: &Change<'_>) -> bool {
        change.kind.group == GROUP
            && change.operation != Operation::Delete
            && !change.identity.is_in(MASTERS)
    }

    async fn validate(&self, change: &Change<'_>, object: &Object) -> Result<(), Failure> {
        match change.kind.plural.as_str() {
            "roles" | "clusterroles" => check_role(change, object),
            "rolebindings" | "clusterrolebindings" => check_binding(change, object),
            _ => Ok(()),
        }
    }
}

/// Whether a part of the object stays as it was.
fn unchanged(change: &Change<'_>, object: &Object, fields: &[&str]) -> bool {
    let empty = |value: Option<&Value>| {
        value.is_none_or(|value| value.is_null() || value.as_array().is_some_and(Vec::is_empty))
    };
    change.old.is_some_and(|old| {
        fields.iter().all(|&field| {
            let (old, new) = (old.at(&[field]), object.at(&[field]));
            old == new || (empty(old) && empty(new))
        })
    })
}

fn may(change: &Change<'_>, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
    let asked = Asked::Object(Attributes {
        verb: verb.into(),
        group: GROUP.into(),
        version: "v1".into(),
        resource: resource.into(),
        namespace: namespace.into(),
        name: name.into(),
        ..Attributes::default()
    });
    matches!(
        decide(change.state, change.identity, &asked),
        Decision::Allowed(_)
    )
}

fn check_role(change: &Change<'_>, object: &Object) -> Result<(), Failure> {
    let aggregated = object
        .at(&["aggregationRule"])
        .is_some_and(|rule| !rule.is_null());
    if unchanged(change, object, &["rules", "aggregationRule"])
        || may(
            change,
            "escalate",
            &change.kind.plural,
            change.namespace,
            change.name,
        )
    {
        return Ok(());
    }
    let rules = Rule::list(&object.0);
    if aggregated && !unchanged(change, object, &["aggregationRule"]) {
        let everything = [
            Rule::read(
                &serde_json::json!({ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }),
            ),
            Rule::read(&serde_json::json!({ "verbs": ["*"], "nonResourceURLs": ["*"] })),
        ];
        if !missing(&held(change), &everything).is_empty() {
            return Err(
                change.forbidden("must have cluster-admin privileges to use an aggregationRule")
            );
        }
    }
    refuse_beyond(change, &rules)
}

fn held(change: &Change<'_>) -> Vec<Rule> {
    change
        .state
        .access
        .rules_of(change.identity, change.namespace)
        .0
}

/// Refuses rules that the user does not have.
fn refuse_beyond(change: &Change<'_>, rules: &[Rule]) -> Result<(), Failure> {
    let missing = missing(&held(change), rules);
    if missing.is_empty() {
        return Ok(());
    }
    let mut lines: Vec<String> = missing.iter().map(Rule::short).collect();
    lines.sort();
    let identity = change.identity;
    Err(change.forbidden(&format!(
        "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        identity.user,
        quoted(&identity.groups),
        lines.join("\n")
    )))
}

fn check_binding(change: &Change<'_>, object: &Object) -> Result<(), Failure> {
    if unchanged(change, object, &["roleRef", "subjects"]) {
        return Ok(());
    }
    let role = RoleName::of(object);
    let plural = if role.namespace.is_empty() {
        "clusterroles"
    } else {
        "roles"
    };
    if may(change, "bind", plural, change.namespace, &role.name) {
        return Ok(());
    }
    let Some(rules) = change.state.access.role(&role.namespace, &role.name) else {
        return Err(Failure::new(Reason::NotFound, role.not_found()));
    };
    refuse_beyond(change, &rules)
}
