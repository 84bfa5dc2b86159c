//! Certificates: an authority of the cluster's own, and what it issues.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::serve::Anybody;

/// Names under which the server is always reached.
const NAMES: [&str; 7] = [
    "localhost",
    "127.0.0.1",
    "10.96.0.1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// Years between which certificates are good. A cluster on one machine is thrown away long before.
const VALID: (i32, i32) = (2024, 2044);

/// Certificates could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key or a certificate could not be made.
    #[error("cannot make a certificate for {name}")]
    Issue {
        /// Whom it is for.
        name: String,
        /// What the library said.
        #[source]
        source: rcgen::Error,
    },
    /// Stored text is no certificate or key.
    #[error("cannot read the {what}; delete it to have it made anew")]
    Read {
        /// What was being read.
        what: &'static str,
        /// What the library said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Certificate and key do not fit together or are not usable.
    #[error("cannot serve with this certificate")]
    Configure(#[source] rustls::Error),
}

/// A certificate and its private key, as PEM text; the caller stores them (the key readable by its
/// owner only).
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Pair")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// Makes a certificate authority.
///
/// # Errors
/// Where the system has no randomness.
pub fn authority() -> Result<Pair, Error> {
    let failed = |source| Error::Issue {
        name: "the cluster".to_owned(),
        source,
    };
    let mut parameters = CertificateParams::new(Vec::new()).map_err(failed)?;
    set_validity(&mut parameters);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
        .distinguished_name
        .push(DnType::CommonName, "seatrial-ca");
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = parameters.self_signed(&key).map_err(failed)?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

/// Issues a server's certificate for its usual names and `more` (host names or addresses).
///
/// # Errors
/// Where the authority cannot be read or a name is none.
pub fn issue(authority: &Pair, more: &[String]) -> Result<Pair, Error> {
    let failed = |source| Error::Issue {
        name: "the API server".to_owned(),
        source,
    };
    let unreadable = |source: rcgen::Error| Error::Read {
        what: "certificate authority",
        source: source.into(),
    };
    let authority_key = KeyPair::from_pem(&authority.key).map_err(unreadable)?;
    let issuer =
        Issuer::from_ca_cert_pem(&authority.certificate, authority_key).map_err(unreadable)?;
    let names: Vec<String> = NAMES
        .iter()
        .map(|&name| name.to_owned())
        .chain(more.iter().cloned())
        .collect();
    let mut parameters = CertificateParams::new(names).map_err(failed)?;
    set_validity(&mut parameters);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters
        .distinguished_name
        .push(DnType::CommonName, "seatrial-apiserver");
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = parameters.signed_by(&key, &issuer).map_err(failed)?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

fn set_validity(parameters: &mut CertificateParams) {
    parameters.not_before = date_time_ymd(VALID.0, 1, 1);
    parameters.not_after = date_time_ymd(VALID.1, 1, 1);
    parameters.distinguished_name = rcgen::DistinguishedName::new();
}

/// What a listener needs to serve with this certificate, over HTTP/2 and HTTP/1.1.
///
/// # Errors
/// Where the text is no certificate and key, or they do not fit together.
pub fn configuration(pair: &Pair) -> Result<Arc<ServerConfig>, Error> {
    configured(pair, WebPkiClientVerifier::no_client_auth())
}

/// What a listener serves with, and whose certificates of clients say who somebody is.
#[derive(Debug, Clone)]
pub struct Door {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) clients: Option<Arc<dyn ClientCertVerifier>>,
}

impl From<Arc<ServerConfig>> for Door {
    /// A door at which certificates say nothing.
    fn from(server: Arc<ServerConfig>) -> Self {
        Self {
            server,
            clients: None,
        }
    }
}

/// As [`configuration`]; clients may show a certificate that this authority (PEM) has issued.
///
/// # Errors
/// Where the text is no certificate and key, or they do not fit together.
pub fn configuration_with_clients(pair: &Pair, authority: &str) -> Result<Door, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authority = client_verifier(authority, &provider)?;
    let anybody = Arc::new(Anybody {
        authority: Arc::clone(&authority),
    });
    Ok(Door {
        server: configured(pair, anybody)?,
        clients: Some(authority),
    })
}

/// Tells certificates of the authority from others.
fn client_verifier(
    authority: &str,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Read {
        what: "certificate authority",
        source,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        let certificate = certificate.map_err(|source| unreadable(source.into()))?;
        roots.add(certificate).map_err(Error::Configure)?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|source| unreadable(source.into()))
}

fn configured(
    pair: &Pair,
    clients: Arc<dyn ClientCertVerifier>,
) -> Result<Arc<ServerConfig>, Error> {
    let unreadable = |what| {
        move |source: rustls::pki_types::pem::Error| Error::Read {
            what,
            source: Box::new(source),
        }
    };
    let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable("server certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes())
        .map_err(unreadable("server's private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut configuration = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::Configure)?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(Error::Configure)?;
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(configuration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_issues_certificates_that_can_be_served() {
        let authority = authority().unwrap();
        let pair = issue(
            &authority,
            &["build.example".to_owned(), "192.0.2.1".to_owned()],
        )
        .unwrap();
        let configuration = configuration(&pair).unwrap();
        assert_eq!(configuration.alpn_protocols.len(), 2);
    }

    #[test]
    fn a_damaged_authority_is_named() {
        let damaged = Pair {
            certificate: "x".to_owned(),
            key: "y".to_owned(),
        };
        let message = issue(&damaged, &[]).unwrap_err().to_string();
        assert_eq!(
            message,
            "cannot read the certificate authority; delete it to have it made anew"
        );
    }
}
