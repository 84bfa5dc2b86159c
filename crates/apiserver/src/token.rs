//! Bearer tokens: which there are, how those of service accounts are signed and checked.
//!
//! A service account's token is a JWT (RFC 7519) signed with ES256, so that nothing is stored to check
//! one; what it is bound to (the account, a pod, a Secret, a node) must still exist each time it is used.

mod authentication;
mod bound;
pub(crate) mod discovery;
mod key;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use authentication::authenticate;
pub use authentication::{Authentication, BearerTokens};
pub use key::{Error, SigningKey};

use crate::identity::{Identity, account};

/// Whose tokens they are, unless told otherwise, and for whom.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// For whom it is.
    #[serde(rename = "aud")]
    pub(crate) audiences: Vec<String>,
    /// When it ends, in seconds since 1970.
    #[serde(rename = "exp")]
    pub(crate) expires: i64,
    /// When it was made, in seconds since 1970.
    #[serde(rename = "iat")]
    pub(crate) issued: i64,
    /// Who made it.
    #[serde(rename = "iss")]
    pub(crate) issuer: String,
    /// Which one it is.
    #[serde(rename = "jti")]
    pub(crate) id: String,
    /// Whose it is, in the terms of the cluster.
    #[serde(rename = "kubernetes.io")]
    pub(crate) own: Own,
    /// From when on it is good.
    #[serde(rename = "nbf")]
    pub(crate) not_before: i64,
    /// Whose it is: `system:serviceaccount:NAMESPACE:NAME`.
    #[serde(rename = "sub")]
    pub(crate) subject: String,
}

/// The account, and what the token is bound to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Own {
    pub(crate) namespace: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<Named>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pod: Option<Named>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Named>,
    pub(crate) serviceaccount: Named,
}

/// An object at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) uid: String,
}

/// The identity that claims stand for.
pub(crate) fn identity(claims: &Claims) -> Identity {
    let own = &claims.own;
    let mut extra = BTreeMap::new();
    let mut say = |key: &str, value: String| {
        extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value]);
    };
    say("credential-id", format!("JTI={}", claims.id));
    for (kind, object) in [("pod", &own.pod), ("node", &own.node)] {
        if let Some(object) = object {
            say(&format!("{kind}-name"), object.name.clone());
            say(&format!("{kind}-uid"), object.uid.clone());
        }
    }
    Identity {
        uid: own.serviceaccount.uid.clone(),
        extra,
        ..Identity::service_account(&own.namespace, &own.serviceaccount.name)
    }
}

/// The subject of an account's tokens.
pub(crate) fn subject(own: &Own) -> String {
    account(&own.namespace, &own.serviceaccount.name)
}

/// Whether two byte strings are the same, in a time that does not tell where they differ.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    let difference = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && std::hint::black_box(difference) == 0
}
