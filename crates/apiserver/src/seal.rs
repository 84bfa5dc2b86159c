//! Secrets at rest: AES-256-GCM with a key of the cluster's own.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use seatrial_store::Seal;

/// A key could not be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The system gave no randomness.
    #[error("cannot make a key for Secrets: the system has no randomness")]
    Generate,
    /// It has the wrong length.
    #[error("a key for Secrets has {expected} bytes, not {found}")]
    Length {
        /// How many there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
}

/// Seals Secrets. What is sealed is a random nonce, then the text with its tag; the object's place is
/// authenticated with it, so that nobody can swap two Secrets.
pub struct Sealer {
    key: LessSafeKey,
    random: SystemRandom,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Sealer")
    }
}

impl Sealer {
    /// The length of a key, in bytes.
    pub const KEY_LENGTH: usize = 32;

    /// A new key; keep it where only its owner can read it, and not with what it seals.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn generate_key() -> Result<[u8; Self::KEY_LENGTH], Error> {
        let mut key = [0; Self::KEY_LENGTH];
        let random = SystemRandom::new();
        random.fill(&mut key).map_err(|_| Error::Generate)?;
        Ok(key)
    }

    /// Seals with this key.
    ///
    /// # Errors
    /// Where it has the wrong length.
    pub fn new(key: &[u8]) -> Result<Self, Error> {
        let unbound = UnboundKey::new(&AES_256_GCM, key).map_err(|_| Error::Length {
            expected: Self::KEY_LENGTH,
            found: key.len(),
        })?;
        Ok(Self {
            key: LessSafeKey::new(unbound),
            random: SystemRandom::new(),
        })
    }
}

impl Seal for Sealer {
    fn wants(&self, resource: &str) -> bool {
        resource == "secrets"
    }

    fn seal(&self, place: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let mut text = plain.to_vec();
        let sealed = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(sealed, Aad::from(place), &mut text)
            .ok()?;
        Some([&nonce[..], &text].concat())
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(place), &mut text);
        Some(opened.ok()?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_opens_it_at_the_same_place_unchanged() {
        let sealer = || Sealer::new(&[7; 32]).unwrap();
        let sealed = sealer().seal(b"here", b"secret").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_ne!(sealer().seal(b"here", b"secret").unwrap(), sealed);
        assert_eq!(
            sealer().open(b"here", &sealed).as_deref(),
            Some(&b"secret"[..])
        );
        assert_eq!(sealer().open(b"there", &sealed), None);
        assert_eq!(Sealer::new(&[8; 32]).unwrap().open(b"here", &sealed), None);
        let mut changed = sealed;
        changed[20] ^= 1;
        assert_eq!(sealer().open(b"here", &changed), None);
        assert!(Sealer::new(b"short").is_err());
    }
}
