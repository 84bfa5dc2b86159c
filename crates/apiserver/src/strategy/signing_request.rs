//! CertificateSigningRequests: the server notes who asks, and what was asked for never changes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Strategy;
use crate::failure::{Cause, Failure};
use crate::identity::Identity;
use crate::object::Object;
use crate::state::State;

/// The hooks of CertificateSigningRequest.
#[derive(Debug)]
pub(crate) struct SigningRequest;

impl Strategy for SigningRequest {
    fn sign(&self, object: &mut Object, identity: &Identity) {
        let spec = object.section("spec");
        spec.insert("username".to_owned(), json!(identity.user));
        spec.insert("groups".to_owned(), json!(identity.groups));
        spec.remove("uid");
        spec.remove("extra");
        if !identity.uid.is_empty() {
            spec.insert("uid".to_owned(), json!(identity.uid));
        }
        if !identity.extra.is_empty() {
            spec.insert("extra".to_owned(), json!(identity.extra));
        }
    }

    fn prepare_update(
        &self,
        _state: &State,
        object: &mut Object,
        old: &Object,
    ) -> Result<(), Failure> {
        if let Some(spec) = old.0.get("spec") {
            object.0.insert("spec".to_owned(), spec.clone());
        }
        Ok(())
    }

    fn validate(&self, object: &Object) -> Vec<Cause> {
        let mut causes = Vec::new();
        let signer = object.text(&["spec", "signerName"]);
        if !signer.contains('/') {
            let detail = "must be a fully qualified domain and path of the form \
                          'example.com/signer-name'";
            causes.push(Cause::invalid("spec.signerName", signer, detail));
        }
        let request = STANDARD
            .decode(object.text(&["spec", "request"]))
            .unwrap_or_default();
        if let Err(detail) = crate::certificate::read_request(&request) {
            causes.push(Cause::invalid("spec.request", "", &detail));
        }
        causes
    }
}
