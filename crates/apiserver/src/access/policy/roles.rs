//! Upstream's roles for people and for the parts of a cluster that are not controllers.

use serde_json::json;

use super::nodes::NODE;
use super::{
    EVENTS, Grant, Item, READ, READ_WRITE, Row, WRITE, cluster_binding, may, metadata, named,
    paths, role_ref, rule_values, rules, subject,
};
use crate::access::rule::Rule;

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

const ADMIN: &[Grant] = &[
    may(
        "create",
        "authorization.k8s.io",
        "localsubjectaccessreviews",
    ),
    may(READ_WRITE, RBAC, "rolebindings roles"),
];

const EDIT: &[Grant] = &[
    may(
        READ,
        "core",
        "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy",
    ),
    may("impersonate", "core", "serviceaccounts"),
    may(
        WRITE,
        "core",
        "pods pods/attach pods/exec pods/portforward pods/proxy",
    ),
    may("create", "core", "pods/eviction serviceaccounts/token"),
    may(
        WRITE,
        "core",
        "configmaps events persistentvolumeclaims replicationcontrollers \
         replicationcontrollers/scale secrets serviceaccounts services services/proxy",
    ),
    may(
        WRITE,
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets \
         replicasets/scale statefulsets statefulsets/scale",
    ),
    may(WRITE, "autoscaling", "horizontalpodautoscalers"),
    may(WRITE, "batch", "cronjobs jobs"),
    may(
        WRITE,
        "extensions",
        "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies \
         replicasets replicasets/scale replicationcontrollers/scale",
    ),
    may(WRITE, "policy", "poddisruptionbudgets"),
    may(WRITE, "networking.k8s.io", "ingresses networkpolicies"),
    may(READ_WRITE, "coordination.k8s.io", "leases"),
    may(
        WRITE,
        "resource.k8s.io",
        "resourceclaims resourceclaimtemplates",
    ),
];

const VIEW: &[Grant] = &[
    may(
        READ,
        "core",
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods \
         replicationcontrollers replicationcontrollers/scale serviceaccounts services \
         services/status",
    ),
    may(
        READ,
        "core",
        "bindings events limitranges namespaces/status pods/log pods/status \
         replicationcontrollers/status resourcequotas resourcequotas/status",
    ),
    may(READ, "core", "namespaces"),
    may(READ, "discovery.k8s.io", "endpointslices"),
    may(
        READ,
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale \
         deployments/status replicasets replicasets/scale replicasets/status statefulsets \
         statefulsets/scale statefulsets/status",
    ),
    may(
        READ,
        "autoscaling",
        "horizontalpodautoscalers horizontalpodautoscalers/status",
    ),
    may(READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
    may(
        READ,
        "extensions",
        "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses \
         ingresses/status networkpolicies replicasets replicasets/scale replicasets/status \
         replicationcontrollers/scale",
    ),
    may(
        READ,
        "policy",
        "poddisruptionbudgets poddisruptionbudgets/status",
    ),
    may(
        READ,
        "networking.k8s.io",
        "ingresses ingresses/status networkpolicies",
    ),
    may(
        READ,
        "resource.k8s.io",
        "resourceclaims resourceclaims/status resourceclaimtemplates",
    ),
];

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

const CONTROLLER_MANAGER: &[Grant] = &[
    EVENTS,
    may("create", "coordination.k8s.io", "leases"),
    named(
        "get update",
        "coordination.k8s.io",
        "leases",
        "kube-controller-manager",
    ),
    may("create", "core", "secrets serviceaccounts"),
    may("delete", "core", "secrets"),
    may(
        "get",
        "core",
        "configmaps namespaces secrets serviceaccounts",
    ),
    may("update", "core", "secrets serviceaccounts"),
    may("create", "authentication.k8s.io", "tokenreviews"),
    may("create", "authorization.k8s.io", "subjectaccessreviews"),
    may("list watch", "*", "*"),
    may("create", "core", "serviceaccounts/token"),
];

const SCHEDULER: &[Grant] = &[
    EVENTS,
    may("create", "coordination.k8s.io", "leases"),
    named(
        "get update",
        "coordination.k8s.io",
        "leases",
        "kube-scheduler",
    ),
    may(READ, "core", "nodes namespaces"),
    may("delete get list watch", "core", "pods"),
    may("create", "core", "bindings pods/binding"),
    may("patch update", "core", "pods/status"),
    may(READ, "core", "replicationcontrollers services"),
    may(READ, "apps extensions", "replicasets"),
    may(READ, "apps", "statefulsets"),
    may(READ, "policy", "poddisruptionbudgets"),
    may(READ, "core", "persistentvolumeclaims persistentvolumes"),
    may("create", "authentication.k8s.io", "tokenreviews"),
    may("create", "authorization.k8s.io", "subjectaccessreviews"),
    may(
        READ,
        "storage.k8s.io",
        "csinodes csidrivers csistoragecapacities volumeattachments",
    ),
    may(
        READ,
        "resource.k8s.io",
        "deviceclasses resourceclaims resourceslices",
    ),
];

/// What a step of a pipeline may do: deliver by an Application, and look at what becomes of it.
const PIPELINE: &[Grant] = &[
    may(READ, "core", "namespaces"),
    may(
        "create patch update get list watch",
        "argoproj.io",
        "applications",
    ),
    may(READ, "argoproj.io", "analysisruns appprojects rollouts"),
    may(READ, "seatrial.dev", "pipelineruns repositories"),
    may(
        READ,
        "apps",
        "deployments replicasets statefulsets daemonsets",
    ),
    may(READ, "core", "events pods pods/log services"),
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

const EVERYBODY: (&str, &str) = ("Group", "system:authenticated");
const NOBODY: (&str, &str) = ("Group", "system:unauthenticated");

/// Who has those roles.
pub(super) fn bindings() -> Vec<Item> {
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
pub(super) fn in_namespaces() -> Vec<Item> {
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
