//! Writing what happened into the cluster.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};
use seatrial_resources::seatrial_dev::{
    Push, PushSpec, Repository as RepositoryObject, RepositorySpec, SYSTEM_NAMESPACE,
};

use crate::repository::is_absent;
use crate::{Error, Name};

/// Where the server writes down what happened to its repositories.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Someone with a token pushes to a repository that nobody declared.
    async fn declare(&self, name: &Name) -> Result<(), Error>;
    /// Refs of one repository moved, in the order of the push. Returns once that is written: the pusher waits for it.
    async fn pushed(&self, pushes: Vec<PushSpec>) -> Result<(), Error>;
}

/// The journal kept as API objects in the namespace `seatrial-system`.
#[derive(Clone)]
pub struct ApiJournal {
    client: Client,
}

impl ApiJournal {
    /// A journal that writes through `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    fn pushes(&self) -> Api<Push> {
        Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE)
    }

    /// Makes the namespace; that it exists already is as good.
    async fn ensure_namespace(&self) -> Result<(), Error> {
        let metadata = ObjectMeta {
            name: Some(SYSTEM_NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        };
        let namespace = Namespace {
            metadata,
            ..Namespace::default()
        };
        match Api::all(self.client.clone())
            .create(&PostParams::default(), &namespace)
            .await
        {
            Err(error) if code(&error) != Some(409) => Err(Error::api(
                "create",
                format!("Namespace {SYSTEM_NAMESPACE}"),
            )(error)),
            _ => Ok(()),
        }
    }

    async fn create(&self, spec: PushSpec) -> Result<(), Error> {
        let digest = if is_absent(&spec.after) {
            "deleted"
        } else {
            &spec.after[..spec.after.len().min(8)]
        };
        let mut push = Push::new("", spec.clone());
        push.metadata.name = None;
        push.metadata.generate_name = Some(format!("{}-{digest}-", spec.repository));
        let created = self.pushes().create(&PostParams::default(), &push).await;
        match created {
            Err(error) if code(&error) == Some(404) => {
                self.ensure_namespace().await?;
                self.pushes().create(&PostParams::default(), &push).await
            }
            other => other,
        }
        .map(drop)
        .map_err(Error::api(
            "create",
            format!("Push for {} {}", spec.repository, spec.reference),
        ))
    }
}

#[async_trait]
impl Journal for ApiJournal {
    async fn declare(&self, name: &Name) -> Result<(), Error> {
        self.ensure_namespace().await?;
        let spec = RepositorySpec {
            default_branch: "main".to_owned(),
            stands_in_for: Vec::new(),
        };
        let object = RepositoryObject::new(name.as_str(), spec);
        let api: Api<RepositoryObject> = Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE);
        match api.create(&PostParams::default(), &object).await {
            Err(error) if code(&error) != Some(409) => {
                Err(Error::api("create", format!("Repository {name}"))(error))
            }
            _ => Ok(()),
        }
    }

    async fn pushed(&self, pushes: Vec<PushSpec>) -> Result<(), Error> {
        for spec in pushes {
            self.create(spec).await?;
        }
        Ok(())
    }
}

/// The HTTP status of an API error.
pub(crate) fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}
