//! The cluster's authority, as the controller of certificates knows it.

use jiff::Timestamp;
use seatrial_apiserver::{certificate, tls};
use seatrial_workloads::certificates::{Purpose, Refusal, Signer};

/// The authority that the API server trusts.
pub(crate) struct ClusterAuthority(pub(crate) tls::Pair);

impl Signer for ClusterAuthority {
    fn sign(
        &self,
        purpose: Purpose,
        request: &str,
        usages: &[String],
        (begins, ends): (Timestamp, Timestamp),
    ) -> Result<String, Refusal> {
        let purpose = match purpose {
            Purpose::Client => certificate::Purpose::Client,
            Purpose::NodeClient => certificate::Purpose::NodeClient,
            Purpose::NodeServer => certificate::Purpose::NodeServer,
        };
        certificate::sign(&self.0, purpose, request, usages, begins..ends)
            .map_err(|error| Refusal(seatrial_controller::Chain(&error).to_string()))
    }
}
