//! CertificateSigningRequests: what was approved is signed, for clients of the API.
//!
//! Flow: a request with the condition `Approved`, for a signer that is ours, without a certificate → the
//! [`Signer`] signs it → `status.certificate`. What the signer refuses is said in the condition `Failed`.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use seatrial_controller::{Class, Classify, Context, Outcome, Reconciler, Watches, key_of, write};
use serde_json::{Value, json};

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Somebody says to the API server who they are.
    Client,
    /// A node's agent says to the API server that it is one.
    NodeClient,
    /// A node's agent is asked by others.
    NodeServer,
}

/// The signers whose requests are signed here: upstream's own.
const SIGNERS: [(&str, Purpose); 3] = [
    ("kubernetes.io/kube-apiserver-client", Purpose::Client),
    (
        "kubernetes.io/kube-apiserver-client-kubelet",
        Purpose::NodeClient,
    ),
    ("kubernetes.io/kubelet-serving", Purpose::NodeServer),
];

fn purpose(signer: &str) -> Option<Purpose> {
    let found = SIGNERS.iter().find(|(name, _)| *name == signer);
    found.map(|(_, purpose)| *purpose)
}
/// How long a certificate is good unless less was asked for (upstream's).
const LONGEST: SignedDuration = SignedDuration::from_hours(365 * 24);
/// The shortest time that can be asked for (upstream's).
const SHORTEST: SignedDuration = SignedDuration::from_mins(10);
/// How long before now certificates begin, for clocks that are late (upstream's).
const BACKDATE: SignedDuration = SignedDuration::from_mins(5);

/// Why a request is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Whoever holds the key of the authority that the API server trusts.
pub trait Signer: Send + Sync {
    /// Signs a request (PEM) for these usages and from one moment to another, and returns the certificate (PEM).
    ///
    /// # Errors
    /// What is wrong with the request.
    fn sign(
        &self,
        purpose: Purpose,
        request: &str,
        usages: &[String],
        lifetime: (Timestamp, Timestamp),
    ) -> Result<String, Refusal>;
}

/// The controller.
pub struct Certificates {
    signer: Arc<dyn Signer>,
}

impl Certificates {
    /// Signs by `signer`.
    pub fn new(signer: Arc<dyn Signer>) -> Self {
        Self { signer }
    }
}

/// The status could not be written.
#[derive(Debug, thiserror::Error)]
#[error("write the certificate")]
pub struct Error(#[source] write::Error);

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }

    fn reason(&self) -> &'static str {
        "FailedSign"
    }
}

impl Reconciler for Certificates {
    const NAME: &'static str = "certificate-controller";
    type Object = CertificateSigningRequest;
    type Error = Error;

    fn watches(&self, _watches: &mut Watches<CertificateSigningRequest>) {}

    async fn reconcile(
        &self,
        request: Arc<CertificateSigningRequest>,
        ctx: &Context,
    ) -> Result<Outcome, Error> {
        if !is_due(&request) {
            return Ok(Outcome::settled());
        }
        let status = self.status(&request, ctx.clock.now());
        let requests = ctx.objects::<CertificateSigningRequest>();
        match requests.patch_status(&key_of(&*request), &status).await {
            Err(error) if !error.is_not_found() => Err(Error(error)),
            _ => Ok(Outcome::settled()),
        }
    }
}

/// Whether the request waits for a signature of ours.
fn is_due(request: &CertificateSigningRequest) -> bool {
    let Some(status) = &request.status else {
        return false;
    };
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let has = |name: &str| conditions.iter().any(|one| one.type_ == name);
    purpose(&request.spec.signer_name).is_some()
        && status.certificate.is_none()
        && has("Approved")
        && !has("Denied")
        && !has("Failed")
}

impl Certificates {
    fn status(&self, request: &CertificateSigningRequest, now: Timestamp) -> Value {
        let text = String::from_utf8_lossy(&request.spec.request.0);
        let asked = request.spec.expiration_seconds.map(i64::from);
        let lifetime = asked.map_or(LONGEST, SignedDuration::from_secs);
        let lifetime = lifetime.clamp(SHORTEST, LONGEST);
        let begins = now.saturating_sub(BACKDATE).unwrap_or(now);
        let ends = now.saturating_add(lifetime).unwrap_or(now);
        let signer = &request.spec.signer_name;
        let Some(purpose) = purpose(signer) else {
            return json!({});
        };
        let usages = request.spec.usages.as_deref().unwrap_or_default();
        match self.signer.sign(purpose, &text, usages, (begins, ends)) {
            Ok(certificate) => {
                let certificate = k8s_openapi::ByteString(certificate.into_bytes());
                json!({ "certificate": certificate })
            }
            Err(refusal) => {
                let status = request.status.as_ref();
                let conditions = status.and_then(|status| status.conditions.as_ref());
                let mut conditions = json!(conditions.cloned().unwrap_or_default());
                if let Value::Array(conditions) = &mut conditions {
                    conditions.push(json!({
                        "type": "Failed",
                        "status": "True",
                        "reason": "SignerValidationFailure",
                        "message": refusal.to_string(),
                    }));
                }
                json!({ "conditions": conditions })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stamp;

    impl Signer for Stamp {
        fn sign(
            &self,
            purpose: Purpose,
            request: &str,
            usages: &[String],
            (begins, ends): (Timestamp, Timestamp),
        ) -> Result<String, Refusal> {
            match request {
                "good" => Ok(format!("{purpose:?} {usages:?} from {begins} to {ends}")),
                _ => Err(Refusal("no".to_owned())),
            }
        }
    }

    fn request(text: &str, signer: &str, conditions: Value) -> CertificateSigningRequest {
        let request = k8s_openapi::ByteString(text.as_bytes().to_vec());
        serde_json::from_value(json!({
            "metadata": { "name": "a" },
            "spec": { "request": request, "signerName": signer, "expirationSeconds": 3600, "usages": ["server auth"] },
            "status": { "conditions": conditions },
        }))
        .unwrap()
    }

    #[test]
    fn what_was_approved_is_signed_once_for_our_signers() {
        let approved = json!([{ "type": "Approved", "status": "True" }]);
        assert!(is_due(&request("good", SIGNERS[2].0, approved.clone())));
        assert!(!is_due(&request(
            "good",
            "example.com/other",
            approved.clone()
        )));
        assert!(!is_due(&request("good", SIGNERS[2].0, json!([]))));
        let denied = json!([{ "type": "Approved", "status": "True" }, { "type": "Denied", "status": "True" }]);
        assert!(!is_due(&request("good", SIGNERS[2].0, denied)));

        let certificates = Certificates::new(Arc::new(Stamp));
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let status = certificates.status(&request("good", SIGNERS[2].0, approved.clone()), now);
        let signed: k8s_openapi::ByteString =
            serde_json::from_value(status["certificate"].clone()).unwrap();
        assert_eq!(
            String::from_utf8(signed.0).unwrap(),
            "NodeServer [\"server auth\"] from 2025-12-31T23:55:00Z to 2026-01-01T01:00:00Z"
        );
        let status = certificates.status(&request("bad", SIGNERS[2].0, approved), now);
        assert_eq!(status["conditions"][1]["message"], "no");
    }
}
