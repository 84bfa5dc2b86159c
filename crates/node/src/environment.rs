//! A container's environment, command and arguments. Pure: what it refers to is handed in.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapKeySelector, Container, EnvFromSource, EnvVarSource, Secret,
    SecretKeySelector,
};

use crate::downward::{self, Facts};
use crate::images::ImageConfig;

pub use services::service_links;

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// ConfigMaps and Secrets of a pod's namespace, by name, as far as they exist.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// ConfigMaps.
    pub config_maps: BTreeMap<String, Arc<ConfigMap>>,
    /// Secrets.
    pub secrets: BTreeMap<String, Arc<Secret>>,
}

/// Why a container's environment cannot be made. Worded as upstream's waiting message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A ConfigMap does not exist.
    #[error("configmap {0:?} not found")]
    NoConfigMap(String),
    /// A Secret does not exist.
    #[error("secret {0:?} not found")]
    NoSecret(String),
    /// An object lacks a key.
    #[error("couldn't find key {key} in {kind} {namespace}/{name}")]
    NoKey {
        /// The key.
        key: String,
        /// `ConfigMap` or `Secret`.
        kind: &'static str,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A value of a Secret is no text.
    #[error("environment variable {name:?}: the value of secret key {key} is not valid UTF-8")]
    NotText {
        /// The variable.
        name: String,
        /// The key.
        key: String,
    },
    /// The downward API has no answer.
    #[error("environment variable {name:?}: {source}")]
    Downward {
        /// The variable.
        name: String,
        /// Why.
        source: downward::Error,
    },
    /// A source that is not supported.
    #[error(
        "environment variable {0:?}: valueFrom.fileKeyRef is not supported: \
         use configMapKeyRef, secretKeyRef, fieldRef or resourceFieldRef"
    )]
    Unsupported(String),
}

/// The variables that the container's own spec sets.
pub fn variables(
    container: &Container,
    facts: Facts<'_>,
    sources: &Sources,
    cluster: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut result = cluster.clone();
    for from in container.env_from.iter().flatten() {
        let prefix = from.prefix.as_deref().unwrap_or_default();
        for (key, value) in whole(from, sources)? {
            if !key.is_empty() && !key.contains('=') {
                result.insert(format!("{prefix}{key}"), value);
            }
        }
    }
    // As upstream, a `$(NAME)` in a value sees only what stands before it in `env`, and the
    // cluster's variables; not those of `envFrom`.
    let mut seen = cluster.clone();
    for variable in container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), _) if !value.is_empty() => Some(expand(value, &seen)),
            (_, Some(from)) => referred(&variable.name, from, container, facts, sources)?,
            _ => Some(String::new()),
        };
        if let Some(value) = value {
            seen.insert(variable.name.clone(), value.clone());
            result.insert(variable.name.clone(), value);
        }
    }
    Ok(result)
}

/// All entries of a ConfigMap or Secret.
fn whole(from: &EnvFromSource, sources: &Sources) -> Result<Vec<(String, String)>, Error> {
    let mut entries = Vec::new();
    if let Some(reference) = &from.config_map_ref {
        match sources.config_maps.get(&reference.name) {
            Some(map) => {
                let data = map.data.iter().flatten();
                entries.extend(data.map(|(key, value)| (key.clone(), value.clone())));
            }
            None if reference.optional == Some(true) => {}
            None => return Err(Error::NoConfigMap(reference.name.clone())),
        }
    }
    if let Some(reference) = &from.secret_ref {
        match sources.secrets.get(&reference.name) {
            Some(secret) => {
                for (key, value) in secret.data.iter().flatten() {
                    entries.push((key.clone(), text(key, key, &value.0)?));
                }
            }
            None if reference.optional == Some(true) => {}
            None => return Err(Error::NoSecret(reference.name.clone())),
        }
    }
    Ok(entries)
}

/// The value of `valueFrom`; none where an optional source is missing.
fn referred(
    variable: &str,
    from: &EnvVarSource,
    container: &Container,
    facts: Facts<'_>,
    sources: &Sources,
) -> Result<Option<String>, Error> {
    let downward = |source| Error::Downward {
        name: variable.to_owned(),
        source,
    };
    if let Some(field) = &from.field_ref {
        return facts.field(field).map(Some).map_err(downward);
    }
    if let Some(resource) = &from.resource_field_ref {
        let value = facts.resource(Some(container), resource);
        return value.map(Some).map_err(downward);
    }
    if let Some(reference) = &from.config_map_key_ref {
        return config_map_key(reference, facts, sources);
    }
    if let Some(reference) = &from.secret_key_ref {
        return secret_key(variable, reference, facts, sources);
    }
    match from.file_key_ref {
        Some(_) => Err(Error::Unsupported(variable.to_owned())),
        None => Ok(Some(String::new())),
    }
}

fn config_map_key(
    reference: &ConfigMapKeySelector,
    facts: Facts<'_>,
    sources: &Sources,
) -> Result<Option<String>, Error> {
    let map = sources.config_maps.get(&reference.name);
    let data = map.and_then(|map| map.data.as_ref());
    let value = data.and_then(|data| data.get(&reference.key));
    match (value, map) {
        (Some(value), _) => Ok(Some(value.clone())),
        _ if reference.optional == Some(true) => Ok(None),
        (_, None) => Err(Error::NoConfigMap(reference.name.clone())),
        (_, Some(_)) => Err(no_key(&reference.key, "ConfigMap", &reference.name, facts)),
    }
}

fn secret_key(
    variable: &str,
    reference: &SecretKeySelector,
    facts: Facts<'_>,
    sources: &Sources,
) -> Result<Option<String>, Error> {
    let secret = sources.secrets.get(&reference.name);
    let data = secret.and_then(|secret| secret.data.as_ref());
    let value = data.and_then(|data| data.get(&reference.key));
    match (value, secret) {
        (Some(value), _) => text(variable, &reference.key, &value.0).map(Some),
        _ if reference.optional == Some(true) => Ok(None),
        (_, None) => Err(Error::NoSecret(reference.name.clone())),
        (_, Some(_)) => Err(no_key(&reference.key, "Secret", &reference.name, facts)),
    }
}

fn no_key(key: &str, kind: &'static str, name: &str, facts: Facts<'_>) -> Error {
    Error::NoKey {
        key: key.to_owned(),
        kind,
        namespace: facts.pod.metadata.namespace.clone().unwrap_or_default(),
        name: name.to_owned(),
    }
}

fn text(name: &str, key: &str, bytes: &[u8]) -> Result<String, Error> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Error::NotText {
        name: name.to_owned(),
        key: key.to_owned(),
    })
}

/// The whole environment of the process: the image's, then the container's, then what every
/// container has.
pub fn complete(
    image: &ImageConfig,
    variables: BTreeMap<String, String>,
    facts: Facts<'_>,
    hostname: &str,
) -> BTreeMap<String, String> {
    let mut environment = image.env.clone();
    environment.insert("HOSTNAME".to_owned(), hostname.to_owned());
    environment.extend(variables);
    environment
        .entry("PATH".to_owned())
        .or_insert_with(|| DEFAULT_PATH.to_owned());
    environment
        .entry("POD_IP".to_owned())
        .or_insert_with(|| facts.address.to_string());
    environment
}

/// Program and arguments: `command` replaces the image's entrypoint and its arguments, `args` only
/// the latter. `$(NAME)` in them is replaced.
pub fn command_line(
    container: &Container,
    image: &ImageConfig,
    variables: &BTreeMap<String, String>,
) -> Vec<String> {
    let given = |list: &Option<Vec<String>>| {
        let list = list.as_deref().filter(|list| !list.is_empty());
        list.map(|list| {
            list.iter()
                .map(|text| expand(text, variables))
                .collect::<Vec<_>>()
        })
    };
    match (given(&container.command), given(&container.args)) {
        (Some(command), args) => [command, args.unwrap_or_default()].concat(),
        (None, Some(args)) => [image.entrypoint.clone(), args].concat(),
        (None, None) => [image.entrypoint.clone(), image.command.clone()].concat(),
    }
}

/// Replaces `$(NAME)` by its value where there is one; `$$` is a dollar sign.
pub fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            rest = after;
            continue;
        }
        let name = after
            .strip_prefix('(')
            .and_then(|after| after.split_once(')'));
        match name.map(|(name, after)| (variables.get(name), after)) {
            Some((Some(value), after)) => {
                result.push_str(value);
                rest = after;
            }
            Some((None, after)) => {
                result.push_str(&rest[at..rest.len() - after.len()]);
                rest = after;
            }
            None => {
                result.push('$');
                rest = after;
            }
        }
    }
    result + rest
}

mod services;
#[cfg(test)]
mod tests;
