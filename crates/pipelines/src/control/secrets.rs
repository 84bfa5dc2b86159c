//! Secrets and variables of a repository, from a Secret and a ConfigMap of the cluster.

use std::collections::BTreeMap;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client};
use seatrial_resources::seatrial_dev::SYSTEM_NAMESPACE;

use crate::port::{Error, SecretSource, Settings};

/// Reads `Secret/pipeline-secrets-<repository>` and `ConfigMap/pipeline-variables-<repository>` in
/// the system namespace; neither has to exist.
#[derive(Clone)]
pub struct KubeSecrets {
    client: Client,
}

impl KubeSecrets {
    /// Reads through this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl SecretSource for KubeSecrets {
    async fn settings(&self, repository: &str) -> Result<Settings, Error> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE);
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE);
        let name = format!("pipeline-secrets-{repository}");
        let secret = secrets
            .get_opt(&name)
            .await
            .map_err(|error| Error::because(format!("cannot read Secret/{name}"), error))?;
        let mut values = BTreeMap::new();
        for (key, value) in secret.and_then(|secret| secret.data).unwrap_or_default() {
            let text = String::from_utf8(value.0).map_err(|error| {
                Error::because(format!("Secret/{name}: `{key}` is no text (UTF-8)"), error)
            })?;
            values.insert(key, text);
        }
        let name = format!("pipeline-variables-{repository}");
        let map = maps
            .get_opt(&name)
            .await
            .map_err(|error| Error::because(format!("cannot read ConfigMap/{name}"), error))?;
        let variables = map.and_then(|map| map.data).unwrap_or_default();
        Ok(Settings {
            secrets: values,
            variables,
        })
    }
}
