//! Upstream's roles for people and for the parts of a cluster that are not controllers.

mod bindings;
mod parts;
mod people;

pub(super) use bindings::{bindings, in_namespaces};

use super::nodes::NODE;
use super::{EVENTS, Grant, READ, Row, WRITE, may, named, paths, rules};
use crate::access::rule::Rule;
use parts::{CONTROLLER_MANAGER, PIPELINE, SCHEDULER};
use people::{ADMIN, EDIT, VIEW};

const fn role(name: &'static str, grants: &'static [Grant]) -> Row {
    Row {
        name,
        added_to: "",
        from: "",
        grants,
    }
}

const fn adding(to: &'static str, name: &'static str, grants: &'static [Grant]) -> Row {
    Row {
        added_to: to,
        ..role(name, grants)
    }
}

const fn taking(name: &'static str, to: &'static str) -> Row {
    Row {
        name,
        added_to: to,
        from: name,
        grants: &[],
    }
}

const PUBLIC: &str = "/healthz /livez /readyz /version /version/";
const DISCOVERY: &str = "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz \
    /version /version/";
const SIGNERS: &str = "certificates.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";

/// What our own kinds add for people: who may deploy may deploy by them.
const DELIVERY: &str = "analysisruns analysistemplates applications appprojects experiments rollouts \
    rollouts/scale virtualservices pipelineruns pushes repositories";
const DELIVERY_GROUPS: &str = "argoproj.io networking.istio.io seatrial.dev";

/// The roles.
pub(super) const ROLES: &[Row] = &[
    role("cluster-admin", &[may("*", "*", "*"), paths("*", "*")]),
    role("system:discovery", &[paths("get", DISCOVERY)]),
    role(
        "system:monitoring",
        &[paths(
            "get",
            "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz /flagz",
        )],
    ),
    role(
        "system:basic-user",
        &[
            may(
                "create",
                "authorization.k8s.io",
                "selfsubjectaccessreviews selfsubjectrulesreviews",
            ),
            may("create", "authentication.k8s.io", "selfsubjectreviews"),
        ],
    ),
    role("system:public-info-viewer", &[paths("get", PUBLIC)]),
    taking("admin", ""),
    taking("edit", "admin"),
    taking("view", "edit"),
    adding("admin", "system:aggregate-to-admin", ADMIN),
    adding("edit", "system:aggregate-to-edit", EDIT),
    adding("view", "system:aggregate-to-view", VIEW),
    adding(
        "edit",
        "seatrial:aggregate-to-edit",
        &[may(WRITE, DELIVERY_GROUPS, DELIVERY)],
    ),
    adding(
        "view",
        "seatrial:aggregate-to-view",
        &[may(READ, DELIVERY_GROUPS, DELIVERY)],
    ),
    role(
        "system:heapster",
        &[
            may(READ, "core", "events namespaces nodes pods"),
            may(READ, "extensions", "deployments"),
        ],
    ),
    role("system:node", NODE),
    role(
        "system:node-problem-detector",
        &[
            may("get", "core", "nodes"),
            may("patch", "core", "nodes/status"),
            EVENTS,
        ],
    ),
    role(
        "system:kubelet-api-admin",
        &[
            may(READ, "core", "nodes"),
            may("proxy", "core", "nodes"),
            may(
                "*",
                "core",
                "nodes/log nodes/metrics nodes/proxy nodes/stats nodes/configz nodes/healthz nodes/pods",
            ),
        ],
    ),
    role(
        "system:node-bootstrapper",
        &[may(
            "create get list watch",
            SIGNERS,
            "certificatesigningrequests",
        )],
    ),
    role(
        "system:auth-delegator",
        &[
            may("create", "authentication.k8s.io", "tokenreviews"),
            may("create", "authorization.k8s.io", "subjectaccessreviews"),
        ],
    ),
    role(
        "system:kube-aggregator",
        &[may(READ, "core", "endpoints services")],
    ),
    role("system:kube-controller-manager", CONTROLLER_MANAGER),
    role(
        "system:kube-dns",
        &[may("list watch", "core", "endpoints services")],
    ),
    role(
        "system:persistent-volume-provisioner",
        &[
            may("create delete get list watch", "core", "persistentvolumes"),
            may("get list update watch", "core", "persistentvolumeclaims"),
            may(READ, "storage.k8s.io", "storageclasses"),
            may("watch", "core", "events"),
            EVENTS,
        ],
    ),
    role(
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        &[may(
            "create",
            SIGNERS,
            "certificatesigningrequests/nodeclient",
        )],
    ),
    role(
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        &[may(
            "create",
            SIGNERS,
            "certificatesigningrequests/selfnodeclient",
        )],
    ),
    role(
        "system:volume-scheduler",
        &[
            may("get list patch update watch", "core", "persistentvolumes"),
            may(READ, "storage.k8s.io", "storageclasses"),
            may(
                "get list patch update watch",
                "core",
                "persistentvolumeclaims",
            ),
        ],
    ),
    role(
        "system:certificates.k8s.io:legacy-unknown-approver",
        &[named(
            "approve",
            SIGNERS,
            "signers",
            "kubernetes.io/legacy-unknown",
        )],
    ),
    role(
        "system:certificates.k8s.io:kubelet-serving-approver",
        &[named(
            "approve",
            SIGNERS,
            "signers",
            "kubernetes.io/kubelet-serving",
        )],
    ),
    role(
        "system:certificates.k8s.io:kube-apiserver-client-approver",
        &[named(
            "approve",
            SIGNERS,
            "signers",
            "kubernetes.io/kube-apiserver-client",
        )],
    ),
    role(
        "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
        &[named(
            "approve",
            SIGNERS,
            "signers",
            "kubernetes.io/kube-apiserver-client-kubelet",
        )],
    ),
    role(
        "system:service-account-issuer-discovery",
        &[paths(
            "get",
            "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
        )],
    ),
    role(
        "system:node-proxier",
        &[
            may("list watch", "core", "endpoints services"),
            may(READ, "core", "nodes"),
            EVENTS,
            may("list watch", "discovery.k8s.io", "endpointslices"),
            may("list watch", "networking.k8s.io", "servicecidrs"),
        ],
    ),
    role("system:kube-scheduler", SCHEDULER),
    role("seatrial:pipeline", PIPELINE),
];

/// The rules of the role that takes those of every role with its label, theirs included.
pub(super) fn aggregated(name: &str) -> Vec<Rule> {
    let mut found: Vec<Rule> = Vec::new();
    for row in ROLES.iter().filter(|row| row.added_to == name) {
        let more = if row.from.is_empty() {
            rules(row.grants)
        } else {
            aggregated(row.from)
        };
        for rule in more {
            if !found.contains(&rule) {
                found.push(rule);
            }
        }
    }
    found
}
