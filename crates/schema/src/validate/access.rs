//! Roles and bindings.

use super::field::Field;
use super::name::Rule;
use super::selector;
use crate::cause::Cause;

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn role(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let cluster = object.field("kind").text() == "ClusterRole";
    for one in object.below("aggregationRule.clusterRoleSelectors").items() {
        selector::labels(&one, causes);
    }
    for rule in object.field("rules").items() {
        let verbs = rule.field("verbs");
        if verbs.is_empty() {
            causes.push(verbs.required("verbs must contain at least one value"));
        }
        let urls = rule.field("nonResourceURLs");
        if !urls.is_empty() {
            if !cluster {
                let detail = "namespaced rules cannot apply to non-resource URLs";
                causes.push(urls.invalid(detail));
            }
            if !rule.field("resources").is_empty() || !rule.field("apiGroups").is_empty() {
                let detail = "rules cannot apply to both regular resources and non-resource URLs";
                causes.push(urls.invalid(detail));
            }
            continue;
        }
        let (groups, resources) = (rule.field("apiGroups"), rule.field("resources"));
        if groups.is_empty() {
            causes.push(groups.required("resource rules must supply at least one api group"));
        }
        if resources.is_empty() {
            causes.push(resources.required("resource rules must supply at least one resource"));
        }
    }
}

pub(super) fn binding(object: &Field<'_>, causes: &mut Vec<Cause>) {
    let role = object.field("roleRef");
    role.field("apiGroup").must_be_one_of(&[GROUP], causes);
    let kinds: &[&str] = match object.field("kind").text() {
        "ClusterRoleBinding" => &["ClusterRole"],
        _ => &["ClusterRole", "Role"],
    };
    let kind = role.field("kind");
    if !kinds.contains(&kind.text()) {
        causes.push(kind.unsupported(kinds));
    }
    role.field("name").must_be_set(causes);
    for subject in object.field("subjects").items() {
        let (name, group) = (subject.field("name"), subject.field("apiGroup"));
        name.must_be_set(causes);
        match subject.field("kind").text() {
            "ServiceAccount" => {
                let problem = Rule::Subdomain.problem(name.text());
                if !name.is_empty() {
                    causes.extend(problem.map(|one| name.invalid(&one)));
                }
                if !group.is_empty() {
                    causes.push(group.unsupported(&[""]));
                }
                if subject.field("namespace").is_empty() {
                    causes.push(subject.field("namespace").required(""));
                }
            }
            "User" | "Group" => {
                if group.text() != GROUP {
                    causes.push(group.unsupported(&[GROUP]));
                }
            }
            _ => {
                let kinds = ["Group", "ServiceAccount", "User"];
                causes.push(subject.field("kind").unsupported(&kinds));
            }
        }
    }
}

pub(super) fn binding_change(new: &Field<'_>, old: &Field<'_>, causes: &mut Vec<Cause>) {
    let (new, old) = (new.field("roleRef"), old.field("roleRef"));
    if new.value != old.value {
        causes.push(new.invalid("cannot change roleRef"));
    }
}
