//! Certificates of clients: who they say somebody is, and how the cluster's authority issues them.

mod approval;
mod sign;

use jiff::Timestamp;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

pub(crate) use approval::Approval;
pub use sign::{Purpose, sign};

use crate::identity::Identity;

/// A request for a certificate could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is none.
    #[error("the request cannot be read: {0}")]
    Read(String),
    /// It asks for what this signer does not give.
    #[error("{0}")]
    Refused(String),
    /// The authority could not sign.
    #[error("the cluster's authority cannot sign")]
    Sign(#[source] rcgen::Error),
}

/// What a request for a certificate asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
}

fn wanted(name: &X509Name<'_>) -> Wanted {
    let user = name.iter_common_name().find_map(|part| part.as_str().ok());
    let groups = name.iter_organization();
    Wanted {
        user: user.unwrap_or_default().to_owned(),
        groups: groups
            .filter_map(|part| part.as_str().ok().map(str::to_owned))
            .collect(),
    }
}

/// Who the bearer of a verified certificate (DER) is, and until when: the common name is the user,
/// organisations are the groups.
pub(crate) fn identity(certificate: &[u8]) -> Option<(Identity, Timestamp)> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let Wanted { user, groups } = wanted(certificate.subject());
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let ends = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?;
    (!user.is_empty()).then(|| (Identity::user(&user, &groups), ends))
}

/// What a request (PEM) asks for.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read_request(request: &[u8]) -> Result<Wanted, String> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(request)
        .map_err(|_| "PEM block type must be CERTIFICATE REQUEST".to_owned())?;
    if pem.label != "CERTIFICATE REQUEST" {
        return Err("PEM block type must be CERTIFICATE REQUEST".to_owned());
    }
    let (_, parsed) =
        X509CertificationRequest::from_der(&pem.contents).map_err(|error| error.to_string())?;
    Ok(wanted(&parsed.certification_request_info.subject))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_is_named() {
        assert_eq!(
            read_request(b"x"),
            Err("PEM block type must be CERTIFICATE REQUEST".to_owned())
        );
    }
}
