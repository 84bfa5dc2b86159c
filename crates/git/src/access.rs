//! Who may read and who may push.

use std::sync::{Arc, PoisonError, RwLock};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Whether someone without a token may clone and fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Anonymous {
    /// Anyone who reaches the server may read.
    #[default]
    MayRead,
    /// Reading needs a token, too.
    MayNotRead,
}

/// Whose request it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// No credentials, and reading needs none.
    Anonymous,
    /// The user that a token belongs to.
    User(String),
}

impl Caller {
    /// The name that Push objects carry as the pusher.
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User(name) => name,
        }
    }
}

/// The tokens of one server; clones share them. Tokens can come and go while it runs, such as
/// the token of one pipeline run.
#[derive(Clone)]
pub struct Access {
    anonymous: Anonymous,
    tokens: Arc<RwLock<Vec<(String, String)>>>,
}

impl Access {
    /// Nobody may push yet; [`Access::grant`] adds tokens.
    pub fn new(anonymous: Anonymous) -> Self {
        Self {
            anonymous,
            tokens: Arc::default(),
        }
    }

    /// Lets whoever shows `token` act as `user`. An empty token is never accepted.
    pub fn grant(&self, user: &str, token: &str) {
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        tokens.push((user.to_owned(), token.to_owned()));
    }

    /// Takes a token back.
    pub fn revoke(&self, token: &str) {
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|(_, known)| !same(known.as_bytes(), token.as_bytes()));
    }

    /// The user of the request's token, from `Bearer` or as the password of `Basic`.
    /// `None` where there is none or it is wrong.
    pub fn user(&self, headers: &HeaderMap) -> Option<Caller> {
        let shown = token_of(headers)?;
        if shown.is_empty() {
            return None;
        }
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        // Every token is compared, so that the time says nothing about which one came close.
        let mut found = None;
        for (user, known) in tokens.iter() {
            if same(known.as_bytes(), shown.as_bytes()) {
                found = Some(Caller::User(user.clone()));
            }
        }
        found
    }

    /// Who may read with these headers; `None` where a token is needed.
    /// Wrong credentials are refused even where none are needed, so that a typo is noticed.
    pub(crate) fn reader(&self, headers: &HeaderMap) -> Option<Caller> {
        match (headers.contains_key(AUTHORIZATION), self.anonymous) {
            (true, _) => self.user(headers),
            (false, Anonymous::MayRead) => Some(Caller::Anonymous),
            (false, Anonymous::MayNotRead) => None,
        }
    }
}

fn token_of(headers: &HeaderMap) -> Option<String> {
    let (scheme, value) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    text.split_once(':')
        .map(|(_, password)| password.to_owned())
}

/// Compares without stopping at the first difference. The length may show; the content may not.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_token_is_taken_as_bearer_and_as_basic_password() {
        let access = Access::new(Anonymous::MayRead);
        access.grant("ada", "secret");
        let ada = Some(Caller::User("ada".to_owned()));
        assert_eq!(access.user(&headers("Bearer secret")), ada);
        assert_eq!(
            access.user(&headers(&format!("Basic {}", STANDARD.encode("x:secret")))),
            ada
        );
        for wrong in [
            "Bearer secre",
            "Bearer secretx",
            "Bearer ",
            "Digest secret",
            "Basic !!",
            "secret",
        ] {
            assert_eq!(access.user(&headers(wrong)), None, "{wrong}");
        }
        access.revoke("secret");
        assert_eq!(access.user(&headers("Bearer secret")), None);
    }

    #[test]
    fn wrong_credentials_are_refused_even_for_reading() {
        let access = Access::new(Anonymous::MayRead);
        assert_eq!(access.reader(&HeaderMap::new()), Some(Caller::Anonymous));
        assert_eq!(access.reader(&headers("Bearer nonsense")), None);
        assert_eq!(
            Access::new(Anonymous::MayNotRead).reader(&HeaderMap::new()),
            None
        );
    }
}
