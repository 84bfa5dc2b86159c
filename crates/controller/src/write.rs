//! Reads and writes of one kind, journalled.

use std::sync::Arc;

use kube::api::{DeleteParams, GetParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{ObjectMeta, Request, Status};
use kube::{Client, Resource};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::{Deletion, Journal};
use crate::{Class, Classify, Object, ObjectKey, key_of};

/// A failed read or write, naming the step and the object.
#[derive(Debug, thiserror::Error)]
#[error("{step} {kind} {key}")]
pub struct Error {
    /// What was tried: `create`, `apply`, `patch the status of`, …
    pub step: &'static str,
    /// The plural name of the kind.
    pub kind: String,
    /// The object.
    pub key: ObjectKey,
    /// Why it failed.
    #[source]
    pub source: Box<kube::Error>,
}

impl Error {
    /// The server's answer, where the failure is one.
    pub fn status(&self) -> Option<&Status> {
        match &*self.source {
            kube::Error::Api(status) => Some(status),
            _ => None,
        }
    }

    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.status().is_some_and(|status| status.code == 404)
    }

    /// Whether the object exists already.
    pub fn is_already_exists(&self) -> bool {
        self.status().is_some_and(Status::is_already_exists)
    }

    /// Whether a precondition, such as the resource version, did not hold.
    pub fn is_conflict(&self) -> bool {
        self.status()
            .is_some_and(|status| status.code == 409 && !status.is_already_exists())
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        self.source.class()
    }
}

/// Reads and writes of one kind, in the name of one controller.
///
/// Objects with a namespace are addressed there, others at cluster scope. Every write is noted in
/// the scope's [`Journal`].
pub struct Objects<K: Object> {
    client: Client,
    kind: K::DynamicType,
    manager: Arc<str>,
    journal: Journal,
}

/// The part of any reply that the journal needs.
#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    metadata: ObjectMeta,
}

impl<K: Object> Objects<K> {
    pub(crate) fn new(
        client: Client,
        kind: <K as Resource>::DynamicType,
        manager: Arc<str>,
        journal: Journal,
    ) -> Self {
        Self {
            client,
            kind,
            manager,
            journal,
        }
    }

    fn request(&self, key: &ObjectKey) -> Request {
        Request::new(K::url_path(&self.kind, key.scope()))
    }

    fn fail(&self, step: &'static str, key: &ObjectKey) -> impl FnOnce(kube::Error) -> Error {
        let (kind, key) = (K::plural(&self.kind).into_owned(), key.clone());
        move |source| Error {
            step,
            kind,
            key,
            source: Box::new(source),
        }
    }

    fn wrote(&self, meta: &ObjectMeta) {
        self.journal.wrote(
            &K::url_path(&self.kind, None),
            meta.resource_version.as_deref(),
        );
    }

    async fn send<T: serde::de::DeserializeOwned>(
        &self,
        step: &'static str,
        key: &ObjectKey,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<T, Error> {
        let reply = match request {
            Ok(request) => self.client.request(request).await,
            Err(error) => Err(kube::Error::BuildRequest(error)),
        };
        reply.map_err(self.fail(step, key))
    }

    fn encode<T: Serialize>(
        &self,
        step: &'static str,
        key: &ObjectKey,
        body: &T,
    ) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(body)
            .map_err(kube::Error::SerdeError)
            .map_err(self.fail(step, key))
    }

    fn post(&self) -> PostParams {
        PostParams {
            field_manager: Some(self.manager.to_string()),
            ..PostParams::default()
        }
    }

    fn patch_params(&self) -> PatchParams {
        PatchParams {
            field_manager: Some(self.manager.to_string()),
            ..PatchParams::default()
        }
    }

    /// Reads one object from the server (not from the cache).
    pub async fn get(&self, key: &ObjectKey) -> Result<K, Error> {
        let request = self.request(key).get(&key.name, &GetParams::default());
        self.send("get", key, request).await
    }

    /// Creates an object in the namespace that its metadata names.
    pub async fn create(&self, object: &K) -> Result<K, Error>
    where
        K: Serialize,
    {
        let key = key_of(object);
        let body = self.encode("create", &key, object)?;
        let request = self.request(&key).create(&self.post(), body);
        let created: K = self.send("create", &key, request).await?;
        self.wrote(created.meta());
        Ok(created)
    }

    /// Creates a subresource of an object, such as a pod's `binding`.
    pub async fn create_subresource(
        &self,
        key: &ObjectKey,
        subresource: &'static str,
        body: &impl Serialize,
    ) -> Result<Value, Error> {
        let body = self.encode(subresource, key, body)?;
        let request =
            self.request(key)
                .create_subresource(subresource, &key.name, &self.post(), body);
        self.send(subresource, key, request).await
    }

    /// Replaces an object; its resource version must be the newest.
    pub async fn replace(&self, object: &K) -> Result<K, Error>
    where
        K: Serialize,
    {
        let key = key_of(object);
        let body = self.encode("replace", &key, object)?;
        let request = self.request(&key).replace(&key.name, &self.post(), body);
        let replaced: K = self.send("replace", &key, request).await?;
        self.wrote(replaced.meta());
        Ok(replaced)
    }

    /// Applies an object on the server's side, with the controller's name as field manager, taking
    /// over fields that others set. `object` holds only what this controller wants to say.
    pub async fn apply(&self, object: &K) -> Result<K, Error>
    where
        K: Serialize,
    {
        let key = key_of(object);
        self.apply_value(&key, object).await
    }

    /// Applies a document that is not a whole `K`; it needs `apiVersion`, `kind` and a name.
    pub async fn apply_value(
        &self,
        key: &ObjectKey,
        document: &impl Serialize,
    ) -> Result<K, Error> {
        let params = PatchParams {
            force: true,
            ..self.patch_params()
        };
        let request = self
            .request(key)
            .patch(&key.name, &params, &Patch::Apply(document));
        let applied: K = self.send("apply", key, request).await?;
        self.wrote(applied.meta());
        Ok(applied)
    }

    /// Patches an object.
    pub async fn patch(&self, key: &ObjectKey, patch: &Patch<impl Serialize>) -> Result<K, Error> {
        let request = self
            .request(key)
            .patch(&key.name, &self.patch_params(), patch);
        let patched: K = self.send("patch", key, request).await?;
        self.wrote(patched.meta());
        Ok(patched)
    }

    /// Patches a subresource of an object.
    pub async fn patch_subresource(
        &self,
        key: &ObjectKey,
        subresource: &'static str,
        patch: &Patch<impl Serialize>,
    ) -> Result<(), Error> {
        let params = self.patch_params();
        let request = self
            .request(key)
            .patch_subresource(subresource, &key.name, &params, patch);
        let reply: Reply = self.send(subresource, key, request).await?;
        self.wrote(&reply.metadata);
        Ok(())
    }

    /// Merges a patch into the status: `patch` is what stands under `status`.
    pub async fn patch_status(&self, key: &ObjectKey, patch: &Value) -> Result<(), Error> {
        let patch = Patch::Merge(serde_json::json!({ "status": patch }));
        self.patch_subresource(key, "status", &patch).await
    }

    /// Deletes exactly this object: a successor of the same name is left alone. An object that is
    /// gone already is no error.
    pub async fn delete(&self, object: &K) -> Result<(), Error> {
        self.delete_with(object, DeleteParams::background()).await
    }

    /// As [`Objects::delete`], with parameters.
    pub async fn delete_with(&self, object: &K, params: DeleteParams) -> Result<(), Error> {
        let key = key_of(object);
        let uid = object.meta().uid.clone();
        let preconditions = Preconditions {
            uid: uid.clone(),
            resource_version: None,
        };
        let params = params.preconditions(preconditions);
        match self
            .send::<Value>(
                "delete",
                &key,
                self.request(&key).delete(&key.name, &params),
            )
            .await
        {
            Ok(_) => {
                let path = K::url_path(&self.kind, None);
                self.journal.deleted(Deletion { path, key, uid });
                Ok(())
            }
            // A uid precondition that fails says that the object we meant is gone.
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Evicts exactly this pod: a deletion that the budgets which cover the pod may refuse.
    pub async fn evict(&self, pod: &K) -> Result<Eviction, Error> {
        let key = key_of(pod);
        let uid = pod.meta().uid.clone();
        let body = serde_json::json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": { "name": key.name, "namespace": key.namespace },
            "deleteOptions": { "preconditions": { "uid": uid } },
        });
        match self.create_subresource(&key, "eviction", &body).await {
            Ok(_) => {
                let path = K::url_path(&self.kind, None);
                self.journal.deleted(Deletion { path, key, uid });
                Ok(Eviction::Begun)
            }
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(Eviction::Begun),
            Err(error) if error.status().is_some_and(|status| status.code == 429) => {
                Ok(Eviction::Refused)
            }
            Err(error) => Err(error),
        }
    }
}

/// What became of an eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eviction {
    /// The pod goes, or is gone.
    Begun,
    /// A budget has nothing left now; it may later.
    Refused,
}
