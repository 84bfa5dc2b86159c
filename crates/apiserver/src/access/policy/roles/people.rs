//! What people may do who administer, change or look at namespaces.

use super::RBAC;
use crate::access::policy::{Grant, READ, READ_WRITE, WRITE, may};

pub(super) const ADMIN: &[Grant] = &[
    may(
        "create",
        "authorization.k8s.io",
        "localsubjectaccessreviews",
    ),
    may(READ_WRITE, RBAC, "rolebindings roles"),
];

pub(super) const EDIT: &[Grant] = &[
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

pub(super) const VIEW: &[Grant] = &[
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
