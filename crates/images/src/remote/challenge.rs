//! `WWW-Authenticate: Bearer …`, as registries send it.

use http::{HeaderMap, header};

/// Where to get a token, and for what.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

impl Challenge {
    pub(super) fn parse(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::WWW_AUTHENTICATE)?.to_str().ok()?;
        let (scheme, rest) = text.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let find = |name: &str| {
            parameters(rest)
                .into_iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value)
        };
        Some(Self {
            realm: find("realm")?,
            service: find("service"),
            scope: find("scope"),
        })
    }

    pub(super) fn token_url(&self, repository: &str) -> String {
        let scope = self
            .scope
            .clone()
            .unwrap_or_else(|| format!("repository:{repository}:pull"));
        let mut url = format!(
            "{}{}scope={}",
            self.realm,
            if self.realm.contains('?') { '&' } else { '?' },
            escape(&scope)
        );
        if let Some(service) = &self.service {
            url.push_str("&service=");
            url.push_str(&escape(service));
        }
        url
    }
}

/// `key="value"` pairs with commas between them; commas inside quotes belong to the value.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some((key, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.push((key.trim().to_ascii_lowercase(), value.to_owned()));
        rest = after.trim_start_matches([',', ' ']);
    }
    found
}

fn escape(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/,".contains(&b);
    text.bytes()
        .map(|b| {
            if keep(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// The token in a token server's answer.
pub(super) fn token(bytes: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let field = |name: &str| {
        answer
            .get(name)?
            .as_str()
            .filter(|token| !token.is_empty())
            .map(str::to_owned)
    };
    field("token").or_else(|| field("access_token"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_challenge_becomes_the_address_of_a_token() {
        let value = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull,push""#;
        let headers =
            HeaderMap::from_iter([(header::WWW_AUTHENTICATE, HeaderValue::from_static(value))]);
        let challenge = Challenge::parse(&headers).unwrap();
        assert_eq!(
            challenge.token_url("library/nginx"),
            "https://auth.docker.io/token?scope=repository:library/nginx:pull,push&service=registry.docker.io"
        );
        assert_eq!(token(br#"{"access_token":"abc"}"#).as_deref(), Some("abc"));
    }
}
