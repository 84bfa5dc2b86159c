//! Who may pull and push.

use std::sync::Arc;

use axum::http::{HeaderMap, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Code, Failure};

/// Which requests need a token. It is shown as the password of `docker login` or as a bearer token.
#[derive(Debug, Clone, Default)]
pub enum Access {
    /// None: for a registry that only this machine reaches.
    #[default]
    Open,
    /// Those that change something.
    PushNeedsToken(Arc<[String]>),
    /// All.
    TokenNeeded(Arc<[String]>),
}

impl Access {
    pub(super) fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
        let is_reading = method == Method::GET || method == Method::HEAD;
        let tokens = match self {
            Self::Open => return Ok(()),
            Self::PushNeedsToken(_) if is_reading => return Ok(()),
            Self::PushNeedsToken(tokens) | Self::TokenNeeded(tokens) => tokens,
        };
        let shown = shown(headers).unwrap_or_default();
        // Every token is compared in full, so that the time says nothing about which came close.
        let fits = tokens.iter().fold(false, |fits, token| {
            fits | same(token.as_bytes(), shown.as_bytes())
        });
        if fits && !shown.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            Code::Unauthorized,
            "a valid token is needed: `docker login` with it as the password",
        ))
    }
}

fn shown(headers: &HeaderMap) -> Option<String> {
    let (scheme, value) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.trim().to_owned());
    }
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    text.split_once(':')
        .map(|(_, password)| password.to_owned())
}

fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}
