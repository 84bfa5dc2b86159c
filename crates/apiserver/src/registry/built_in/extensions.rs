//! What extends the API.

use super::row::{Row, row};
use crate::registry::Generation::Counted;
use crate::registry::Scope::Cluster;
use crate::registry::{Conversion, Subresource};
use crate::strategy;

pub(super) fn rows() -> Vec<Row> {
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
