//! URLs: absolute ones, and paths that begin with a slash, as Go's `url.ParseRequestURI` takes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::signature::Overload;
use super::super::signature::Sort::{Bool, List, Map, Text, Url as Address};
use super::{Called, function, method, mismatch, text};
use crate::cel::value::{MapKey, Value};

/// A URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Url {
    /// As it was written.
    pub text: String,
    scheme: String,
    host: String,
    path: String,
    query: String,
}

impl Url {
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return None;
        }
        let mut url = Self {
            text: text.to_owned(),
            ..Self::default()
        };
        let mut rest = text;
        if !text.starts_with('/') {
            let (scheme, after) = text.split_once(':')?;
            let mut letters = scheme.chars();
            let first_fits = letters
                .next()
                .is_some_and(|letter| letter.is_ascii_alphabetic());
            if !first_fits
                || !letters.all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
            {
                return None;
            }
            url.scheme = scheme.to_ascii_lowercase();
            rest = after;
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        query.clone_into(&mut url.query);
        if let Some(after) = rest.strip_prefix("//").filter(|_| !url.scheme.is_empty()) {
            let (authority, _) = after.split_once('/').unwrap_or((after, ""));
            authority
                .rsplit('@')
                .next()
                .unwrap_or_default()
                .clone_into(&mut url.host);
            after[authority.len()..].clone_into(&mut url.path);
        } else {
            rest.clone_into(&mut url.path);
        }
        url.port_fits().then_some(url)
    }

    fn port_fits(&self) -> bool {
        let after_name = self
            .host
            .rsplit_once(']')
            .map_or(self.host.as_str(), |(_, rest)| rest);
        let closed = !self.host.starts_with('[') || self.host.contains(']');
        closed
            && after_name
                .split_once(':')
                .is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
    }

    fn hostname_and_port(&self) -> (&str, &str) {
        if let Some((name, rest)) = self
            .host
            .strip_prefix('[')
            .and_then(|host| host.split_once(']'))
        {
            return (name, rest.strip_prefix(':').unwrap_or_default());
        }
        self.host.split_once(':').unwrap_or((&self.host, ""))
    }

    fn query(&self) -> Value {
        let mut parameters: BTreeMap<MapKey, Vec<Value>> = BTreeMap::new();
        for pair in self.query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = MapKey::String(decode(name).into());
            parameters
                .entry(key)
                .or_default()
                .push(decode(value).into());
        }
        let entries = parameters
            .into_iter()
            .map(|(name, values)| (name, values.into()));
        Value::Map(Arc::new(entries.collect()))
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match (
            first,
            code.and_then(|digits| u8::from_str_radix(digits, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) static FUNCTIONS: &[Overload] = &[
    function("url", &[Text], Address, |_, values| {
        let text = text(values, 0)?;
        let parsed = Url::parse(text).map(|url| Value::Url(url.into()));
        parsed.ok_or_else(|| format!("URL parse error during conversion from string: parse {text:?}: invalid URI for request"))
    }),
    function("isURL", &[Text], Bool, |_, values| {
        Ok(Url::parse(text(values, 0)?).is_some().into())
    }),
    method("getScheme", &[Address], Text, |_, values| {
        read(values, |url| url.scheme.as_str().into())
    }),
    method("getHost", &[Address], Text, |_, values| {
        read(values, |url| url.host.as_str().into())
    }),
    method("getHostname", &[Address], Text, |_, values| {
        read(values, |url| url.hostname_and_port().0.into())
    }),
    method("getPort", &[Address], Text, |_, values| {
        read(values, |url| url.hostname_and_port().1.into())
    }),
    method("getEscapedPath", &[Address], Text, |_, values| {
        read(values, |url| url.path.as_str().into())
    }),
    method(
        "getQuery",
        &[Address],
        Map(&Text, &List(&Text)),
        |_, values| read(values, Url::query),
    ),
];

fn read(values: &[Value], read: fn(&Url) -> Value) -> Called {
    match values {
        [Value::Url(url)] => Ok(read(url)),
        _ => Err(mismatch()),
    }
}
