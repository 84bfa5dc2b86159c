//! Who a bearer token is.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sha2::{Digest as _, Sha256};

use super::bound::{LEEWAY, still_there};
use super::{Claims, ISSUER, SigningKey, identity, same, subject};
use crate::identity::Identity;
use crate::state::State;

/// How many tokens are remembered whose signature was found good.
const REMEMBERED: usize = 4096;

/// Who has which bearer token. Beside these, tokens of service accounts are accepted.
#[derive(Clone, Default)]
pub struct BearerTokens(BTreeMap<String, Identity>);

impl BearerTokens {
    /// A table of tokens.
    pub fn new(tokens: impl IntoIterator<Item = (String, Identity)>) -> Self {
        Self(tokens.into_iter().collect())
    }

    /// Compares with every token, so that the time taken does not tell how much of one was right.
    fn identity(&self, given: &str) -> Option<&Identity> {
        self.0.iter().fold(None, |found, (token, identity)| {
            if same(token.as_bytes(), given.as_bytes()) {
                Some(identity)
            } else {
                found
            }
        })
    }
}

impl std::fmt::Debug for BearerTokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.0.len();
        formatter.debug_tuple("BearerTokens").field(&count).finish()
    }
}

/// Everything that is known about bearer tokens.
#[derive(Debug)]
pub struct Authentication {
    fixed: RwLock<BearerTokens>,
    key: RwLock<Option<Arc<SigningKey>>>,
    /// By the digest of the token. A signature stays good, so only that is remembered.
    opened: Mutex<HashMap<[u8; 32], Arc<Claims>>>,
}

impl Default for Authentication {
    /// Signs with a key that nobody knows and that is gone with the process.
    fn default() -> Self {
        let key = SigningKey::generate();
        if let Err(error) = &key {
            tracing::error!("tokens of service accounts are off: {error}");
        }
        Self {
            fixed: RwLock::default(),
            key: RwLock::new(key.ok().map(Arc::new)),
            opened: Mutex::default(),
        }
    }
}

impl Authentication {
    /// Signs with this key from now on; what another has signed is no good any more.
    pub fn sign_with(&self, key: SigningKey) {
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(key));
        self.opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Accepts these tokens from now on, and no other fixed ones.
    pub fn accept(&self, tokens: BearerTokens) {
        *self.fixed.write().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    pub(crate) fn key(&self) -> Option<Arc<SigningKey>> {
        self.key
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn fixed(&self, token: &str) -> Option<Identity> {
        let fixed = self.fixed.read().unwrap_or_else(PoisonError::into_inner);
        fixed.identity(token).cloned()
    }

    fn open(&self, token: &str) -> Option<Arc<Claims>> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let remembered = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(claims) = remembered().get(&digest) {
            return Some(Arc::clone(claims));
        }
        let claims = Arc::new(self.key()?.open(token)?);
        let mut opened = remembered();
        if opened.len() >= REMEMBERED {
            opened.clear();
        }
        opened.insert(digest, Arc::clone(&claims));
        Some(claims)
    }
}

/// Who the token is, and for which of the wanted audiences it is good; without a wish, for the API
/// server's own.
///
/// # Errors
/// Why it is no good, for whoever reviews tokens; the client itself is told nothing.
pub(crate) fn authenticate(
    state: &State,
    token: &str,
    wanted: &[String],
) -> Result<(Identity, Vec<String>), String> {
    let own = [ISSUER.to_owned()];
    let wanted = if wanted.is_empty() { &own[..] } else { wanted };
    let for_whom = |has: &[String]| {
        let fitting: Vec<String> = wanted
            .iter()
            .filter(|one| has.contains(one))
            .cloned()
            .collect();
        if fitting.is_empty() {
            Err(format!(
                "token audiences {has:?} is invalid for the target audiences {wanted:?}"
            ))
        } else {
            Ok(fitting)
        }
    };
    if let Some(identity) = state.authentication.fixed(token) {
        return Ok((identity, for_whom(&own)?));
    }
    let claims = state
        .authentication
        .open(token)
        .ok_or("invalid bearer token")?;
    let now = state.now().as_second();
    if claims.issuer != ISSUER || claims.subject != subject(&claims.own) {
        return Err("invalid bearer token".to_owned());
    }
    if now > claims.expires.saturating_add(LEEWAY) {
        return Err("service account token has expired".to_owned());
    }
    let soon = now + LEEWAY;
    if soon < claims.not_before {
        return Err("service account token is not valid yet".to_owned());
    }
    if soon < claims.issued {
        return Err("service account token is issued in the future".to_owned());
    }
    let audiences = for_whom(&claims.audiences)?;
    still_there(state, &claims)?;
    Ok((identity(&claims), audiences))
}
