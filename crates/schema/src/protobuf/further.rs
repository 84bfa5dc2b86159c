//! Kinds that are not among the generated tables: their projects or versions are not (`kube-aggregator`, `metrics`,
//! and those versions of `admissionregistration` that were new in 1.34).

use crate::fact::wire::{Form, Label, Message, field};
use crate::generated::wire::{
    API_ADMISSIONREGISTRATION_V1_MATCHCONDITION as MATCH_CONDITION,
    API_ADMISSIONREGISTRATION_V1_MATCHRESOURCES as MATCH_RESOURCES,
    API_ADMISSIONREGISTRATION_V1_PARAMKIND as PARAM_KIND,
    API_ADMISSIONREGISTRATION_V1_PARAMREF as PARAM_REF,
    API_ADMISSIONREGISTRATION_V1_VARIABLE as VARIABLE,
    APIMACHINERY_PKG_APIS_META_V1_LISTMETA as LIST_META,
    APIMACHINERY_PKG_APIS_META_V1_OBJECTMETA as OBJECT_META,
};

/// The kinds, in order.
pub(super) static KINDS: &[((&str, &str, &str), &Message)] = &[
    (
        kind(ADMISSION, "v1alpha1", "MutatingAdmissionPolicy"),
        &POLICY,
    ),
    (
        kind(ADMISSION, "v1alpha1", "MutatingAdmissionPolicyBinding"),
        &BINDING,
    ),
    (
        kind(ADMISSION, "v1alpha1", "MutatingAdmissionPolicyBindingList"),
        &BINDINGS,
    ),
    (
        kind(ADMISSION, "v1alpha1", "MutatingAdmissionPolicyList"),
        &POLICIES,
    ),
    (
        kind(ADMISSION, "v1beta1", "MutatingAdmissionPolicy"),
        &POLICY,
    ),
    (
        kind(ADMISSION, "v1beta1", "MutatingAdmissionPolicyBinding"),
        &BINDING,
    ),
    (
        kind(ADMISSION, "v1beta1", "MutatingAdmissionPolicyBindingList"),
        &BINDINGS,
    ),
    (
        kind(ADMISSION, "v1beta1", "MutatingAdmissionPolicyList"),
        &POLICIES,
    ),
    (kind("apiregistration.k8s.io", "v1", "APIService"), &SERVICE),
    (
        kind("apiregistration.k8s.io", "v1", "APIServiceList"),
        &SERVICES,
    ),
    (
        kind("metrics.k8s.io", "v1beta1", "NodeMetrics"),
        &NODE_METRICS,
    ),
    (
        kind("metrics.k8s.io", "v1beta1", "NodeMetricsList"),
        &NODES_METRICS,
    ),
    (
        kind("metrics.k8s.io", "v1beta1", "PodMetrics"),
        &POD_METRICS,
    ),
    (
        kind("metrics.k8s.io", "v1beta1", "PodMetricsList"),
        &PODS_METRICS,
    ),
];

const ADMISSION: &str = "admissionregistration.k8s.io";

const fn kind(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
) -> (&'static str, &'static str, &'static str) {
    (group, version, kind)
}

const fn text(number: u32, name: &'static str) -> crate::fact::wire::WireField {
    field(number, name, Label::Single, Form::Text)
}

const fn one(
    number: u32,
    name: &'static str,
    of: &'static Message,
) -> crate::fact::wire::WireField {
    field(number, name, Label::Single, Form::Message(of))
}

const fn many(
    number: u32,
    name: &'static str,
    of: &'static Message,
) -> crate::fact::wire::WireField {
    field(number, name, Label::Repeated, Form::Message(of))
}

macro_rules! list {
    ($name:ident, $full:literal, $item:ident) => {
        static $name: Message = Message {
            name: $full,
            fields: &[
                one(1, "metadata", &LIST_META),
                many(2, "items", &$item).required(),
            ],
        };
    };
}

static POLICY: Message = Message {
    name: "api.admissionregistration.v1beta1.MutatingAdmissionPolicy",
    fields: &[
        one(1, "metadata", &OBJECT_META),
        one(2, "spec", &POLICY_SPEC),
    ],
};

static POLICY_SPEC: Message = Message {
    name: "api.admissionregistration.v1beta1.MutatingAdmissionPolicySpec",
    fields: &[
        one(1, "paramKind", &PARAM_KIND),
        one(2, "matchConstraints", &MATCH_RESOURCES),
        many(3, "variables", &VARIABLE),
        many(4, "mutations", &MUTATION),
        text(5, "failurePolicy"),
        many(6, "matchConditions", &MATCH_CONDITION),
        text(7, "reinvocationPolicy"),
    ],
};

static MUTATION: Message = Message {
    name: "api.admissionregistration.v1beta1.Mutation",
    fields: &[
        text(2, "patchType").required(),
        one(3, "applyConfiguration", &EXPRESSION),
        one(4, "jsonPatch", &EXPRESSION),
    ],
};

static EXPRESSION: Message = Message {
    name: "api.admissionregistration.v1beta1.ApplyConfiguration",
    fields: &[text(1, "expression")],
};

static BINDING: Message = Message {
    name: "api.admissionregistration.v1beta1.MutatingAdmissionPolicyBinding",
    fields: &[
        one(1, "metadata", &OBJECT_META),
        one(2, "spec", &BINDING_SPEC),
    ],
};

static BINDING_SPEC: Message = Message {
    name: "api.admissionregistration.v1beta1.MutatingAdmissionPolicyBindingSpec",
    fields: &[
        text(1, "policyName"),
        one(2, "paramRef", &PARAM_REF),
        one(3, "matchResources", &MATCH_RESOURCES),
    ],
};

list!(
    POLICIES,
    "api.admissionregistration.v1beta1.MutatingAdmissionPolicyList",
    POLICY
);
list!(
    BINDINGS,
    "api.admissionregistration.v1beta1.MutatingAdmissionPolicyBindingList",
    BINDING
);

static SERVICE: Message = Message {
    name: "kube_aggregator.pkg.apis.apiregistration.v1.APIService",
    fields: &[
        one(1, "metadata", &OBJECT_META),
        one(2, "spec", &SERVICE_SPEC),
        one(3, "status", &SERVICE_STATUS),
    ],
};

static SERVICE_SPEC: Message = Message {
    name: "kube_aggregator.pkg.apis.apiregistration.v1.APIServiceSpec",
    fields: &[
        one(1, "service", &SERVICE_REFERENCE),
        text(2, "group"),
        text(3, "version"),
        field(4, "insecureSkipTLSVerify", Label::Single, Form::Boolean),
        field(5, "caBundle", Label::Single, Form::Bytes),
        field(7, "groupPriorityMinimum", Label::Single, Form::Integer).required(),
        field(8, "versionPriority", Label::Single, Form::Integer).required(),
    ],
};

static SERVICE_REFERENCE: Message = Message {
    name: "kube_aggregator.pkg.apis.apiregistration.v1.ServiceReference",
    fields: &[
        text(1, "namespace"),
        text(2, "name"),
        field(3, "port", Label::Single, Form::Integer),
    ],
};

static SERVICE_STATUS: Message = Message {
    name: "kube_aggregator.pkg.apis.apiregistration.v1.APIServiceStatus",
    fields: &[many(1, "conditions", &SERVICE_CONDITION)],
};

static SERVICE_CONDITION: Message = Message {
    name: "kube_aggregator.pkg.apis.apiregistration.v1.APIServiceCondition",
    fields: &[
        text(1, "type").required(),
        text(2, "status").required(),
        field(3, "lastTransitionTime", Label::Single, Form::Time),
        text(4, "reason"),
        text(5, "message"),
    ],
};

list!(
    SERVICES,
    "kube_aggregator.pkg.apis.apiregistration.v1.APIServiceList",
    SERVICE
);

static NODE_METRICS: Message = Message {
    name: "metrics.pkg.apis.metrics.v1beta1.NodeMetrics",
    fields: &[
        one(1, "metadata", &OBJECT_META),
        field(2, "timestamp", Label::Single, Form::Time).required(),
        field(3, "window", Label::Single, Form::Duration).required(),
        field(4, "usage", Label::Map, Form::Quantity).required(),
    ],
};

static POD_METRICS: Message = Message {
    name: "metrics.pkg.apis.metrics.v1beta1.PodMetrics",
    fields: &[
        one(1, "metadata", &OBJECT_META),
        field(2, "timestamp", Label::Single, Form::Time).required(),
        field(3, "window", Label::Single, Form::Duration).required(),
        many(4, "containers", &CONTAINER_METRICS).required(),
    ],
};

static CONTAINER_METRICS: Message = Message {
    name: "metrics.pkg.apis.metrics.v1beta1.ContainerMetrics",
    fields: &[
        text(1, "name").required(),
        field(2, "usage", Label::Map, Form::Quantity).required(),
    ],
};

list!(
    NODES_METRICS,
    "metrics.pkg.apis.metrics.v1beta1.NodeMetricsList",
    NODE_METRICS
);
list!(
    PODS_METRICS,
    "metrics.pkg.apis.metrics.v1beta1.PodMetricsList",
    POD_METRICS
);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{decode, encode};

    fn check(object: &Value) {
        assert_eq!(decode(&encode(object).unwrap()).unwrap(), *object);
    }

    #[test]
    fn the_kinds_are_in_order() {
        assert!(super::KINDS.is_sorted_by_key(|(kind, _)| *kind));
    }

    #[test]
    fn policies_that_change_objects_come_back_as_they_were() {
        for version in ["v1alpha1", "v1beta1"] {
            let api_version = format!("admissionregistration.k8s.io/{version}");
            check(&json!({
                "apiVersion": api_version, "kind": "MutatingAdmissionPolicy", "metadata": { "name": "p" },
                "spec": {
                    "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded",
                    "matchConstraints": { "resourceRules": [{
                        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"],
                    }] },
                    "variables": [{ "name": "a", "expression": "1" }],
                    "mutations": [
                        { "patchType": "ApplyConfiguration", "applyConfiguration": { "expression": "Object{}" } },
                        { "patchType": "JSONPatch", "jsonPatch": { "expression": "[]" } },
                    ],
                },
            }));
            check(&json!({
                "apiVersion": api_version, "kind": "MutatingAdmissionPolicyBindingList", "metadata": { "resourceVersion": "5" },
                "items": [{ "metadata": { "name": "b" }, "spec": { "policyName": "p", "paramRef": { "name": "x" } } }],
            }));
        }
    }

    #[test]
    fn services_of_other_servers_come_back_as_they_were() {
        check(&json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": { "name": "v1.g" },
            "spec": {
                "service": { "namespace": "n", "name": "s", "port": 443 }, "group": "g", "version": "v1",
                "insecureSkipTLSVerify": true, "caBundle": "eA==", "groupPriorityMinimum": 100, "versionPriority": 10,
            },
            "status": { "conditions": [
                { "type": "Available", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "Passed", "message": "m" },
            ] },
        }));
    }

    #[test]
    fn figures_come_back_as_they_were() {
        let at = "2026-01-01T00:00:00Z";
        for window in ["10.045s", "30s", "1m0s", "1h1m1.5s", "15ms"] {
            check(&json!({
                "apiVersion": "metrics.k8s.io/v1beta1", "kind": "NodeMetrics", "metadata": { "name": "n" },
                "timestamp": at, "window": window, "usage": { "cpu": "10m", "memory": "1Ki" },
            }));
        }
        check(&json!({
            "apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetricsList", "metadata": { "resourceVersion": "5" },
            "items": [{
                "metadata": { "name": "p", "namespace": "n" }, "timestamp": at, "window": "30s",
                "containers": [{ "name": "c", "usage": { "cpu": "1n" } }],
            }],
        }));
    }

    #[test]
    fn a_window_that_is_no_duration_is_named() {
        let figures = json!({
            "apiVersion": "metrics.k8s.io/v1beta1", "kind": "NodeMetrics", "metadata": {}, "window": "soon",
        });
        let error = encode(&figures).unwrap_err().to_string();
        assert_eq!(
            error,
            "the field window of metrics.pkg.apis.metrics.v1beta1.NodeMetrics cannot be encoded: it is no duration"
        );
    }
}
