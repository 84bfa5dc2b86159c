//! Whom to believe that they are who they say.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::{Error, Trust};
use crate::stream::Duplex;

/// Speaks TLS over a stream.
pub(crate) async fn secure(
    stream: Box<dyn Duplex>,
    host: &str,
    trust: &Trust,
) -> Result<Box<dyn Duplex>, Error> {
    let wrong = |problem: String| Error::Trust {
        peer: host.to_owned(),
        problem,
    };
    let config = config(trust).map_err(wrong)?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|error| wrong(error.to_string()))?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let secured = connector
        .connect(name, stream)
        .await
        .map_err(|error| wrong(error.to_string()))?;
    Ok(Box::new(secured))
}

/// TLS that believes whom `trust` says.
pub(crate) fn config(trust: &Trust) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Anyone => {
            let verifier = Arc::new(Anyone(provider));
            return Ok(builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
                .with_no_client_auth());
        }
        Trust::Authority(bundle) => {
            for certificate in CertificateDer::pem_slice_iter(bundle) {
                let certificate = certificate
                    .map_err(|error| format!("unable to load root certificates: {error}"))?;
                roots.add(certificate).map_err(|error| error.to_string())?;
            }
        }
        Trust::Machine => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err("x509: certificate signed by unknown authority; set caBundle".to_owned());
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Believes everybody, because whoever wrote the object said so.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
