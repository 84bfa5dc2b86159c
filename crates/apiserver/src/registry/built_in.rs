//! The built-in kinds, one row each.

mod stored;

use std::sync::Arc;

use super::Generation::{Counted, Unset};
use super::Scope::{Cluster, Namespaced};
use super::{
    Conversion, Generation, Kind, Origin, ScalePaths, Scope, Subresource, Verbs, Version, qualified,
};
use crate::name::NameRule;
use crate::strategy::{self, Strategy};
use crate::table;

/// The beginning of a kind; the methods add what is not usual.
struct Row {
    kind: Kind,
}

fn row(group: &str, version: &str, kind: &str, plural: &str, scope: Scope) -> Row {
    Row {
        kind: Kind {
            group: group.to_owned(),
            versions: vec![Version {
                name: version.to_owned(),
                subresources: Vec::new(),
                conversion: Conversion::Rename,
                columns: table::built_in::columns(group, plural),
                selectable: Vec::new(),
            }],
            stored_as: super::api_version(group, version),
            kind: kind.to_owned(),
            list_kind: format!("{kind}List"),
            plural: plural.to_owned(),
            singular: kind.to_ascii_lowercase(),
            short_names: Vec::new(),
            categories: Vec::new(),
            scope,
            resource: Arc::from(qualified(plural, group)),
            selectable: Vec::new(),
            generation: Unset,
            verbs: Verbs::All,
            names: NameRule::Subdomain,
            strategy: &strategy::Plain,
            origin: Origin::BuiltIn,
        },
    }
}

impl Row {
    fn short(mut self, names: &[&str]) -> Self {
        self.kind.short_names = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    fn all(mut self) -> Self {
        self.kind.categories = vec!["all".to_owned()];
        self
    }

    fn category(mut self, name: &str) -> Self {
        self.kind.categories = vec![name.to_owned()];
        self
    }

    fn part(mut self, subresource: &Subresource) -> Self {
        for version in &mut self.kind.versions {
            version.subresources.push(subresource.clone());
        }
        self
    }

    fn status(self) -> Self {
        self.part(&Subresource::Status)
    }

    fn scale(self) -> Self {
        self.part(&Subresource::Scale(ScalePaths {
            spec: ".spec.replicas".to_owned(),
            status: ".status.replicas".to_owned(),
            selector: ".spec.selector".to_owned(),
        }))
    }

    fn select(mut self, fields: &[&str]) -> Self {
        self.kind.selectable = fields.iter().map(|&field| field.to_owned()).collect();
        self
    }

    fn generation(mut self, generation: Generation) -> Self {
        self.kind.generation = generation;
        self
    }

    fn verbs(mut self, verbs: Verbs) -> Self {
        self.kind.verbs = verbs;
        self
    }

    fn named(mut self, rule: NameRule) -> Self {
        self.kind.names = rule;
        self
    }

    fn strategy(mut self, strategy: &'static dyn Strategy) -> Self {
        self.kind.strategy = strategy;
        self
    }

    /// The objects are those of another row, in another form.
    fn stored_with(mut self, resource: &str, stored_as: &str, conversion: Conversion) -> Self {
        self.kind.resource = Arc::from(resource);
        stored_as.clone_into(&mut self.kind.stored_as);
        for version in &mut self.kind.versions {
            version.conversion = conversion;
        }
        self
    }

    /// The same objects are served in another version, in another form. Comes last.
    fn also(mut self, version: &str, conversion: Conversion) -> Self {
        let mut other = self.kind.versions[0].clone();
        version.clone_into(&mut other.name);
        other.conversion = conversion;
        self.kind.versions.push(other);
        self
    }
}

/// Fields of events by which they can be selected: those of the stored form, and the other names that
/// either group has for them (see `selector`).
const EVENT_FIELDS: &[&str] = &[
    "involvedObject.apiVersion",
    "involvedObject.fieldPath",
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.namespace",
    "involvedObject.resourceVersion",
    "involvedObject.uid",
    "reason",
    "regarding.apiVersion",
    "regarding.fieldPath",
    "regarding.kind",
    "regarding.name",
    "regarding.namespace",
    "regarding.resourceVersion",
    "regarding.uid",
    "reportingComponent",
    "reportingController",
    "source",
    "source.component",
    "type",
];

/// Every built-in kind.
pub(super) fn kinds() -> Vec<Kind> {
    [
        core(),
        workloads(),
        policies(),
        extensions(),
        stored::rows(),
        questions(),
        measured(),
    ]
    .into_iter()
    .flatten()
    .map(|row| row.kind)
    .collect()
}

fn core() -> Vec<Row> {
    vec![
        row("", "v1", "Namespace", "namespaces", Cluster)
            .short(&["ns"])
            .status()
            .part(&Subresource::Finalize)
            .select(&["status.phase"])
            .verbs(Verbs::NoCollection)
            .named(NameRule::Label)
            .strategy(&strategy::Namespace),
        row("", "v1", "Pod", "pods", Namespaced)
            .short(&["po"])
            .all()
            .status()
            .part(&Subresource::Log)
            .part(&Subresource::Exec)
            .part(&Subresource::Attach)
            .part(&Subresource::PortForward)
            .part(&Subresource::EphemeralContainers)
            .part(&Subresource::Resize)
            .part(&Subresource::Binding)
            .part(&Subresource::Eviction)
            .select(&[
                "spec.nodeName",
                "spec.restartPolicy",
                "spec.schedulerName",
                "spec.serviceAccountName",
                "spec.hostNetwork",
                "status.phase",
                "status.podIP",
                "status.nominatedNodeName",
            ])
            .generation(Counted)
            .strategy(&strategy::Pod),
        row("", "v1", "Node", "nodes", Cluster)
            .short(&["no"])
            .status()
            .select(&["spec.unschedulable"])
            .strategy(&strategy::Node),
        row("", "v1", "Service", "services", Namespaced)
            .short(&["svc"])
            .all()
            .status()
            .select(&["spec.clusterIP", "spec.type"])
            .named(NameRule::HostLabel)
            .strategy(&strategy::Service),
        row("", "v1", "ConfigMap", "configmaps", Namespaced).short(&["cm"]),
        row("", "v1", "Secret", "secrets", Namespaced)
            .select(&["type"])
            .strategy(&strategy::Secret),
        row("", "v1", "ServiceAccount", "serviceaccounts", Namespaced)
            .short(&["sa"])
            .part(&Subresource::Token),
        row("", "v1", "Event", "events", Namespaced)
            .short(&["ev"])
            .select(EVENT_FIELDS),
        row("", "v1", "Endpoints", "endpoints", Namespaced).short(&["ep"]),
        row(
            "",
            "v1",
            "PersistentVolumeClaim",
            "persistentvolumeclaims",
            Namespaced,
        )
        .short(&["pvc"])
        .status(),
        row("", "v1", "PersistentVolume", "persistentvolumes", Cluster)
            .short(&["pv"])
            .status(),
        row("", "v1", "ResourceQuota", "resourcequotas", Namespaced)
            .short(&["quota"])
            .status(),
        row("", "v1", "LimitRange", "limitranges", Namespaced).short(&["limits"]),
        row("", "v1", "PodTemplate", "podtemplates", Namespaced),
        row(
            "",
            "v1",
            "ReplicationController",
            "replicationcontrollers",
            Namespaced,
        )
        .short(&["rc"])
        .all()
        .status()
        .scale()
        .select(&["status.replicas"])
        .generation(Counted),
    ]
}

fn workloads() -> Vec<Row> {
    vec![
        row("apps", "v1", "Deployment", "deployments", Namespaced)
            .short(&["deploy"])
            .all()
            .status()
            .scale()
            .generation(Counted),
        row("apps", "v1", "ReplicaSet", "replicasets", Namespaced)
            .short(&["rs"])
            .all()
            .status()
            .scale()
            .select(&["status.replicas"])
            .generation(Counted),
        row("apps", "v1", "StatefulSet", "statefulsets", Namespaced)
            .short(&["sts"])
            .all()
            .status()
            .scale()
            .generation(Counted),
        row("apps", "v1", "DaemonSet", "daemonsets", Namespaced)
            .short(&["ds"])
            .all()
            .status()
            .generation(Counted),
        row(
            "apps",
            "v1",
            "ControllerRevision",
            "controllerrevisions",
            Namespaced,
        ),
        row("batch", "v1", "Job", "jobs", Namespaced)
            .all()
            .status()
            .select(&["status.successful"])
            .generation(Counted)
            .strategy(&strategy::Job),
        row("batch", "v1", "CronJob", "cronjobs", Namespaced)
            .short(&["cj"])
            .all()
            .status()
            .generation(Counted),
        row(
            "autoscaling",
            "v2",
            "HorizontalPodAutoscaler",
            "horizontalpodautoscalers",
            Namespaced,
        )
        .short(&["hpa"])
        .all()
        .status()
        .also(
            "v1",
            Conversion::Convert {
                to_served: crate::autoscaler::to_v1,
                to_stored: crate::autoscaler::to_v2,
            },
        ),
        row(
            "discovery.k8s.io",
            "v1",
            "EndpointSlice",
            "endpointslices",
            Namespaced,
        )
        .generation(Counted),
        row("coordination.k8s.io", "v1", "Lease", "leases", Namespaced),
        row("events.k8s.io", "v1", "Event", "events", Namespaced)
            .short(&["ev"])
            .select(EVENT_FIELDS)
            .stored_with(
                "events",
                "v1",
                Conversion::Convert {
                    to_served: crate::event::to_events_group,
                    to_stored: crate::event::to_core,
                },
            ),
    ]
}

fn policies() -> Vec<Row> {
    vec![
        row(
            "networking.k8s.io",
            "v1",
            "Ingress",
            "ingresses",
            Namespaced,
        )
        .short(&["ing"])
        .status()
        .generation(Counted),
        row(
            "networking.k8s.io",
            "v1",
            "IngressClass",
            "ingressclasses",
            Cluster,
        )
        .generation(Counted),
        row(
            "networking.k8s.io",
            "v1",
            "NetworkPolicy",
            "networkpolicies",
            Namespaced,
        )
        .short(&["netpol"])
        .generation(Counted),
        row(
            "policy",
            "v1",
            "PodDisruptionBudget",
            "poddisruptionbudgets",
            Namespaced,
        )
        .short(&["pdb"])
        .status()
        .generation(Counted),
        row(
            "rbac.authorization.k8s.io",
            "v1",
            "Role",
            "roles",
            Namespaced,
        )
        .named(NameRule::PathStep)
        .strategy(&strategy::Access),
        row(
            "rbac.authorization.k8s.io",
            "v1",
            "RoleBinding",
            "rolebindings",
            Namespaced,
        )
        .named(NameRule::PathStep)
        .strategy(&strategy::Access),
        row(
            "rbac.authorization.k8s.io",
            "v1",
            "ClusterRole",
            "clusterroles",
            Cluster,
        )
        .named(NameRule::PathStep)
        .strategy(&strategy::Access),
        row(
            "rbac.authorization.k8s.io",
            "v1",
            "ClusterRoleBinding",
            "clusterrolebindings",
            Cluster,
        )
        .named(NameRule::PathStep)
        .strategy(&strategy::Access),
        row(
            "scheduling.k8s.io",
            "v1",
            "PriorityClass",
            "priorityclasses",
            Cluster,
        )
        .short(&["pc"])
        .generation(Counted),
        row(
            "storage.k8s.io",
            "v1",
            "StorageClass",
            "storageclasses",
            Cluster,
        )
        .short(&["sc"]),
    ]
}

fn extensions() -> Vec<Row> {
    let admission = "admissionregistration.k8s.io";
    vec![
        row(
            "certificates.k8s.io",
            "v1",
            "CertificateSigningRequest",
            "certificatesigningrequests",
            Cluster,
        )
        .short(&["csr"])
        .status()
        .part(&Subresource::Approval)
        .select(&["spec.signerName"])
        .strategy(&strategy::SigningRequest),
        row(
            "apiextensions.k8s.io",
            "v1",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            Cluster,
        )
        .short(&["crd", "crds"])
        .category("api-extensions")
        .status()
        .generation(Counted)
        .strategy(&strategy::Definition),
        row(
            admission,
            "v1",
            "MutatingWebhookConfiguration",
            "mutatingwebhookconfigurations",
            Cluster,
        )
        .category("api-extensions")
        .generation(Counted),
        row(
            admission,
            "v1",
            "ValidatingWebhookConfiguration",
            "validatingwebhookconfigurations",
            Cluster,
        )
        .category("api-extensions")
        .generation(Counted),
        row(
            admission,
            "v1",
            "ValidatingAdmissionPolicy",
            "validatingadmissionpolicies",
            Cluster,
        )
        .category("api-extensions")
        .status()
        .generation(Counted)
        .strategy(&strategy::Policy),
        row(
            admission,
            "v1",
            "ValidatingAdmissionPolicyBinding",
            "validatingadmissionpolicybindings",
            Cluster,
        )
        .category("api-extensions")
        .generation(Counted),
        row(
            admission,
            "v1beta1",
            "MutatingAdmissionPolicy",
            "mutatingadmissionpolicies",
            Cluster,
        )
        .category("api-extensions")
        .generation(Counted)
        .also("v1alpha1", Conversion::Rename),
        row(
            admission,
            "v1beta1",
            "MutatingAdmissionPolicyBinding",
            "mutatingadmissionpolicybindings",
            Cluster,
        )
        .category("api-extensions")
        .generation(Counted)
        .also("v1alpha1", Conversion::Rename),
    ]
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
