//! Namespace: empties one that is being deleted, then lets it go.
//!
//! Flow: discover every namespaced kind → delete all pods, and when they are gone, all objects of the
//! others, workloads first → as long as any are left, say so in conditions and look again → take `kubernetes` out of `spec.finalizers`.

mod contents;
mod status;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::PostParams;
use kube::core::Request;
use seatrial_controller::{
    Class, Classify, Context, Outcome, Reconciler, is_terminating, key_of, write,
};

use self::contents::empty;
use crate::discovery;

/// The mark that holds a namespace until it is empty.
const FINALIZER: &str = "kubernetes";
/// How long to wait before looking whether what was deleted is gone.
const AGAIN: Duration = Duration::from_millis(200);

/// The controller of terminating namespaces.
pub struct Namespaces;

/// The step that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kinds could not be discovered, so it is unknown what the namespace holds.
    #[error("find out what the namespace may hold")]
    Discover(#[from] discovery::Error),
    /// Objects could not be deleted.
    #[error("empty the namespace")]
    Empty(#[source] write::Error),
    /// The finalizer could not be removed.
    #[error("let the namespace go")]
    Finalize(#[source] Box<kube::Error>),
}

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }

    fn reason(&self) -> &'static str {
        "NamespaceDeletionFailed"
    }
}

impl Reconciler for Namespaces {
    const NAME: &'static str = "namespace-controller";
    const WORKERS: usize = 4;
    type Object = Namespace;
    type Error = Error;

    async fn reconcile(&self, namespace: Arc<Namespace>, ctx: &Context) -> Result<Outcome, Error> {
        if !is_terminating(&*namespace) || !is_held(&namespace) {
            return Ok(Outcome::settled());
        }
        let kinds = discovery::kinds(&ctx.client).await?;
        let name = namespace.metadata.name.as_deref().unwrap_or_default();
        let left = empty(name, &kinds, ctx).await.map_err(Error::Empty)?;
        if left.is_empty() {
            finalize(&namespace, ctx).await?;
            return Ok(Outcome::settled());
        }
        tracing::debug!(namespace = name, ?left, "not empty yet");
        Ok(Outcome::waiting(AGAIN).with_status(status::remaining(
            &namespace,
            &left,
            ctx.clock.now(),
        )))
    }
}

fn is_held(namespace: &Namespace) -> bool {
    let finalizers = namespace
        .spec
        .as_ref()
        .and_then(|spec| spec.finalizers.as_deref());
    finalizers
        .unwrap_or_default()
        .iter()
        .any(|name| name == FINALIZER)
}

/// Takes our finalizer out through the subresource that exists for this.
async fn finalize(namespace: &Namespace, ctx: &Context) -> Result<(), Error> {
    let mut namespace = namespace.clone();
    if let Some(finalizers) = namespace
        .spec
        .as_mut()
        .and_then(|spec| spec.finalizers.as_mut())
    {
        finalizers.retain(|name| name != FINALIZER);
    }
    // The newest version is what is meant: nothing else is changed.
    namespace.metadata.resource_version = None;
    let failed = |source| Error::Finalize(Box::new(source));
    let body = serde_json::to_vec(&namespace)
        .map_err(kube::Error::SerdeError)
        .map_err(failed)?;
    let request = Request::new("/api/v1/namespaces")
        .replace_subresource(
            "finalize",
            &key_of(&namespace).name,
            &PostParams::default(),
            body,
        )
        .map_err(kube::Error::BuildRequest)
        .map_err(failed)?;
    match ctx.client.request::<serde_json::Value>(request).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// What the tests of this module's parts share.
#[cfg(test)]
mod tests {
    use expect_test::expect;
    use jiff::Timestamp;
    use serde_json::json;

    use super::contents::Left;
    use super::*;

    #[test]
    fn what_is_left_is_said_in_upstreams_words() {
        let namespace: Namespace = serde_json::from_value(json!({
            "metadata": {"name": "old"}, "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Terminating"},
        }))
        .unwrap();
        let left = Left {
            objects: [("pods.".to_owned(), 2)].into(),
            finalizers: [("example.com/hold".to_owned(), 1)].into(),
        };
        let status = status::remaining(&namespace, &left, Timestamp::UNIX_EPOCH);
        let messages: Vec<_> = status
            .conditions
            .unwrap()
            .into_iter()
            .map(|c| c.message)
            .collect();
        expect![[r#"
            [
                Some(
                    "All resources successfully discovered",
                ),
                Some(
                    "All legacy kube types successfully parsed",
                ),
                Some(
                    "All content successfully deleted, may be waiting on finalization",
                ),
                Some(
                    "Some resources are remaining: pods. has 2 resource instances",
                ),
                Some(
                    "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
                ),
            ]
        "#]]
        .assert_debug_eq(&messages);
        assert!(is_held(&namespace));
    }
}
