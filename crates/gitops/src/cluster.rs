//! The API as a sync needs it: any kind, dry runs, the server's own words.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kube::api::{
    DeleteParams, DynamicObject, GetParams, Patch, PatchParams, PostParams, ValidationDirective,
};
use kube::core::{ApiResource, GroupVersionKind, Request};
use kube::discovery::Scope;
use kube::{Client, Resource as _};
use serde_json::Value;

use crate::reference::{Reference, split_version};

/// The name under which fields are owned.
pub(crate) const MANAGER: &str = "argocd-controller";

/// Whether a write counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The server only says what would happen.
    DryRun,
    /// It happens.
    Real,
}

/// A kind as the server has it.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    pub(crate) resource: ApiResource,
    pub(crate) namespaced: bool,
}

/// A failed request.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    /// The HTTP status code; 0 where there was no answer.
    pub(crate) code: u16,
    pub(crate) message: String,
}

impl From<kube::Error> for Refusal {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self {
                code: status.code,
                message: status.message,
            },
            other => Self {
                code: 0,
                message: seatrial_controller::Chain(&other).to_string(),
            },
        }
    }
}

/// One cluster, and the kinds it is known to serve.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    kinds: Mutex<BTreeMap<(String, String), Kind>>,
}

impl Cluster {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            kinds: Mutex::default(),
        }
    }

    /// Forgets which kinds are served.
    pub(crate) fn forget_kinds(&self) {
        self.kinds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// How a kind is served; nothing where it is not.
    pub(crate) async fn kind(
        &self,
        api_version: &str,
        kind: &str,
    ) -> Result<Option<Kind>, Refusal> {
        let key = (api_version.to_owned(), kind.to_owned());
        let known = self
            .kinds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if known.is_some() {
            return Ok(known);
        }
        let (group, version) = split_version(api_version);
        let wanted = GroupVersionKind::gvk(group, version, kind);
        let found = match kube::discovery::pinned_kind(&self.client, &wanted).await {
            Ok((resource, capabilities)) => Kind {
                resource,
                namespaced: capabilities.scope == Scope::Namespaced,
            },
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
            Err(kube::Error::Discovery(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        self.kinds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, found.clone());
        Ok(Some(found))
    }

    fn request(kind: &Kind, at: &Reference) -> Request {
        let namespace = kind.namespaced.then_some(at.namespace.as_str());
        Request::new(DynamicObject::url_path(&kind.resource, namespace))
    }

    async fn send(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Value, Refusal> {
        let request = request.map_err(kube::Error::BuildRequest)?;
        Ok(self.client.request::<Value>(request).await?)
    }

    pub(crate) async fn get(&self, kind: &Kind, at: &Reference) -> Result<Option<Value>, Refusal> {
        let request = Self::request(kind, at).get(&at.name, &GetParams::default());
        match self.send(request).await {
            Ok(object) => Ok(Some(object)),
            Err(refusal) if refusal.code == 404 => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    pub(crate) async fn create(
        &self,
        kind: &Kind,
        at: &Reference,
        object: &Value,
        how: &Write,
    ) -> Result<Value, Refusal> {
        let params = PostParams {
            dry_run: how.effect == Effect::DryRun,
            field_manager: Some(MANAGER.to_owned()),
        };
        let request = Self::request(kind, at).create(&params, encode(object)?);
        let request = request.map(|request| with_validation(request, how.validation));
        self.send(request).await
    }

    pub(crate) async fn replace(
        &self,
        kind: &Kind,
        at: &Reference,
        object: &Value,
        how: &Write,
    ) -> Result<Value, Refusal> {
        let params = PostParams {
            dry_run: how.effect == Effect::DryRun,
            field_manager: Some(MANAGER.to_owned()),
        };
        let request = Self::request(kind, at).replace(&at.name, &params, encode(object)?);
        let request = request.map(|request| with_validation(request, how.validation));
        self.send(request).await
    }

    pub(crate) async fn patch(
        &self,
        kind: &Kind,
        at: &Reference,
        patch: &Patch<&Value>,
        how: &Write,
    ) -> Result<Value, Refusal> {
        let params = PatchParams {
            dry_run: how.effect == Effect::DryRun,
            force: matches!(patch, Patch::Apply(_)),
            field_manager: Some(MANAGER.to_owned()),
            field_validation: Some(match how.validation {
                Validation::Strict => ValidationDirective::Strict,
                Validation::Ignore => ValidationDirective::Ignore,
            }),
        };
        self.send(Self::request(kind, at).patch(&at.name, &params, patch))
            .await
    }

    /// Deletes an object; one that is gone already is no error.
    pub(crate) async fn delete(
        &self,
        kind: &Kind,
        at: &Reference,
        params: &DeleteParams,
    ) -> Result<(), Refusal> {
        match self
            .send(Self::request(kind, at).delete(&at.name, params))
            .await
        {
            Err(refusal) if refusal.code != 404 => Err(refusal),
            _ => Ok(()),
        }
    }
}

/// Whether unknown fields are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validation {
    Strict,
    Ignore,
}

/// How to write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write {
    pub(crate) effect: Effect,
    pub(crate) validation: Validation,
}

fn encode(object: &Value) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(object).map_err(|error| kube::Error::SerdeError(error).into())
}

/// Creation and replacement take the directive as well, for which the client has no parameter.
fn with_validation(
    mut request: http::Request<Vec<u8>>,
    validation: Validation,
) -> http::Request<Vec<u8>> {
    let directive = match validation {
        Validation::Strict => "Strict",
        Validation::Ignore => "Ignore",
    };
    let uri = request.uri().to_string();
    let joint = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) if uri.ends_with('&') => "",
        Some(_) => "&",
    };
    if let Ok(uri) = format!("{uri}{joint}fieldValidation={directive}").parse() {
        *request.uri_mut() = uri;
    }
    request
}
