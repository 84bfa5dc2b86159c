//! The roles and bindings that exist in every cluster: upstream's, and those of our own parts.
//!
//! Source of upstream's: the tables of `bootstrappolicy` in kubernetes 1.34. Each start adds what is
//! missing of them; an object whose annotation `rbac.authorization.kubernetes.io/autoupdate` is not
//! `true` is left as it is.

mod controllers;
mod nodes;
mod reconcile;
mod roles;

use serde_json::{Value, json};

use super::rule::Rule;

pub(crate) use reconcile::reconcile;

/// The label that says to which role a role's rules are added.
const AGGREGATE: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// Rules in a row: words are separated by blanks, `core` is the group without a name.
#[derive(Debug, Clone, Copy)]
struct Grant {
    verbs: &'static str,
    groups: &'static str,
    resources: &'static str,
    names: &'static str,
    paths: &'static str,
}

/// Verbs on resources.
const fn may(verbs: &'static str, groups: &'static str, resources: &'static str) -> Grant {
    Grant {
        verbs,
        groups,
        resources,
        names: "",
        paths: "",
    }
}

/// Verbs on resources of these names.
const fn named(
    verbs: &'static str,
    groups: &'static str,
    resources: &'static str,
    names: &'static str,
) -> Grant {
    Grant {
        names,
        ..may(verbs, groups, resources)
    }
}

/// Reading of paths that are not about objects.
const fn paths(verbs: &'static str, paths: &'static str) -> Grant {
    Grant {
        paths,
        ..may(verbs, "", "")
    }
}

const READ: &str = "get list watch";
const WRITE: &str = "create delete deletecollection patch update";
const READ_WRITE: &str = "get list watch create delete deletecollection patch update";

/// Writing of events, which nearly everybody does.
const EVENTS: Grant = may("create patch update", "core events.k8s.io", "events");

impl Grant {
    fn rule(&self) -> Rule {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let group = |word: &str| {
            if word == "core" {
                String::new()
            } else {
                word.to_owned()
            }
        };
        Rule {
            verbs: words(self.verbs),
            groups: self.groups.split_whitespace().map(group).collect(),
            resources: words(self.resources),
            names: words(self.names),
            paths: words(self.paths),
        }
    }
}

fn rules(grants: &[Grant]) -> Vec<Rule> {
    grants.iter().map(Grant::rule).collect()
}

/// A role of the whole cluster, in a row.
struct Row {
    name: &'static str,
    /// To which role its rules are added; empty for none.
    added_to: &'static str,
    /// From which label it takes its rules; empty for none.
    from: &'static str,
    grants: &'static [Grant],
}

/// An object of the policy: where it belongs, and what it is.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) plural: &'static str,
    pub(super) namespace: &'static str,
    pub(super) object: Value,
}

fn metadata(name: &str) -> Value {
    json!({
        "name": name,
        "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" },
        "annotations": { "rbac.authorization.kubernetes.io/autoupdate": "true" },
    })
}

fn rule_values(rules: &[Rule]) -> Value {
    rules.iter().map(Rule::value).collect()
}

fn cluster_role(row: &Row) -> Item {
    let mut object = json!({ "metadata": metadata(row.name) });
    if !row.added_to.is_empty() {
        object["metadata"]["labels"][format!("{AGGREGATE}{}", row.added_to)] = json!("true");
    }
    let held = if row.from.is_empty() {
        rules(row.grants)
    } else {
        let label = format!("{AGGREGATE}{}", row.from);
        let selectors = json!([{ "matchLabels": { label: "true" } }]);
        object["aggregationRule"] = json!({ "clusterRoleSelectors": selectors });
        roles::aggregated(row.from)
    };
    object["rules"] = rule_values(&held);
    Item {
        plural: "clusterroles",
        namespace: "",
        object,
    }
}

/// The subject of this kind and name; `namespace/name` for a service account.
fn subject(kind: &str, name: &str) -> Value {
    match name.split_once('/').filter(|_| kind == "ServiceAccount") {
        Some((namespace, name)) => json!({ "kind": kind, "name": name, "namespace": namespace }),
        None => json!({ "kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io" }),
    }
}

fn cluster_binding(role: &str, subjects: &[(&str, &str)]) -> Item {
    let subjects = subjects.iter().map(|(kind, name)| subject(kind, name));
    Item {
        plural: "clusterrolebindings",
        namespace: "",
        object: json!({
            "metadata": metadata(role),
            "roleRef": role_ref("ClusterRole", role),
            "subjects": subjects.collect::<Value>(),
        }),
    }
}

fn role_ref(kind: &str, name: &str) -> Value {
    json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name })
}

/// All of it.
fn items() -> Vec<Item> {
    let mut items: Vec<Item> = roles::ROLES.iter().map(cluster_role).collect();
    items.extend(roles::bindings());
    items.extend(roles::in_namespaces());
    for (name, grants) in controllers::controllers() {
        let role = format!("system:controller:{name}");
        items.push(Item {
            plural: "clusterroles",
            namespace: "",
            object: json!({ "metadata": metadata(&role), "rules": rule_values(&rules(grants)) }),
        });
        let account = format!("kube-system/{name}");
        items.push(cluster_binding(&role, &[("ServiceAccount", &account)]));
    }
    items
}

/// What nodes may do, before it is asked whether the object is their business.
pub(super) fn node_rules() -> Vec<Rule> {
    rules(nodes::NODE)
}

/// Whether a part of the control plane of this name has a role. One without can do nothing.
pub fn knows_controller(name: &str) -> bool {
    let identity = crate::identity::Identity::controller(name);
    identity
        .as_account()
        .is_none_or(|(_, account)| controllers::controllers().any(|(known, _)| *known == account))
}
