//! Secrets and variables of a repository.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::Error;

/// Where secrets and variables are kept.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// All of a repository's secrets and variables; empty where nothing is kept.
    async fn settings(&self, repository: &str) -> Result<Settings, Error>;
}

/// `secrets` and `vars` of a repository. Not printable, so that no secret gets into a log.
#[derive(Clone, Default)]
pub struct Settings {
    /// `secrets.NAME`.
    pub secrets: BTreeMap<String, String>,
    /// `vars.NAME`.
    pub variables: BTreeMap<String, String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.secrets.keys().collect();
        formatter
            .debug_struct("Settings")
            .field("secrets", &names)
            .finish_non_exhaustive()
    }
}
