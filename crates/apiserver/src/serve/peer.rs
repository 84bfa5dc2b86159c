//! Who a connection's client certificate says is speaking.
//!
//! As upstream, the handshake takes any certificate whose key the client holds; whether it is one of the
//! authority's and still good is found out afterwards. A client whose certificate has ended is thus told
//! `401 Unauthorized` in a Status, which it understands, and not by an alert of TLS.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};

use crate::certificate;
use crate::identity::Identity;

/// What a connection's certificate came to.
#[derive(Debug, Clone)]
pub(super) enum Peer {
    /// The authority says that it is this one, until then.
    Known(Identity, Timestamp),
    /// No certificate was shown, or one that names nobody: what else a request shows decides.
    Unnamed,
    /// Another authority's, too early, too late, or not for clients.
    Refused(String),
}

impl Peer {
    /// Judges the certificates that were shown, as of now.
    pub(super) fn of(
        chain: Option<&[CertificateDer<'_>]>,
        authority: Option<&dyn ClientCertVerifier>,
        now: Timestamp,
    ) -> Self {
        let (Some([first, others @ ..]), Some(authority)) = (chain, authority) else {
            return Self::Unnamed;
        };
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        if let Err(error) = authority.verify_client_cert(first, others, at) {
            return Self::Refused(error.to_string());
        }
        match certificate::identity(first) {
            Some((identity, ends)) => Self::Known(identity, ends),
            None => Self::Unnamed,
        }
    }

    /// Who it is now: a connection may outlast its certificate.
    ///
    /// # Errors
    /// Why the certificate is no good.
    pub(super) fn identity(self, now: Timestamp) -> Result<Option<Identity>, String> {
        match self {
            Self::Known(identity, ends) if now <= ends => Ok(Some(identity)),
            Self::Known(_, ends) => Err(format!("the certificate ended at {ends}")),
            Self::Unnamed => Ok(None),
            Self::Refused(why) => Err(why),
        }
    }
}

/// Takes every certificate whose key the client holds.
#[derive(Debug)]
pub(crate) struct Anybody {
    pub(crate) authority: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for Anybody {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.authority.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _first: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let authority = &self.authority;
        authority.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let authority = &self.authority;
        authority.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authority.supported_verify_schemes()
    }
}
