//! `Repository` objects: each gets its bare repository, and takes it along when it goes.

use futures::TryStreamExt as _;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use seatrial_resources::seatrial_dev::{RefStatus, Repository, RepositoryStatus, SYSTEM_NAMESPACE};
use serde_json::json;

use crate::journal::code;
use crate::{Error, Name, Repositories};

/// Keeps an object until its files are gone.
pub const FINALIZER: &str = "seatrial.dev/git-repository";

/// Who writes.
const MANAGER: &str = "seatrial-git";

/// Follows the Repository objects of the system namespace for as long as it is polled. A failed
/// object is logged and tried again when it changes or the watch starts anew.
pub async fn run(client: Client, repositories: Repositories) {
    let api: Api<Repository> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let events = watcher(api, watcher::Config::default())
        .default_backoff()
        .applied_objects();
    let mut events = std::pin::pin!(events);
    loop {
        match events.try_next().await {
            Ok(Some(object)) => {
                if let Err(error) = reconcile(&object, &client, &repositories).await {
                    let name = object.name_any();
                    tracing::warn!(
                        repository = name,
                        error = &error as &dyn std::error::Error,
                        "not reconciled"
                    );
                }
            }
            Ok(None) => return,
            // The watcher backs off and starts anew by itself.
            Err(error) => tracing::debug!(
                error = &error as &dyn std::error::Error,
                "watch of repositories broke"
            ),
        }
    }
}

/// Makes the world agree with one object. Doing it again changes nothing.
///
/// # Errors
/// [`Error::Name`] for an object whose name cannot be a repository's; else what `git` or the API said.
pub async fn reconcile(
    object: &Repository,
    client: &Client,
    repositories: &Repositories,
) -> Result<(), Error> {
    let name = Name::parse(&object.name_any())?;
    if object.metadata.deletion_timestamp.is_some() {
        if object
            .finalizers()
            .iter()
            .any(|present| present == FINALIZER)
        {
            repositories.remove(&name).await?;
            write_finalizers(object, client, Presence::Absent).await?;
        }
        return Ok(());
    }
    if !object
        .finalizers()
        .iter()
        .any(|present| present == FINALIZER)
    {
        write_finalizers(object, client, Presence::Present).await?;
    }
    repositories
        .create(&name, &object.spec.default_branch)
        .await?;
    repositories.stand_in(&name, &object.spec.stands_in_for);
    let status = observe(repositories, &name).await?;
    if object.status.as_ref() == Some(&status) {
        Ok(())
    } else {
        patch_status(client, &name, &status).await
    }
}

#[derive(PartialEq)]
enum Presence {
    Present,
    Absent,
}

async fn write_finalizers(
    object: &Repository,
    client: &Client,
    wanted: Presence,
) -> Result<(), Error> {
    let mut finalizers: Vec<&str> = object
        .finalizers()
        .iter()
        .map(String::as_str)
        .filter(|present| *present != FINALIZER)
        .collect();
    if wanted == Presence::Present {
        finalizers.push(FINALIZER);
    }
    let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": object.resource_version()}});
    let name = object.name_any();
    let api: Api<Repository> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    match api.patch(&name, &parameters(), &Patch::Merge(&patch)).await {
        // Gone, or changed meanwhile: the watch brings the newer object.
        Err(error) if !matches!(code(&error), Some(404 | 409)) => Err(Error::api(
            "write finalizers of",
            format!("Repository {name}"),
        )(error)),
        _ => Ok(()),
    }
}

async fn observe(repositories: &Repositories, name: &Name) -> Result<RepositoryStatus, Error> {
    let refs = repositories.local(name)?.refs().await?;
    let refs = refs.into_iter().map(|found| RefStatus {
        name: found.name,
        commit: found.commit,
    });
    Ok(RepositoryStatus {
        url: Some(repositories.url(name)),
        refs: refs.collect(),
    })
}

/// Writes where the branches stand now. Writers take turns, so the last one writes the newest.
pub(crate) async fn write_status(
    client: &Client,
    repositories: &Repositories,
    name: &Name,
) -> Result<(), Error> {
    let _turn = repositories.status_turn().await;
    let status = observe(repositories, name).await?;
    patch_status(client, name, &status).await
}

async fn patch_status(
    client: &Client,
    name: &Name,
    status: &RepositoryStatus,
) -> Result<(), Error> {
    let api: Api<Repository> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let patch = json!({ "status": status });
    match api
        .patch_status(name.as_str(), &parameters(), &Patch::Merge(&patch))
        .await
    {
        Err(error) if code(&error) != Some(404) => Err(Error::api(
            "write status of",
            format!("Repository {name}"),
        )(error)),
        _ => Ok(()),
    }
}

fn parameters() -> PatchParams {
    PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    }
}
