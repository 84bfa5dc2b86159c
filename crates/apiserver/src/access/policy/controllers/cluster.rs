//! Controllers of upstream's that look after everything else.

use super::NODE_LIFECYCLE;
use super::Row;
use crate::access::policy::{EVENTS, READ, may, named};

pub(super) const ROWS: &[Row] = &[
    // Upstream's.
    (
        "clusterrole-aggregation-controller",
        &[may(
            "escalate get list patch update watch",
            "rbac.authorization.k8s.io",
            "clusterroles",
        )],
    ),
    (
        "certificate-controller",
        &[
            may(
                "get list watch delete",
                "certificates.k8s.io",
                "certificatesigningrequests",
            ),
            may(
                "patch update",
                "certificates.k8s.io",
                "certificatesigningrequests/status certificatesigningrequests/approval",
            ),
            named(
                "approve",
                "certificates.k8s.io",
                "signers",
                "kubernetes.io/kube-apiserver-client-kubelet",
            ),
            named(
                "sign",
                "certificates.k8s.io",
                "signers",
                "kubernetes.io/legacy-unknown kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving",
            ),
            may("create", "authorization.k8s.io", "subjectaccessreviews"),
            EVENTS,
        ],
    ),
    (
        "ephemeral-volume-controller",
        &[
            may(READ, "core", "pods"),
            may("update", "core", "pods/finalizers"),
            may("create get list watch", "core", "persistentvolumeclaims"),
            EVENTS,
        ],
    ),
    (
        "expand-controller",
        &[
            may("get list patch update watch", "core", "persistentvolumes"),
            may("patch update", "core", "persistentvolumeclaims/status"),
            may(READ, "core", "persistentvolumeclaims"),
            EVENTS,
        ],
    ),
    (
        "generic-garbage-collector",
        &[may("delete get list patch update watch", "*", "*"), EVENTS],
    ),
    (
        "namespace-controller",
        &[
            may(READ, "core", "namespaces"),
            may(
                "patch update",
                "core",
                "namespaces/finalize namespaces/status",
            ),
            may("delete deletecollection get list watch", "*", "*"),
            EVENTS,
        ],
    ),
    ("node-controller", NODE_LIFECYCLE),
    ("node-lifecycle-controller", NODE_LIFECYCLE),
    (
        "persistent-volume-binder",
        &[
            may(
                "create delete get list patch update watch",
                "core",
                "persistentvolumes",
            ),
            may("patch update", "core", "persistentvolumes/status"),
            may(
                "get list patch update watch",
                "core",
                "persistentvolumeclaims",
            ),
            may("patch update", "core", "persistentvolumeclaims/status"),
            may("create delete get list watch", "core", "pods"),
            may(READ, "storage.k8s.io", "storageclasses"),
            may("list watch", "core", "nodes"),
            may("watch", "core", "events"),
            EVENTS,
        ],
    ),
    (
        "pv-protection-controller",
        &[
            may("get list patch update watch", "core", "persistentvolumes"),
            EVENTS,
        ],
    ),
    (
        "pvc-protection-controller",
        &[
            may(
                "get list patch update watch",
                "core",
                "persistentvolumeclaims",
            ),
            may(READ, "core", "pods"),
            EVENTS,
        ],
    ),
    (
        "resourcequota-controller",
        &[
            may("list watch", "*", "*"),
            may("get", "core", "resourcequotas"),
            may("patch update", "core", "resourcequotas/status"),
            EVENTS,
        ],
    ),
    (
        "root-ca-cert-publisher",
        &[may("create get patch update", "core", "configmaps"), EVENTS],
    ),
    (
        "service-account-controller",
        &[may("create", "core", "serviceaccounts"), EVENTS],
    ),
    // Upstream's has no account of its own.
    (
        "tokens-controller",
        &[
            may("get list watch", "core", "serviceaccounts configmaps"),
            may("create", "core", "serviceaccounts/token"),
            may("get list watch update patch delete", "core", "secrets"),
            EVENTS,
        ],
    ),
    (
        "validatingadmissionpolicy-status-controller",
        &[
            may(
                READ,
                "admissionregistration.k8s.io",
                "validatingadmissionpolicies",
            ),
            may(
                "get patch update",
                "admissionregistration.k8s.io",
                "validatingadmissionpolicies/status",
            ),
            EVENTS,
        ],
    ),
];
