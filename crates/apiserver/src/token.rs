//! Tokens of service accounts: signed claims, so that nothing has to be stored to check one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::identity::Identity;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Whose it is: `system:serviceaccount:NAMESPACE:NAME`.
    #[serde(rename = "sub")]
    pub subject: String,
    /// The uid of the service account.
    pub uid: String,
    /// When it was made, in seconds since 1970.
    #[serde(rename = "iat")]
    pub issued: i64,
    /// When it ends, in seconds since 1970.
    #[serde(rename = "exp")]
    pub expires: i64,
}

/// Signs and checks tokens with one secret key (HMAC-SHA256, RFC 2104, in the form of RFC 7519).
#[derive(Clone)]
pub struct Tokens {
    key: [u8; 32],
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tokens")
    }
}

impl Tokens {
    /// Signs with this key; keep it, and tokens stay good after a restart.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Signs with a key that nobody knows and that is gone with the process.
    pub fn ephemeral() -> Self {
        let mut key = [0; 32];
        let provider = rustls::crypto::ring::default_provider();
        if provider.secure_random.fill(&mut key).is_err() {
            tracing::error!("the system has no randomness; tokens of service accounts are off");
        }
        Self { key }
    }

    /// The token that says `claims`.
    pub fn sign(&self, claims: &Claims) -> String {
        let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
        let payload = serde_json::to_vec(claims).unwrap_or_default();
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(self.code(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// The claims of a token that this key signed and that has not ended.
    pub fn check(&self, token: &str, now: Timestamp) -> Option<Claims> {
        // Of a key of zeros (no randomness) nothing may be accepted.
        if self.key == [0; 32] {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        if !same(&signature, &self.code(signed.as_bytes())) {
            return None;
        }
        let payload = URL_SAFE_NO_PAD.decode(signed.split_once('.')?.1).ok()?;
        let claims: Claims = serde_json::from_slice(&payload).ok()?;
        (claims.expires > now.as_second()).then_some(claims)
    }

    fn code(&self, message: &[u8]) -> [u8; 32] {
        let pad = |fill: u8| {
            let mut block = [fill; 64];
            for (byte, key) in block.iter_mut().zip(self.key) {
                *byte ^= key;
            }
            block
        };
        let inner = Sha256::new()
            .chain_update(pad(0x36))
            .chain_update(message)
            .finalize();
        Sha256::new()
            .chain_update(pad(0x5c))
            .chain_update(inner)
            .finalize()
            .into()
    }
}

/// The identity that a service account's claims stand for.
pub(crate) fn identity(claims: &Claims) -> Identity {
    let namespace = claims.subject.split(':').nth(2).unwrap_or_default();
    let group = format!("system:serviceaccounts:{namespace}");
    Identity::user(&claims.subject, &["system:serviceaccounts", &group])
}

/// Whether two byte strings are the same, in a time that does not tell where they differ.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let difference = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_it_ends_and_only_with_its_key() {
        let claims = Claims {
            subject: "system:serviceaccount:a:b".to_owned(),
            uid: "u".to_owned(),
            issued: 0,
            expires: 100,
        };
        let tokens = Tokens::new([7; 32]);
        let token = tokens.sign(&claims);
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(tokens.check(&token, at(99)), Some(claims));
        assert_eq!(tokens.check(&token, at(100)), None);
        assert_eq!(Tokens::new([8; 32]).check(&token, at(1)), None);
        assert_eq!(tokens.check(&token.replace('.', ".x"), at(1)), None);
    }
}
