//! What commands may read straight from a cluster of this machine.

use std::sync::Arc;

use anyhow::Result;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use seatrial_git::{Configuration, Git, Name, Repositories};
use seatrial_resources::seatrial_dev::{Repository, SYSTEM_NAMESPACE};

use crate::adapter::ApplicationSource;
use crate::cluster::Data;

/// The repositories of the running cluster in `data`, under all the URLs they stand for; nothing
/// where no cluster runs there.
pub(super) async fn repositories(data: &Data) -> Result<Option<Arc<ApplicationSource>>> {
    let Some(state) = data.state() else {
        return Ok(None);
    };
    let home = data.folder("git/home")?;
    let repositories = Repositories::open_directory(Configuration {
        directory: data.folder("git/repositories")?,
        git: Git::locate(std::env::var_os("PATH").as_deref(), &home)?,
        base_url: state.endpoints.git,
    })?;
    let kubeconfig = Kubeconfig::read_from(data.root().join("kubeconfig"))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let objects: Api<Repository> = Api::namespaced(Client::try_from(config)?, SYSTEM_NAMESPACE);
    for object in objects.list(&ListParams::default()).await? {
        let name = Name::parse(object.metadata.name.as_deref().unwrap_or_default())?;
        repositories.stand_in(&name, &object.spec.stands_in_for);
    }
    Ok(Some(Arc::new(ApplicationSource(repositories))))
}
