//! The cluster's authority, as the controller of certificates knows it.

use jiff::Timestamp;
use seatrial_apiserver::{certificate, tls};
use seatrial_workloads::certificates::{Refusal, Signer};

/// The authority that the API server trusts.
pub(crate) struct ClusterAuthority(pub(crate) tls::Pair);

impl Signer for ClusterAuthority {
    fn sign(&self, request: &str, begins: Timestamp, ends: Timestamp) -> Result<String, Refusal> {
        certificate::sign_client(&self.0, request, begins, ends)
            .map_err(|error| Refusal(seatrial_controller::Chain(&error).to_string()))
    }
}
