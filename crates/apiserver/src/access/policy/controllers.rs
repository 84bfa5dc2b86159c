//! What each controller may do. Where a controller does by a patch what upstream's does by an update,
//! it has both; it writes nothing else that upstream's does not.

use super::{EVENTS, Grant, READ, may, named};

/// Name and rights of every controller; each is a service account in `kube-system`.
pub(super) const CONTROLLERS: &[(&str, &[Grant])] = &[
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
        "cronjob-controller",
        &[
            may("get list patch update watch", "batch", "cronjobs"),
            may("create delete get list patch update watch", "batch", "jobs"),
            may("patch update", "batch", "cronjobs/status"),
            may("update", "batch", "cronjobs/finalizers"),
            may("list watch delete", "core", "pods"),
            EVENTS,
        ],
    ),
    (
        "daemon-set-controller",
        &[
            may(READ, "apps", "daemonsets"),
            may("patch update", "apps", "daemonsets/status"),
            may("update", "apps", "daemonsets/finalizers"),
            may("list watch", "core", "nodes"),
            may("create delete get list patch watch", "core", "pods"),
            may("create", "core", "pods/binding"),
            may(
                "create delete get list patch update watch",
                "apps",
                "controllerrevisions",
            ),
            EVENTS,
        ],
    ),
    (
        "deployment-controller",
        &[
            may("get list patch update watch", "apps", "deployments"),
            may("patch update", "apps", "deployments/status"),
            may("update", "apps", "deployments/finalizers"),
            may(
                "create delete get list patch update watch",
                "apps",
                "replicasets",
            ),
            may("get list update watch", "core", "pods"),
            EVENTS,
        ],
    ),
    (
        "disruption-controller",
        &[
            may(READ, "apps", "deployments replicasets statefulsets"),
            may(READ, "core", "pods replicationcontrollers"),
            may(READ, "policy", "poddisruptionbudgets"),
            may("patch update", "policy", "poddisruptionbudgets/status"),
            may("patch update", "core", "pods/status"),
            may("get", "*", "*/scale"),
            EVENTS,
        ],
    ),
    (
        "endpoint-controller",
        &[
            may(READ, "core", "pods services"),
            may(
                "create delete get list patch update watch",
                "core",
                "endpoints",
            ),
            may("create", "core", "endpoints/restricted"),
            EVENTS,
        ],
    ),
    // Keeps Endpoints as well.
    (
        "endpointslice-controller",
        &[
            may(READ, "core", "nodes pods services"),
            may("update", "core", "services/finalizers"),
            may(
                "create delete get list patch update watch",
                "discovery.k8s.io",
                "endpointslices",
            ),
            may(
                "create delete get list patch update watch",
                "core",
                "endpoints",
            ),
            EVENTS,
        ],
    ),
    (
        "endpointslicemirroring-controller",
        &[
            may(READ, "core", "endpoints services"),
            may("update", "core", "endpoints/finalizers"),
            may(
                "create delete get list patch update watch",
                "discovery.k8s.io",
                "endpointslices",
            ),
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
        "horizontal-pod-autoscaler",
        &[
            may(READ, "autoscaling", "horizontalpodautoscalers"),
            may(
                "patch update",
                "autoscaling",
                "horizontalpodautoscalers/status",
            ),
            may("get patch update", "*", "*/scale"),
            may("list watch", "core", "pods"),
            may("get list watch", "metrics.k8s.io", "pods"),
            may(READ, "custom.metrics.k8s.io external.metrics.k8s.io", "*"),
            EVENTS,
        ],
    ),
    (
        "job-controller",
        &[
            may("get list patch update watch", "batch", "jobs"),
            may("patch update", "batch", "jobs/status"),
            may("update", "batch", "jobs/finalizers"),
            may("create delete get list patch watch", "core", "pods"),
            may("patch update", "core", "pods/status"),
            EVENTS,
        ],
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
    ("taint-eviction-controller", TAINTS),
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
        "pod-garbage-collector",
        &[
            may("delete list watch", "core", "pods"),
            may(READ, "core", "nodes"),
            may("patch", "core", "pods/status"),
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
        "replicaset-controller",
        &[
            may("get list patch update watch", "apps", "replicasets"),
            may("patch update", "apps", "replicasets/status"),
            may("update", "apps", "replicasets/finalizers"),
            may("create delete get list patch watch", "core", "pods"),
            EVENTS,
        ],
    ),
    (
        "replication-controller",
        &[
            may(
                "get list patch update watch",
                "core",
                "replicationcontrollers",
            ),
            may("patch update", "core", "replicationcontrollers/status"),
            may("update", "core", "replicationcontrollers/finalizers"),
            may("create delete get list patch watch", "core", "pods"),
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
    (
        "statefulset-controller",
        &[
            may(READ, "apps", "statefulsets"),
            may("patch update", "apps", "statefulsets/status"),
            may("update", "apps", "statefulsets/finalizers"),
            may("create delete get list patch update watch", "core", "pods"),
            may("update", "core", "pods/finalizers"),
            may(
                "create delete get list patch update watch",
                "apps",
                "controllerrevisions",
            ),
            may(
                "create delete get list patch update watch",
                "core",
                "persistentvolumeclaims",
            ),
            EVENTS,
        ],
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
        "ttl-after-finished-controller",
        &[may("delete get list watch", "batch", "jobs"), EVENTS],
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
    // Our own.
    ("seatrial", &[EVENTS]),
    (
        "storage-class-installer",
        &[may(
            "create get list watch",
            "storage.k8s.io",
            "storageclasses",
        )],
    ),
    (
        "event-expiry",
        &[may("delete get list watch", "core events.k8s.io", "events")],
    ),
    (
        "simulated-node",
        &[
            may("create delete get list patch update watch", "core", "nodes"),
            may("patch update", "core", "nodes/status"),
            may(
                "create delete get list patch update watch",
                "coordination.k8s.io",
                "leases",
            ),
            may("create", "core", "namespaces"),
            may("delete get list watch", "core", "pods"),
            may("patch update", "core", "pods/status"),
            EVENTS,
        ],
    ),
    (
        "gateway",
        &[
            may(READ, "core", "endpoints pods services"),
            may(READ, "discovery.k8s.io", "endpointslices"),
            may(READ, "networking.istio.io", "virtualservices"),
            EVENTS,
        ],
    ),
    (
        "service-controller",
        &[
            may(READ, "core", "services"),
            may("patch update", "core", "services/status"),
            EVENTS,
        ],
    ),
    (
        "seatrial-git",
        &[
            may("create get", "core", "namespaces"),
            may(
                "create get list patch update watch",
                "seatrial.dev",
                "repositories",
            ),
            may("patch update", "seatrial.dev", "repositories/status"),
            may("create delete get list watch", "seatrial.dev", "pushes"),
            EVENTS,
        ],
    ),
    (
        "seatrial-pipelines",
        &[may("get", "core", "secrets configmaps")],
    ),
    (
        "pipeline-push-controller",
        &[
            may(READ, "seatrial.dev", "pushes repositories"),
            may("patch update", "seatrial.dev", "pushes pushes/status"),
            may(
                "create delete get list patch update watch",
                "seatrial.dev",
                "pipelineruns",
            ),
            may("patch update", "seatrial.dev", "pipelineruns/status"),
            EVENTS,
        ],
    ),
    (
        "pipeline-run-controller",
        &[
            may(READ, "seatrial.dev", "pushes repositories"),
            may(
                "create delete get list patch update watch",
                "seatrial.dev",
                "pipelineruns",
            ),
            may("patch update", "seatrial.dev", "pipelineruns/status"),
            EVENTS,
        ],
    ),
    // It makes whatever its Applications name, as the permissions of Argo CD's own controller.
    ("argocd-application-controller", &[may("*", "*", "*")]),
    (
        "rollouts-controller",
        &[
            may("get list patch update watch", "argoproj.io", "rollouts"),
            may("patch update", "argoproj.io", "rollouts/status"),
            may(
                "create delete get list patch update watch",
                "argoproj.io",
                "analysisruns",
            ),
            may(
                READ,
                "argoproj.io",
                "analysistemplates clusteranalysistemplates",
            ),
            may(
                "create delete get list patch update watch",
                "apps",
                "replicasets",
            ),
            may(READ, "core", "pods"),
            may("create", "core", "pods/eviction"),
            may("get list patch update watch", "core", "services"),
            may(
                "get list patch update watch",
                "networking.istio.io",
                "virtualservices",
            ),
            EVENTS,
        ],
    ),
    (
        "experiment-controller",
        &[
            may("get list patch update watch", "argoproj.io", "experiments"),
            may("patch update", "argoproj.io", "experiments/status"),
            EVENTS,
        ],
    ),
    (
        "analysis-controller",
        &[
            may("get list patch update watch", "argoproj.io", "analysisruns"),
            may("patch update", "argoproj.io", "analysisruns/status"),
            may(
                READ,
                "argoproj.io",
                "analysistemplates clusteranalysistemplates",
            ),
            EVENTS,
        ],
    ),
];

const NODE_LIFECYCLE: &[Grant] = &[
    may("delete get list patch update watch", "core", "nodes"),
    may("patch update", "core", "nodes/status"),
    may("patch update", "core", "pods/status"),
    may("delete get list watch", "core", "pods"),
    may(READ, "coordination.k8s.io", "leases"),
    EVENTS,
];

const TAINTS: &[Grant] = &[
    may(READ, "core", "nodes"),
    may("delete get list watch", "core", "pods"),
    may("patch update", "core", "pods/status"),
    EVENTS,
];
