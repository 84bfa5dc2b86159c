//! Secrets of the type `kubernetes.io/service-account-token`: tokens for clients that want them in an
//! object rather than for an hour.
//!
//! Flow: whoever makes such a Secret names an account in an annotation; the Secret gets a token that is
//! good as long as both exist, the certificates by which the API server is known, and its namespace.
//! Guarantees: a Secret of an account that is gone goes too, and with it its token.

use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::api::{ApiResource, Patch};
use seatrial_controller::{
    Chain, Class, Classify, Context, ObjectKey, Outcome, Reconciler, Watches, key_of, write,
};
use serde_json::{Value, json};

use crate::shell::Shell;

const TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";
/// Where the certificates are published.
const CERTIFICATES: &str = "kube-root-ca.crt";
const FILE: &str = "ca.crt";
/// The longest that the server grants: upstream's tokens of this kind have no end.
const SECONDS: i64 = 1 << 32;

/// The controller of tokens in Secrets.
pub struct AccountTokens;

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Secret could not be read.
    #[error("read the secret")]
    Read(#[source] write::Error),
    /// The server gave no token.
    #[error("ask for a token")]
    Ask(#[source] write::Error),
    /// The token could not be written.
    #[error("write the token")]
    Write(#[source] write::Error),
    /// A Secret of another account could not be deleted.
    #[error("delete the secret")]
    Delete(#[source] write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }

    fn reason(&self) -> &'static str {
        "FailedToken"
    }
}

fn secrets() -> ApiResource {
    ApiResource::erase::<Secret>(&())
}

/// The account that a Secret names.
fn account_of(secret: &Shell) -> Option<&str> {
    let annotations = secret.metadata.annotations.as_ref()?;
    annotations.get(ACCOUNT).map(String::as_str)
}

impl Reconciler for AccountTokens {
    const NAME: &'static str = "tokens-controller";
    type Object = ServiceAccount;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<ServiceAccount>) {
        watches.mapped_kind::<Shell, _>(secrets(), |secret, _| {
            let namespace = secret.metadata.namespace.as_deref().unwrap_or_default();
            let name = account_of(secret);
            name.map(|name| ObjectKey::new(namespace, name))
                .into_iter()
                .collect()
        });
    }

    async fn reconcile(
        &self,
        account: Arc<ServiceAccount>,
        ctx: &Context,
    ) -> Result<Outcome, Error> {
        if account.metadata.deletion_timestamp.is_none() {
            for secret in of_account(&key_of(&*account), ctx).await? {
                settle(&account, &secret, ctx).await?;
            }
        }
        Ok(Outcome::settled())
    }

    async fn gone(&self, key: &ObjectKey, ctx: &Context) {
        // The cache may be behind: a Secret goes for good only where the server says so too.
        let account = ctx.objects::<ServiceAccount>().get(key).await;
        if !account.is_err_and(|error| error.is_not_found()) {
            return;
        }
        for secret in of_account(key, ctx).await.unwrap_or_default() {
            if let Err(error) = ctx.objects::<Secret>().delete(&secret).await {
                tracing::warn!(secret = %key_of(&secret), "delete a token: {}", Chain(&error));
            }
        }
    }
}

/// The Secrets of the type that name the account.
async fn of_account(account: &ObjectKey, ctx: &Context) -> Result<Vec<Secret>, Error> {
    let mut found = Vec::new();
    let all = ctx.caches.of_kind::<Shell>(&secrets());
    for shell in all.list(&account.namespace) {
        if account_of(&shell) != Some(&*account.name) {
            continue;
        }
        match ctx.objects::<Secret>().get(&key_of_shell(&shell)).await {
            Ok(secret) if secret.type_.as_deref() == Some(TYPE) => found.push(secret),
            Err(error) if !error.is_not_found() => return Err(Error::Read(error)),
            _ => {}
        }
    }
    Ok(found)
}

fn key_of_shell(shell: &Shell) -> ObjectKey {
    let meta = &shell.metadata;
    let name = meta.name.as_deref().unwrap_or_default();
    ObjectKey::new(meta.namespace.as_deref().unwrap_or_default(), name)
}

/// Fills a Secret, or deletes one that was made for an earlier account of the name.
async fn settle(account: &ServiceAccount, secret: &Secret, ctx: &Context) -> Result<(), Error> {
    let objects = ctx.objects::<Secret>();
    let notes = secret.metadata.annotations.as_ref();
    let made_for = notes.and_then(|notes| notes.get(ACCOUNT_UID));
    if made_for.is_some_and(|uid| Some(uid) != account.metadata.uid.as_ref()) {
        return match objects.delete(secret).await {
            Err(error) if !error.is_not_found() => Err(Error::Delete(error)),
            _ => Ok(()),
        };
    }
    let has = |key: &str| {
        secret
            .data
            .as_ref()
            .is_some_and(|data| data.contains_key(key))
    };
    let namespace = secret.metadata.namespace.clone().unwrap_or_default();
    let certificates = certificates(&namespace, ctx).await;
    let complete = has("token") && has("namespace") && (certificates.is_none() || has(FILE));
    if complete {
        return Ok(());
    }
    let mut data = json!({ "namespace": ByteString(namespace.clone().into_bytes()) });
    if let Some(certificates) = certificates {
        data[FILE] = json!(ByteString(certificates.into_bytes()));
    }
    if !has("token") {
        let token = token(account, secret, ctx).await?;
        data["token"] = json!(ByteString(token.into_bytes()));
    }
    let patch = Patch::Merge(json!({
        "metadata": { "annotations": { ACCOUNT_UID: account.metadata.uid },
            "resourceVersion": secret.metadata.resource_version },
        "data": data,
    }));
    match objects.patch(&key_of(secret), &patch).await {
        // It changed: the change brings us back.
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        written => written.map(drop).map_err(Error::Write),
    }
}

async fn token(account: &ServiceAccount, secret: &Secret, ctx: &Context) -> Result<String, Error> {
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: Vec::new(),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Secret".to_owned()),
                name: secret.metadata.name.clone(),
                uid: secret.metadata.uid.clone(),
            }),
            expiration_seconds: Some(SECONDS),
        },
        ..TokenRequest::default()
    };
    let accounts = ctx.objects::<ServiceAccount>();
    let key = key_of(account);
    let made = accounts.create_subresource(&key, "token", &request);
    let made = made.await.map_err(Error::Ask)?;
    let token = made.pointer("/status/token").and_then(Value::as_str);
    Ok(token.unwrap_or_default().to_owned())
}

/// What is published in the namespace; nothing where nobody does, or not yet.
async fn certificates(namespace: &str, ctx: &Context) -> Option<String> {
    let key = ObjectKey::new(namespace, CERTIFICATES);
    let map = ctx.objects::<ConfigMap>().get(&key).await.ok()?;
    map.data?.remove(FILE)
}
