//! Who has the roles, and the roles within namespaces.

use serde_json::json;

use crate::access::policy::{
    EVENTS, Grant, Item, READ, cluster_binding, may, metadata, named, role_ref, rule_values, rules,
    subject,
};

const EVERYBODY: (&str, &str) = ("Group", "system:authenticated");
const NOBODY: (&str, &str) = ("Group", "system:unauthenticated");

/// Who has those roles.
pub(in crate::access::policy) fn bindings() -> Vec<Item> {
    let scheduler = ("User", "system:kube-scheduler");
    vec![
        cluster_binding("cluster-admin", &[("Group", "system:masters")]),
        cluster_binding("system:monitoring", &[("Group", "system:monitoring")]),
        cluster_binding("system:discovery", &[EVERYBODY]),
        cluster_binding("system:basic-user", &[EVERYBODY]),
        cluster_binding("system:public-info-viewer", &[EVERYBODY, NOBODY]),
        cluster_binding("system:node-proxier", &[("User", "system:kube-proxy")]),
        cluster_binding(
            "system:kube-controller-manager",
            &[("User", "system:kube-controller-manager")],
        ),
        cluster_binding(
            "system:kube-dns",
            &[("ServiceAccount", "kube-system/kube-dns")],
        ),
        cluster_binding("system:kube-scheduler", &[scheduler]),
        cluster_binding("system:volume-scheduler", &[scheduler]),
        cluster_binding(
            "system:service-account-issuer-discovery",
            &[("Group", "system:serviceaccounts")],
        ),
        // Nodes have their rights from the rules about nodes, not from this role.
        cluster_binding("system:node", &[]),
        cluster_binding(
            "seatrial:pipeline",
            &[("ServiceAccount", "seatrial-system/pipeline")],
        ),
    ]
}

/// What reads the configuration of authentication: upstream's roles within `kube-system` and
/// `kube-public`.
pub(in crate::access::policy) fn in_namespaces() -> Vec<Item> {
    let roles: [(&str, &str, &[Grant]); 2] = [
        (
            "kube-system",
            "extension-apiserver-authentication-reader",
            &[named(
                READ,
                "core",
                "configmaps",
                "extension-apiserver-authentication",
            )],
        ),
        (
            "kube-system",
            "system:controller:token-cleaner",
            &[may("delete get list watch", "core", "secrets"), EVENTS],
        ),
    ];
    let bind = |namespace: &'static str, name: &str, subjects: &[(&str, &str)]| Item {
        plural: "rolebindings",
        namespace,
        object: json!({
            "metadata": metadata(name),
            "roleRef": role_ref("Role", name.trim_start_matches("system::")),
            "subjects": subjects.iter().map(|(kind, name)| subject(kind, name)).collect::<serde_json::Value>(),
        }),
    };
    let mut items: Vec<Item> = roles
        .into_iter()
        .map(|(namespace, name, grants)| Item {
            plural: "roles",
            namespace,
            object: json!({ "metadata": metadata(name), "rules": rule_values(&rules(grants)) }),
        })
        .collect();
    items.push(bind(
        "kube-system",
        "system::extension-apiserver-authentication-reader",
        &[
            ("User", "system:kube-controller-manager"),
            ("User", "system:kube-scheduler"),
        ],
    ));
    items.push(bind(
        "kube-system",
        "system:controller:token-cleaner",
        &[("ServiceAccount", "kube-system/token-cleaner")],
    ));
    items
}
