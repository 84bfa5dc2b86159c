//! The built-in kinds, one row each.

mod core;
mod extensions;
mod policies;
mod row;
mod stored;
mod workloads;

use self::row::{Row, row};
use super::Scope::{Cluster, Namespaced};
use super::{Kind, Verbs};

/// Every built-in kind.
pub(super) fn kinds() -> Vec<Kind> {
    [
        core::rows(),
        workloads::rows(),
        policies::rows(),
        extensions::rows(),
        stored::rows(),
        questions(),
        measured(),
    ]
    .into_iter()
    .flatten()
    .map(|row| row.kind)
    .collect()
}

/// What is measured when it is asked for.
fn measured() -> Vec<Row> {
    let group = "metrics.k8s.io";
    vec![
        row(group, "v1beta1", "NodeMetrics", "nodes", Cluster).verbs(Verbs::Measure),
        row(group, "v1beta1", "PodMetrics", "pods", Namespaced).verbs(Verbs::Measure),
    ]
}

fn questions() -> Vec<Row> {
    let ask = |group, kind, plural, scope| row(group, "v1", kind, plural, scope).verbs(Verbs::Ask);
    let (who, may) = ("authentication.k8s.io", "authorization.k8s.io");
    vec![
        ask(who, "SelfSubjectReview", "selfsubjectreviews", Cluster),
        ask(who, "TokenReview", "tokenreviews", Cluster),
        ask(
            may,
            "SelfSubjectAccessReview",
            "selfsubjectaccessreviews",
            Cluster,
        ),
        ask(
            may,
            "SelfSubjectRulesReview",
            "selfsubjectrulesreviews",
            Cluster,
        ),
        ask(may, "SubjectAccessReview", "subjectaccessreviews", Cluster),
        ask(
            may,
            "LocalSubjectAccessReview",
            "localsubjectaccessreviews",
            Namespaced,
        ),
    ]
}
