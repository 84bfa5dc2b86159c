//! `Repository` objects: each gets its bare repository, and takes it along when it goes.

use std::sync::Arc;

use kube::ResourceExt as _;
use seatrial_controller::{
    Class, Classify, Context, Notice, ObjectKey, Outcome, Reconciler, Watches, finalizer, write,
};
use seatrial_resources::seatrial_dev::{
    Push, RefStatus, Repository, RepositoryStatus, SYSTEM_NAMESPACE,
};

use crate::{Name, Repositories};

/// Keeps an object until its files are gone.
pub const FINALIZER: &str = "seatrial.dev/git-repository";

/// How many Push objects stay; older ones go.
pub const KEPT_PUSHES: usize = 200;

/// Looks after `Repository` objects. A `Push` wakes its repository, so that the status says where
/// the branches stand.
pub struct RepositoryController {
    repositories: Repositories,
}

impl RepositoryController {
    /// A controller that keeps `repositories` as the objects ask.
    pub fn new(repositories: Repositories) -> Self {
        Self { repositories }
    }
}

/// Why an object could not be brought about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object is in a namespace where nobody looks for it.
    #[error("Repository objects live in namespace {SYSTEM_NAMESPACE}, not in {namespace}")]
    Namespace {
        /// Its namespace.
        namespace: String,
    },
    /// The repository could not be made, read or removed.
    #[error(transparent)]
    Repository(#[from] crate::Error),
    /// The API refused a write.
    #[error(transparent)]
    Write(#[from] write::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Namespace { .. } | Self::Repository(crate::Error::Name { .. }) => Class::Terminal,
            Self::Repository(_) => Class::Retry,
            Self::Write(error) => error.class(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Namespace { .. } => "WrongNamespace",
            Self::Repository(_) => "RepositoryFailed",
            Self::Write(_) => "WriteFailed",
        }
    }
}

impl Reconciler for RepositoryController {
    const NAME: &'static str = "seatrial-git";
    type Object = Repository;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<Repository>) {
        watches.mapped::<Push, _>(|push, _| {
            let namespace = push.namespace().unwrap_or_default();
            vec![ObjectKey::new(namespace, push.spec.repository.as_str())]
        });
    }

    async fn reconcile(&self, object: Arc<Repository>, ctx: &Context) -> Result<Outcome, Error> {
        let namespace = object.namespace().unwrap_or_default();
        if namespace != SYSTEM_NAMESPACE {
            return Err(Error::Namespace { namespace });
        }
        let name = Name::parse(&object.name_any())?;
        let objects = ctx.objects::<Repository>();
        if object.metadata.deletion_timestamp.is_some() {
            if finalizer::has(&*object, FINALIZER) {
                self.repositories.remove(&name).await?;
                finalizer::remove(&objects, &*object, FINALIZER).await?;
            }
            return Ok(Outcome::settled());
        }
        finalizer::ensure(&objects, &*object, FINALIZER).await?;
        let repository = self
            .repositories
            .create(&name, &object.spec.default_branch)
            .await?;
        let taken = self
            .repositories
            .stand_in(&name, &object.spec.stands_in_for);
        prune(ctx).await?;
        let refs = repository.refs().await?.into_iter();
        let refs = refs.map(|found| RefStatus {
            name: found.name,
            commit: found.commit,
        });
        let status = RepositoryStatus {
            url: Some(self.repositories.url(&name)),
            refs: refs.collect(),
        };
        let warn = |(url, owner): (String, Name)| {
            Notice::warning(
                "UrlTaken",
                format!(
                    "{url} already stands for repository {owner}; take it out of one of the two"
                ),
            )
        };
        Ok(Outcome::settled()
            .with_status(status)
            .with_events(taken.into_iter().map(warn)))
    }
}

/// Deletes all but the newest pushes.
async fn prune(ctx: &Context) -> Result<(), Error> {
    let mut pushes = ctx.cache::<Push>().await.list(SYSTEM_NAMESPACE);
    let excess = pushes.len().saturating_sub(KEPT_PUSHES);
    if excess == 0 {
        return Ok(());
    }
    let age = |push: &Arc<Push>| {
        (
            push.spec.received_at.as_ref().map(|time| time.0),
            push.name_any(),
        )
    };
    pushes.sort_by_cached_key(age);
    let objects = ctx.objects::<Push>();
    for push in &pushes[..excess] {
        match objects.delete(&**push).await {
            Err(error) if !error.is_not_found() => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
