//! Which optional fields are pointers in upstream's structs, so that an empty value was meant.

/// Scalars that are pointers: `replicas: 0` and `suspend: false` are not the same as nothing.
const SCALARS: &[&str] = &[
    "activeDeadlineSeconds",
    "allocateLoadBalancerNodePorts",
    "allowPrivilegeEscalation",
    "attachRequired",
    "automountServiceAccountToken",
    "averageUtilization",
    "backoffLimit",
    "backoffLimitPerIndex",
    "blockOwnerDeletion",
    "completions",
    "controller",
    "defaultMode",
    "deletionGracePeriodSeconds",
    "enableServiceLinks",
    "expirationSeconds",
    "failedJobsHistoryLimit",
    "fsGroup",
    "gracePeriodSeconds",
    "hostUsers",
    "immutable",
    "ingressClassName",
    "leaseDurationSeconds",
    "leaseTransitions",
    "manualSelector",
    "maxFailedIndexes",
    "minReplicas",
    "mode",
    "optional",
    "orphanDependents",
    "parallelism",
    "partition",
    "podInfoOnMount",
    "priority",
    "privileged",
    "progressDeadlineSeconds",
    "protectionFinalizers",
    "readOnlyRootFilesystem",
    "ready",
    "replicas",
    "revisionHistoryLimit",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "serving",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "stabilizationWindowSeconds",
    "startingDeadlineSeconds",
    "storageClassName",
    "successfulJobsHistoryLimit",
    "suspend",
    "targetCPUUtilizationPercentage",
    "terminating",
    "terminationGracePeriodSeconds",
    "tolerationSeconds",
    "ttlSecondsAfterFinished",
];

/// Messages that are no pointers: an empty one stands for nothing.
const MESSAGES: &[&str] = &[
    "clientConfig",
    "daemonEndpoints",
    "involvedObject",
    "jobTemplate",
    "kubeletEndpoint",
    "loadBalancer",
    "metadata",
    "names",
    "nodeInfo",
    "resources",
    "source",
    "spec",
    "status",
    "strategy",
    "template",
    "updateStrategy",
    "user",
];

/// Whether an empty value of the optional scalar `name` of a message was meant. What is counted in a
/// status is no pointer.
pub(super) fn keeps_empty_scalar(message: &str, name: &str) -> bool {
    SCALARS.binary_search(&name).is_ok() && !(name == "replicas" && message.ends_with("Status"))
}

/// Whether an empty message in the optional field `name` was meant, such as `emptyDir: {}`.
pub(super) fn keeps_empty_message(name: &str) -> bool {
    MESSAGES.binary_search(&name).is_err()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tables_are_sorted() {
        assert!(super::SCALARS.is_sorted());
        assert!(super::MESSAGES.is_sorted());
    }
}
