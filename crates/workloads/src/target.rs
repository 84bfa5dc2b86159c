//! Objects of any kind that say how many pods they want, by their scale.

use k8s_openapi::api::autoscaling::v1::Scale;
use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiCapabilities, ApiResource};

/// A kind, as a reference to one of its objects names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KindName<'a> {
    /// Group and version.
    pub(crate) api_version: &'a str,
    pub(crate) kind: &'a str,
}

/// Why there is no scale.
#[derive(Debug)]
pub(crate) enum Error {
    /// The API has no such kind.
    NoKind,
    /// The server's words.
    Api(kube::Error),
}

impl KindName<'_> {
    /// The resource of the kind, and what can be done with it.
    pub(crate) async fn find(
        self,
        client: &Client,
    ) -> Result<(ApiResource, ApiCapabilities), Error> {
        let version = self.api_version;
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let kind = GroupVersionKind::gvk(group, version, self.kind);
        let found = kube::discovery::pinned_kind(client, &kind).await;
        found.map_err(|_| Error::NoKind)
    }
}

/// Objects of the resource in a namespace.
pub(crate) fn objects(
    client: &Client,
    namespace: &str,
    resource: &ApiResource,
) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, resource)
}

/// The scale of an object; none where there is no such object, or it has none.
pub(crate) async fn scale(api: &Api<DynamicObject>, name: &str) -> Result<Option<Scale>, Error> {
    match api.get_scale(name).await {
        Ok(scale) => Ok(Some(scale)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(Error::Api(error)),
    }
}

/// The server's words, where it is the server that refused.
pub(crate) fn told(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
