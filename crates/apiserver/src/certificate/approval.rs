//! Who may approve and sign requests for certificates: the rights on `signers`, as upstream's steps
//! CertificateApproval, CertificateSigning and CertificateSubjectRestriction ask for them.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::access::{Asked, Attributes, Decision, decide};
use crate::admission::{Admission, Change, Operation};
use crate::failure::Failure;
use crate::identity::MASTERS;
use crate::object::Object;

/// The signer of certificates that clients of the API show.
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";

/// The step of the admission chain.
pub(crate) struct Approval;

#[async_trait]
impl Admission for Approval {
    fn handles(&self, change: &Change<'_>) -> bool {
        *change.kind.resource == *"certificatesigningrequests.certificates.k8s.io"
            && change.operation != Operation::Delete
    }

    async fn validate(&self, change: &Change<'_>, object: &Object) -> Result<(), Failure> {
        let signer = object.text(&["spec", "signerName"]);
        let verb = match change.subresource {
            "approval" => "approve",
            "status" if signs(change, object) => "sign",
            "" if change.operation == Operation::Create => return subject(change, object, signer),
            _ => return Ok(()),
        };
        if ["", "/*"]
            .iter()
            .any(|rest| may(change, verb, signer, rest))
        {
            return Ok(());
        }
        Err(change.forbidden(&format!(
            "user not permitted to {verb} requests with signerName {signer:?}"
        )))
    }
}

/// Whether the change issues a certificate.
fn signs(change: &Change<'_>, object: &Object) -> bool {
    let certificate = |object: &Object| object.text(&["status", "certificate"]).to_owned();
    change.old.map(certificate).unwrap_or_default() != certificate(object)
}

/// Whether the user has the verb on the signer, or (for `/*`) on all signers of its domain.
fn may(change: &Change<'_>, verb: &str, signer: &str, rest: &str) -> bool {
    let name = match rest {
        "" => signer.to_owned(),
        rest => format!("{}{rest}", signer.split('/').next().unwrap_or_default()),
    };
    let asked = Asked::Object(Attributes {
        verb: verb.into(),
        group: "certificates.k8s.io".into(),
        version: "*".into(),
        resource: "signers".into(),
        name: name.into(),
        ..Attributes::default()
    });
    matches!(
        decide(change.state, change.identity, &asked),
        Decision::Allowed(_)
    )
}

/// Nobody becomes an administrator by a certificate.
fn subject(change: &Change<'_>, object: &Object, signer: &str) -> Result<(), Failure> {
    let request = STANDARD
        .decode(object.text(&["spec", "request"]))
        .unwrap_or_default();
    let Ok(wanted) = super::read_request(&request) else {
        return Ok(());
    };
    if signer != CLIENT || !wanted.groups.iter().any(|group| group == MASTERS) {
        return Ok(());
    }
    Err(change.forbidden(&format!(
        "use of {CLIENT} signer with {MASTERS} group is not allowed"
    )))
}
