//! Certificates of clients: who they say somebody is, and how the cluster's authority issues them.

mod approval;

use jiff::Timestamp;
use rcgen::{
    CertificateSigningRequestParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

pub(crate) use approval::Approval;

use crate::identity::Identity;
use crate::tls::Pair;

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

/// Signs a request for a client's certificate, with the cluster's authority, until `ends`.
///
/// # Errors
/// Where the request cannot be read, asks for more than a client's certificate, or the authority is
/// damaged.
pub fn sign_client(
    authority: &Pair,
    request: &str,
    begins: Timestamp,
    ends: Timestamp,
) -> Result<String, Error> {
    let unreadable = |error: rcgen::Error| Error::Read(error.to_string());
    let Wanted { user, .. } = read_request(request.as_bytes()).map_err(Error::Read)?;
    if user.is_empty() {
        return Err(Error::Refused(
            "the request names no user: its subject has no common name".to_owned(),
        ));
    }
    let mut request = CertificateSigningRequestParams::from_pem(request).map_err(unreadable)?;
    let moment = |at: Timestamp| {
        let seconds = u64::try_from(at.as_second()).unwrap_or_default();
        date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds)
    };
    let parameters = &mut request.params;
    if !parameters.subject_alt_names.is_empty() {
        return Err(Error::Refused(
            "a client's certificate has no alternative names".to_owned(),
        ));
    }
    parameters.not_before = moment(begins);
    parameters.not_after = moment(ends);
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::from_pem(&authority.key).map_err(Error::Sign)?;
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, key).map_err(Error::Sign)?;
    let signed = request.signed_by(&issuer).map_err(Error::Sign)?;
    Ok(signed.pem())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType};

    use super::*;

    fn request(user: &str, group: &str) -> String {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters
            .distinguished_name
            .push(DnType::OrganizationName, group);
        parameters.distinguished_name.push(DnType::CommonName, user);
        let key = KeyPair::generate().unwrap();
        parameters.serialize_request(&key).unwrap().pem().unwrap()
    }

    #[test]
    fn a_signed_request_says_who_somebody_is() {
        let authority = crate::tls::authority().unwrap();
        let request = request("jane", "devs");
        let wanted = read_request(request.as_bytes()).unwrap();
        assert_eq!(
            (wanted.user.as_str(), wanted.groups.as_slice()),
            ("jane", &["devs".to_owned()][..])
        );
        let at = |second| Timestamp::from_second(second).unwrap();
        let signed =
            sign_client(&authority, &request, at(1_767_225_600), at(1_767_312_000)).unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(signed.as_bytes()).unwrap();
        assert_eq!(
            identity(&pem.contents),
            Some((Identity::user("jane", &["devs"]), at(1_767_312_000)))
        );
        let (_, parsed) = x509_parser::parse_x509_certificate(&pem.contents).unwrap();
        assert_eq!(parsed.validity().not_after.timestamp(), 1_767_312_000);
    }

    #[test]
    fn what_is_no_request_is_named() {
        assert_eq!(
            read_request(b"x"),
            Err("PEM block type must be CERTIFICATE REQUEST".to_owned())
        );
    }
}
