//! Acting as somebody else: the headers, and the right to each part of the other identity.

use std::collections::BTreeMap;

use http::HeaderMap;

use super::{Asked, Attributes, require};
use crate::failure::Failure;
use crate::identity::{ANONYMOUS, AUTHENTICATED, Identity, UNAUTHENTICATED, account_of};
use crate::state::State;

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";

/// Whom the headers ask to act as, if they ask, with the groups that go with it.
///
/// # Errors
/// Forbidden, where the user may not act as that; a bad request, where the headers make no sense.
pub(crate) fn impersonated(
    state: &State,
    identity: &Identity,
    headers: &HeaderMap,
) -> Result<Option<Identity>, Failure> {
    let asks = |name: &http::HeaderName| name.as_str().starts_with("impersonate-");
    if !headers.keys().any(asks) {
        return Ok(None);
    }
    let wanted = read(headers)?;
    for asked in parts(&wanted) {
        require(state, identity, &Asked::Object(asked))?;
    }
    Ok(Some(complete(wanted)))
}

fn read(headers: &HeaderMap) -> Result<Identity, Failure> {
    let texts = |name: &str| {
        let values = headers.get_all(name).into_iter();
        values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
    };
    let first = |name: &str| texts(name).into_iter().next().unwrap_or_default();
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in headers.keys() {
        if let Some(key) = name.as_str().strip_prefix(EXTRA) {
            let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy();
            extra.insert(key.into_owned(), texts(name.as_str()));
        }
    }
    let wanted = Identity {
        user: first(USER),
        uid: first(UID),
        groups: texts(GROUP),
        extra,
    };
    if wanted.user.is_empty() {
        return Err(Failure::bad_request(
            "requested impersonation of groups, a uid or extra information without impersonating a \
             user: the header Impersonate-User is missing",
        ));
    }
    Ok(wanted)
}

/// What must be allowed, one by one.
fn parts(wanted: &Identity) -> Vec<Attributes<'_>> {
    let base = |group: &'static str, resource: &'static str| Attributes {
        verb: "impersonate".into(),
        group: group.into(),
        version: "v1".into(),
        resource: resource.into(),
        ..Attributes::default()
    };
    let mut parts = vec![match account_of(&wanted.user) {
        Some((namespace, name)) => Attributes {
            namespace: namespace.into(),
            name: name.into(),
            ..base("", "serviceaccounts")
        },
        None => Attributes {
            name: wanted.user.as_str().into(),
            ..base("", "users")
        },
    }];
    parts.extend(wanted.groups.iter().map(|group| Attributes {
        name: group.as_str().into(),
        ..base("", "groups")
    }));
    if !wanted.uid.is_empty() {
        parts.push(Attributes {
            name: wanted.uid.as_str().into(),
            ..base("authentication.k8s.io", "uids")
        });
    }
    for (key, values) in &wanted.extra {
        parts.extend(values.iter().map(|value| Attributes {
            subresource: key.as_str().into(),
            name: value.as_str().into(),
            ..base("authentication.k8s.io", "userextras")
        }));
    }
    parts
}

/// Adds the groups that every such user is in.
fn complete(mut wanted: Identity) -> Identity {
    if wanted.groups.is_empty()
        && let Some((namespace, name)) = wanted.as_account()
    {
        wanted.groups = Identity::service_account(namespace, name).groups;
    }
    let everybody = match wanted.user.as_str() {
        ANONYMOUS => UNAUTHENTICATED,
        _ => AUTHENTICATED,
    };
    if !wanted.is_in(AUTHENTICATED) && !wanted.is_in(UNAUTHENTICATED) {
        wanted.groups.push(everybody.to_owned());
    }
    wanted
}
