//! What a volume is to hold. Pure.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use k8s_openapi::api::core::v1::{
    ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret, Volume, VolumeProjection,
};

use crate::downward::{self, Facts};
use crate::environment::Sources;

mod reader;

/// What a volume is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A directory that begins empty and lives as long as the pod.
    Empty,
    /// Files from API objects, by their path in the volume.
    Files(BTreeMap<String, FileContent>),
    /// A file or directory of the machine.
    Host {
        /// Where.
        path: PathBuf,
        /// As `hostPath.type` says it.
        kind: String,
    },
    /// A directory that outlives the pod: the claim's name.
    Claim(String),
}

/// A file from an API object.
#[derive(Clone, PartialEq, Eq)]
pub struct FileContent {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
    /// The user it is for, where that is not everybody.
    pub owner: Option<u32>,
}

impl std::fmt::Debug for FileContent {
    /// Leaves the bytes out: they may be secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} bytes, mode {:o}",
            self.bytes.len(),
            self.mode
        )?;
        match self.owner {
            Some(owner) => write!(formatter, ", user {owner}"),
            None => Ok(()),
        }
    }
}

/// A token that a projected volume asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenRequest {
    /// For whom; empty is the API server.
    pub audience: String,
    /// How long it shall be good.
    pub seconds: i64,
}

/// Why a volume cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A ConfigMap does not exist.
    #[error("configmap {0:?} not found")]
    NoConfigMap(String),
    /// A Secret does not exist.
    #[error("secret {0:?} not found")]
    NoSecret(String),
    /// `items` names a key that is not there.
    #[error("{object} references non-existent key: {key}")]
    NoKey {
        /// For instance `configmap "settings"`.
        object: String,
        /// The key.
        key: String,
    },
    /// A path leads out of the volume.
    #[error("path {0:?} must be relative and must not contain '..'")]
    BadPath(String),
    /// The downward API has no answer.
    #[error("{path}: {source}")]
    Downward {
        /// The file.
        path: String,
        /// Why.
        source: downward::Error,
    },
    /// A token could not be had.
    #[error("service account token: {0}")]
    Token(String),
    /// A kind of volume that is not supported.
    #[error(
        "{0} is not supported: use configMap, secret, emptyDir, downwardAPI, projected, hostPath, ephemeral \
         or persistentVolumeClaim"
    )]
    Unsupported(String),
}

/// Tokens by what was asked for, or why they could not be had.
pub type Tokens = BTreeMap<TokenRequest, Result<String, String>>;

/// The tokens that a volume needs.
pub fn token_requests(volume: &Volume) -> impl Iterator<Item = TokenRequest> {
    let sources = volume
        .projected
        .iter()
        .flat_map(|projected| projected.sources.iter().flatten());
    sources
        .filter_map(|source| source.service_account_token.as_ref())
        .map(|token| TokenRequest {
            audience: token.audience.clone().unwrap_or_default(),
            seconds: token.expiration_seconds.unwrap_or(3_600),
        })
}

/// What the volume is to hold now.
pub fn content(
    volume: &Volume,
    facts: Facts<'_>,
    sources: &Sources,
    tokens: &Tokens,
) -> Result<Content, Error> {
    let mut files = Files {
        files: BTreeMap::new(),
        mode: 0o644,
    };
    if volume.empty_dir.is_some() {
        return Ok(Content::Empty);
    }
    if let Some(host) = &volume.host_path {
        let kind = host.type_.clone().unwrap_or_default();
        return Ok(Content::Host {
            path: PathBuf::from(&host.path),
            kind,
        });
    }
    if let Some(claim) = &volume.persistent_volume_claim {
        return Ok(Content::Claim(claim.claim_name.clone()));
    }
    if volume.ephemeral.is_some() {
        let pod = facts.pod.metadata.name.as_deref().unwrap_or_default();
        return Ok(Content::Claim(format!("{pod}-{}", volume.name)));
    }
    if let Some(from) = &volume.config_map {
        files.mode = mode(from.default_mode);
        files.config_map(&from.name, from.items.as_deref(), from.optional, sources)?;
    } else if let Some(from) = &volume.secret {
        files.mode = mode(from.default_mode);
        let name = from.secret_name.as_deref().unwrap_or_default();
        files.secret(name, from.items.as_deref(), from.optional, sources)?;
    } else if let Some(from) = &volume.downward_api {
        files.mode = mode(from.default_mode);
        files.downward(from.items.as_deref(), facts)?;
    } else if let Some(from) = &volume.projected {
        files.mode = mode(from.default_mode);
        for source in from.sources.iter().flatten() {
            files.projected(source, facts, sources, tokens)?;
        }
    } else {
        return Err(Error::Unsupported(kind(volume)));
    }
    Ok(Content::Files(files.files))
}

struct Files {
    files: BTreeMap<String, FileContent>,
    mode: u32,
}

impl Files {
    fn put(&mut self, path: &str, bytes: &[u8], mode: Option<i32>) -> Result<(), Error> {
        let inside = Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if path.is_empty() || !inside {
            return Err(Error::BadPath(path.to_owned()));
        }
        let mode = mode.map_or(self.mode, |mode| mode.cast_unsigned() & 0o777);
        self.files.insert(
            path.to_owned(),
            FileContent {
                bytes: bytes.to_vec(),
                mode,
                owner: None,
            },
        );
        Ok(())
    }

    /// As upstream (`pkg/volume/projected`): a token is for the pod's one user or its group where it says
    /// who that is, and else as readable as the rest of the volume: the image may have chosen any user.
    fn token(&mut self, path: &str, token: &str, pod: &Pod) -> Result<(), Error> {
        let user = reader::only_user(pod);
        let private = user.is_some() || reader::has_group(pod);
        self.put(path, token.as_bytes(), private.then_some(0o600))?;
        if let Some(file) = self.files.get_mut(path) {
            file.owner = user;
        }
        Ok(())
    }

    fn config_map(
        &mut self,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
        sources: &Sources,
    ) -> Result<(), Error> {
        match sources.config_maps.get(name) {
            Some(map) => {
                let data = config_map_data(map);
                self.items(&format!("configmap {name:?}"), &data, items, optional)
            }
            None if optional == Some(true) => Ok(()),
            None => Err(Error::NoConfigMap(name.to_owned())),
        }
    }

    fn secret(
        &mut self,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
        sources: &Sources,
    ) -> Result<(), Error> {
        match sources.secrets.get(name) {
            Some(secret) => {
                let data = secret_data(secret);
                self.items(&format!("secret {name:?}"), &data, items, optional)
            }
            None if optional == Some(true) => Ok(()),
            None => Err(Error::NoSecret(name.to_owned())),
        }
    }

    fn items(
        &mut self,
        object: &str,
        data: &BTreeMap<&str, &[u8]>,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
    ) -> Result<(), Error> {
        let Some(items) = items.filter(|items| !items.is_empty()) else {
            return data
                .iter()
                .try_for_each(|(key, bytes)| self.put(key, bytes, None));
        };
        for item in items {
            match data.get(item.key.as_str()) {
                Some(bytes) => self.put(&item.path, bytes, item.mode)?,
                None if optional == Some(true) => {}
                None => {
                    return Err(Error::NoKey {
                        object: object.to_owned(),
                        key: item.key.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    fn downward(
        &mut self,
        items: Option<&[DownwardAPIVolumeFile]>,
        facts: Facts<'_>,
    ) -> Result<(), Error> {
        for item in items.unwrap_or_default() {
            let value = match (&item.field_ref, &item.resource_field_ref) {
                (Some(field), _) => facts.field(field),
                (None, Some(resource)) => facts.resource(None, resource),
                (None, None) => Ok(String::new()),
            };
            let value = value.map_err(|source| Error::Downward {
                path: item.path.clone(),
                source,
            })?;
            self.put(&item.path, value.as_bytes(), item.mode)?;
        }
        Ok(())
    }

    fn projected(
        &mut self,
        source: &VolumeProjection,
        facts: Facts<'_>,
        sources: &Sources,
        tokens: &Tokens,
    ) -> Result<(), Error> {
        if let Some(from) = &source.config_map {
            self.config_map(&from.name, from.items.as_deref(), from.optional, sources)?;
        }
        if let Some(from) = &source.secret {
            self.secret(&from.name, from.items.as_deref(), from.optional, sources)?;
        }
        if let Some(from) = &source.downward_api {
            self.downward(from.items.as_deref(), facts)?;
        }
        if let Some(from) = &source.service_account_token {
            let request = TokenRequest {
                audience: from.audience.clone().unwrap_or_default(),
                seconds: from.expiration_seconds.unwrap_or(3_600),
            };
            match tokens.get(&request) {
                Some(Ok(token)) => self.token(&from.path, token, facts.pod)?,
                Some(Err(error)) => return Err(Error::Token(error.clone())),
                None => return Err(Error::Token("was not asked for".to_owned())),
            }
        }
        if source.cluster_trust_bundle.is_some() {
            return Err(Error::Unsupported(
                "projected.sources.clusterTrustBundle".to_owned(),
            ));
        }
        if source.pod_certificate.is_some() {
            return Err(Error::Unsupported(
                "projected.sources.podCertificate".to_owned(),
            ));
        }
        Ok(())
    }
}

fn config_map_data(map: &ConfigMap) -> BTreeMap<&str, &[u8]> {
    let text = map
        .data
        .iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value.as_bytes()));
    let binary = map.binary_data.iter().flatten();
    text.chain(binary.map(|(key, value)| (key.as_str(), value.0.as_slice())))
        .collect()
}

fn secret_data(secret: &Secret) -> BTreeMap<&str, &[u8]> {
    let data = secret.data.iter().flatten();
    data.map(|(key, value)| (key.as_str(), value.0.as_slice()))
        .collect()
}

fn mode(mode: Option<i32>) -> u32 {
    mode.map_or(0o644, |mode| mode.cast_unsigned() & 0o777)
}

/// The name of the volume's source, for messages.
fn kind(volume: &Volume) -> String {
    let value = serde_json::to_value(volume).unwrap_or_default();
    let fields = value.as_object().into_iter().flatten();
    let source = fields.map(|(name, _)| name).find(|name| *name != "name");
    source
        .cloned()
        .unwrap_or_else(|| "a volume without a source".to_owned())
}

#[cfg(test)]
mod tests;
