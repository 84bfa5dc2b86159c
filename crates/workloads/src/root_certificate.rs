//! The ConfigMap `kube-root-ca.crt` that every namespace has: by it pods know the API server.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::Patch;
use kube::core::ObjectMeta;
use seatrial_controller::{
    Class, Classify, Context, ObjectKey, Outcome, Reconciler, Watches, is_terminating, write,
};
use serde_json::json;

const NAME: &str = "kube-root-ca.crt";
const FILE: &str = "ca.crt";
const DESCRIPTION: &str = "kubernetes.io/description";
const TEXT: &str = "The certificates by which the API server is known inside the cluster.";

/// The controller that publishes the cluster's root certificates.
pub struct RootCertificates {
    pem: String,
}

impl RootCertificates {
    /// Publishes these certificates (PEM).
    pub fn new(pem: impl Into<String>) -> Self {
        Self { pem: pem.into() }
    }
}

/// The ConfigMap could not be written.
#[derive(Debug, thiserror::Error)]
#[error("publish the root certificates")]
pub struct Error(#[source] write::Error);

impl Classify for Error {
    fn class(&self) -> Class {
        Class::Retry
    }

    fn reason(&self) -> &'static str {
        "FailedPublishRootCertificates"
    }
}

impl Reconciler for RootCertificates {
    const NAME: &'static str = "root-ca-cert-publisher";
    type Object = Namespace;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<Namespace>) {
        watches.mapped::<ConfigMap, _>(|map, _| {
            let namespace = map.metadata.namespace.as_deref().unwrap_or_default();
            let ours = map.metadata.name.as_deref() == Some(NAME);
            ours.then(|| ObjectKey::cluster(namespace))
                .into_iter()
                .collect()
        });
    }

    async fn reconcile(&self, namespace: Arc<Namespace>, ctx: &Context) -> Result<Outcome, Error> {
        if is_terminating(&*namespace) {
            return Ok(Outcome::settled());
        }
        let name = namespace.metadata.name.as_deref().unwrap_or_default();
        let present = ctx.cache::<ConfigMap>().await.find(name, NAME);
        let maps = ctx.objects::<ConfigMap>();
        let written = match present {
            Some(map) => {
                let data = map.data.as_ref();
                if data.and_then(|data| data.get(FILE)) == Some(&self.pem) {
                    return Ok(Outcome::settled());
                }
                let patch = Patch::Merge(json!({"data": {FILE: self.pem}}));
                maps.patch(&ObjectKey::new(name, NAME), &patch).await
            }
            None => maps.create(&self.map(name)).await,
        };
        match written {
            // The namespace goes, or somebody was faster: the next change tells.
            Err(error) if error.is_not_found() || error.is_already_exists() => {}
            Err(error) if error.status().is_some_and(|status| status.code == 403) => {}
            result => {
                result.map_err(Error)?;
            }
        }
        Ok(Outcome::settled())
    }
}

impl RootCertificates {
    fn map(&self, namespace: &str) -> ConfigMap {
        ConfigMap {
            metadata: ObjectMeta {
                name: Some(NAME.to_owned()),
                namespace: Some(namespace.to_owned()),
                annotations: Some([(DESCRIPTION.to_owned(), TEXT.to_owned())].into()),
                ..ObjectMeta::default()
            },
            data: Some([(FILE.to_owned(), self.pem.clone())].into()),
            ..ConfigMap::default()
        }
    }
}
