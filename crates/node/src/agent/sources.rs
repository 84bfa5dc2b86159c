//! Reading what a pod's spec refers to: ConfigMaps, Secrets, tokens.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::authentication::v1::{
    BoundObjectReference, TokenRequest as Request, TokenRequestSpec,
};
use k8s_openapi::api::core::v1::{ConfigMap, Container, Pod, PodSpec, Secret, ServiceAccount};
use kube::Api;
use kube::api::PostParams;
use seatrial_controller::{Chain, Context, Static};
use serde::de::DeserializeOwned;

use super::world::Slot;
use crate::environment::Sources;
use crate::volume::{Tokens, token_requests};

/// An object could not be read, though it may exist.
#[derive(Debug, thiserror::Error)]
#[error("read {kind} {namespace}/{name}")]
pub(super) struct Error {
    kind: String,
    namespace: String,
    name: String,
    #[source]
    source: Box<kube::Error>,
}

/// The names that a pod's spec refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct References {
    pub(super) config_maps: BTreeSet<String>,
    pub(super) secrets: BTreeSet<String>,
}

impl References {
    /// All references of the pod: environment and volumes.
    pub(super) fn of(pod: &Pod) -> Self {
        let mut references = Self::default();
        if let Some(spec) = &pod.spec {
            let all = spec
                .init_containers
                .iter()
                .flatten()
                .chain(&spec.containers);
            all.for_each(|container| references.container(container));
            let added = spec.ephemeral_containers.as_ref().map_or(0, Vec::len);
            for slot in (0..added).map(Slot::Ephemeral) {
                if let Some(container) = slot.of(pod) {
                    references.container(&container);
                }
            }
            references.volumes(spec);
        }
        references
    }

    fn container(&mut self, container: &Container) {
        for from in container.env_from.iter().flatten() {
            self.config_maps
                .extend(from.config_map_ref.as_ref().map(|it| it.name.clone()));
            self.secrets
                .extend(from.secret_ref.as_ref().map(|it| it.name.clone()));
        }
        let values = container
            .env
            .iter()
            .flatten()
            .filter_map(|env| env.value_from.as_ref());
        for from in values {
            self.config_maps
                .extend(from.config_map_key_ref.as_ref().map(|it| it.name.clone()));
            self.secrets
                .extend(from.secret_key_ref.as_ref().map(|it| it.name.clone()));
        }
    }

    fn volumes(&mut self, spec: &PodSpec) {
        for volume in spec.volumes.iter().flatten() {
            self.config_maps
                .extend(volume.config_map.as_ref().map(|it| it.name.clone()));
            self.secrets
                .extend(volume.secret.as_ref().and_then(|it| it.secret_name.clone()));
            let projected = volume
                .projected
                .iter()
                .flat_map(|it| it.sources.iter().flatten());
            for source in projected {
                self.config_maps
                    .extend(source.config_map.as_ref().map(|it| it.name.clone()));
                self.secrets
                    .extend(source.secret.as_ref().map(|it| it.name.clone()));
            }
        }
    }
}

/// Reads the ConfigMaps and Secrets of a pod, as far as they exist.
pub(super) async fn sources(ctx: &Context, pod: &Pod) -> Result<Sources, Error> {
    let references = References::of(pod);
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let mut sources = Sources::default();
    for name in references.config_maps {
        if let Some(map) = find::<ConfigMap>(ctx, namespace, &name).await? {
            sources.config_maps.insert(name, map);
        }
    }
    for name in references.secrets {
        if let Some(secret) = find::<Secret>(ctx, namespace, &name).await? {
            sources.secrets.insert(name, secret);
        }
    }
    Ok(sources)
}

/// From the shared cache; from the server where the cache does not have it, since a pod and what it
/// needs are often created at the same moment.
pub(super) async fn find<K>(
    ctx: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<Arc<K>>, Error>
where
    K: Static
        + DeserializeOwned
        + fmt::Debug
        + kube::Resource<Scope = kube::core::NamespaceResourceScope>,
{
    let cache = ctx.cache::<K>().await;
    if let Some(found) = cache.find(namespace, name) {
        return Ok(Some(found));
    }
    let api: Api<K> = Api::namespaced(ctx.client.clone(), namespace);
    let found = api.get_opt(name).await.map_err(|source| Error {
        kind: K::kind(&()).into_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        source: Box::new(source),
    })?;
    Ok(found.map(Arc::new))
}

/// Asks for the tokens that the pod's projected volumes want. A refusal is kept as text: it matters
/// only to the volume.
pub(super) async fn tokens(ctx: &Context, pod: &Pod) -> Tokens {
    let spec = pod.spec.as_ref();
    let volumes = spec
        .and_then(|spec| spec.volumes.as_deref())
        .unwrap_or_default();
    let account = spec
        .and_then(|spec| spec.service_account_name.as_deref())
        .unwrap_or("default");
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<ServiceAccount> = Api::namespaced(ctx.client.clone(), namespace);
    let mut tokens = Tokens::new();
    for request in volumes.iter().flat_map(token_requests) {
        let audiences = match request.audience.as_str() {
            "" => Vec::new(),
            audience => vec![audience.to_owned()],
        };
        let body = Request {
            spec: TokenRequestSpec {
                audiences,
                expiration_seconds: Some(request.seconds),
                // A node gets tokens for its pods only, and they end with the pod.
                bound_object_ref: Some(BoundObjectReference {
                    api_version: Some("v1".to_owned()),
                    kind: Some("Pod".to_owned()),
                    name: pod.metadata.name.clone(),
                    uid: pod.metadata.uid.clone(),
                }),
            },
            ..Request::default()
        };
        let answer = api
            .create_token_request(account, &PostParams::default(), &body)
            .await;
        let token = match answer {
            Ok(answer) => answer
                .status
                .map(|status| status.token)
                .ok_or_else(|| "the server answered without a token".to_owned()),
            Err(error) => Err(Chain(&error).to_string()),
        };
        tokens.insert(request, token);
    }
    tokens
}
