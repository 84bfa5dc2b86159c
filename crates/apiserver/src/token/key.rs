//! The key that signs tokens: ECDSA on P-256 with SHA-256 (`ES256`, RFC 7518).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Claims;

/// A key could not be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The system gave no randomness.
    #[error("cannot make a key that signs tokens: the system has no randomness")]
    Generate,
    /// The bytes are no key.
    #[error("cannot read the key that signs tokens ({0}); delete it to have it made anew")]
    Read(String),
}

/// A key pair. Keep its document (PKCS #8), and tokens stay good after a restart.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    document: Vec<u8>,
    id: String,
    random: SystemRandom,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("SigningKey").field(&self.id).finish()
    }
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn generate() -> Result<Self, Error> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| Error::Generate)?;
        Self::read(document.as_ref())
    }

    /// The key in a document that [`SigningKey::document`] gave.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(document: &[u8]) -> Result<Self, Error> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document, &random)
            .map_err(|error| Error::Read(error.to_string()))?;
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(pair.public_key().as_ref()));
        Ok(Self {
            pair,
            document: document.to_owned(),
            id,
            random,
        })
    }

    /// The key as bytes; a secret.
    pub fn document(&self) -> &[u8] {
        &self.document
    }

    /// The public half as a JSON web key.
    pub(crate) fn public(&self) -> Value {
        // Uncompressed: 4, then both coordinates, 32 bytes each.
        let point = self.pair.public_key().as_ref();
        let (x, y) = point
            .get(1..)
            .unwrap_or_default()
            .split_at_checked(32)
            .unwrap_or_default();
        json!({
            "use": "sig",
            "kty": "EC",
            "kid": self.id,
            "crv": "P-256",
            "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        })
    }

    /// The token that says `claims`; `None` where the system has no randomness.
    pub(crate) fn sign(&self, claims: &Claims) -> Option<String> {
        let header = json!({ "alg": "ES256", "kid": self.id }).to_string();
        let payload = serde_json::to_vec(claims).ok()?;
        let (header, payload) = (
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload),
        );
        let signed = format!("{header}.{payload}");
        let signature = self.pair.sign(&self.random, signed.as_bytes()).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a token that this key signed, good or not.
    pub(crate) fn open(&self, token: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.get("alg")?.as_str()? != "ES256" {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Own;

    #[test]
    fn only_what_this_key_signed_is_opened() {
        let key = SigningKey::generate().unwrap();
        let claims = Claims {
            audiences: vec!["a".to_owned()],
            expires: 2,
            issued: 1,
            issuer: "i".to_owned(),
            id: "j".to_owned(),
            own: Own::default(),
            not_before: 1,
            subject: "s".to_owned(),
        };
        let token = key.sign(&claims).unwrap();
        assert_eq!(key.open(&token), Some(claims.clone()));
        let again = SigningKey::read(key.document()).unwrap();
        assert_eq!(again.open(&token), Some(claims));
        assert_eq!(SigningKey::generate().unwrap().open(&token), None);
        let parts: Vec<&str> = token.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        for forged in [
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{}.{}x.{}", parts[0], parts[1], parts[2]),
            String::new(),
        ] {
            assert_eq!(key.open(&forged), None, "{forged}");
        }
    }
}
