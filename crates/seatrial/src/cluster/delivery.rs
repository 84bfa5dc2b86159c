//! The delivery chain: Git, images, pipelines, GitOps, rollouts.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use seatrial_git::{Access, Anonymous, ApiJournal, Git, Repositories, RepositoryController};
use seatrial_images::build::Builder;
use seatrial_images::registry::{self, Registry};
use seatrial_images::{Blobs, ImageStore};
use seatrial_node::runtime::Runtime;
use seatrial_pipelines::control::{Configuration as Pipelines, KubeSecrets};
use seatrial_pipelines::engine::Engine;
use seatrial_pipelines::logs::FileLogs;
use seatrial_pipelines::port::Ports;
use seatrial_pipelines::store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::plane::Plane;
use super::traffic::Traffic;
use super::{Parts, kubeconfig};
use crate::adapter::{
    ApplicationSource, BuildExecutor, Metrics, PipelineImages, PipelineSource, Steps,
};

/// How many jobs of pipelines run at once.
const JOBS_AT_ONCE: usize = 2;

/// The running delivery chain.
pub(crate) struct Delivery {
    pub(crate) images: ImageStore,
}

pub(crate) fn start(
    parts: &Parts,
    traffic: &Traffic,
    runtime: Arc<dyn Runtime>,
    (git, registry): (TcpListener, TcpListener),
    plane: &Plane,
    tasks: &mut JoinSet<()>,
) -> Result<Delivery> {
    let git_url = format!("http://{}", git.local_addr()?);
    let (repositories, access) = open_repositories(parts, &git_url)?;
    let journal = Arc::new(ApiJournal::new(plane.client("seatrial-git")));
    let server = seatrial_git::Server::new(
        repositories.clone(),
        access.clone(),
        journal,
        parts.clock.clone(),
    );
    serve(git, seatrial_git::router(server), parts, "git", tasks);
    let controller = RepositoryController::new(repositories.clone());
    tasks.spawn(seatrial_controller::run(controller, parts.ctx.clone()));

    let registry_host = registry.local_addr()?.to_string();
    let blobs =
        Blobs::open(&parts.data.folder("images")?).context("cannot open the image store")?;
    let images = ImageStore::new(blobs, vec![registry_host]);
    let routes = registry::router(Registry::new(
        images.clone(),
        registry::Access::Open,
        parts.random.clone(),
    ));
    serve(registry, routes, parts, "registry", tasks);

    let source = PipelineSource::new(
        repositories.clone(),
        access,
        parts.data.pipeline_token()?,
        git_url,
    );
    start_pipelines(parts, plane, &images, source, runtime, tasks)?;
    let applications = Arc::new(ApplicationSource(repositories));
    let options = seatrial_gitops::Options::default();
    for (_, controller) in seatrial_gitops::controllers(&parts.ctx, applications, options) {
        tasks.spawn(controller);
    }
    let metrics = Arc::new(Metrics(traffic.telemetry.clone()));
    for (_, controller) in seatrial_rollouts::controllers(&parts.ctx, metrics) {
        tasks.spawn(controller);
    }
    Ok(Delivery { images })
}

fn open_repositories(parts: &Parts, url: &str) -> Result<(Repositories, Access)> {
    let home = parts.data.folder("git/home")?;
    let program = Git::locate(std::env::var_os("PATH").as_deref(), &home)?;
    let repositories = Repositories::open_directory(seatrial_git::Configuration {
        directory: parts.data.folder("git/repositories")?,
        git: program,
        base_url: url.to_owned(),
    })?;
    let access = Access::new(Anonymous::MayRead);
    access.grant("admin", &parts.data.secrets()?.git_token);
    Ok((repositories, access))
}

fn serve(
    listener: TcpListener,
    router: axum::Router,
    parts: &Parts,
    name: &'static str,
    tasks: &mut JoinSet<()>,
) {
    let stop = parts.stop.clone();
    tasks.spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, name, "a server stopped");
        }
    });
}

fn start_pipelines(
    parts: &Parts,
    plane: &Plane,
    images: &ImageStore,
    source: PipelineSource,
    runtime: Arc<dyn Runtime>,
    tasks: &mut JoinSet<()>,
) -> Result<()> {
    let build = BuildExecutor {
        runtime: Arc::clone(&runtime),
        directory: parts.data.folder("builds")?,
        random: parts.random.clone(),
    };
    let steps = Steps {
        runtime,
        directory: parts.data.folder("pipelines/sandboxes")?,
        tools: tools(&parts.data.folder("pipelines/tools")?)?,
        kubeconfig: kubeconfig::of_steps(&parts.data),
    };
    let ports = Ports {
        executor: Arc::new(steps),
        source: Arc::new(source),
        images: Arc::new(PipelineImages {
            store: images.clone(),
            builder: Builder::new(images.clone(), Arc::new(build)),
            advisories: parts.configuration.advisories.clone(),
        }),
        secrets: Arc::new(KubeSecrets::new(plane.client("seatrial-pipelines"))),
        logs: Arc::new(FileLogs::new(
            parts.data.folder("pipelines/logs")?,
            parts.clock.clone(),
        )),
        store: Store::new(parts.data.folder("pipelines/store")?),
        clock: parts.clock.clone(),
    };
    let configuration = Pipelines {
        owner: "acme".to_owned(),
        directory: parts.data.folder("pipelines/jobs")?,
    };
    let engine = Engine::new(ports, JOBS_AT_ONCE);
    tasks.spawn(seatrial_pipelines::control::run(
        parts.ctx.clone(),
        engine,
        configuration,
    ));
    Ok(())
}

/// A folder in which this program stands under the names of the tools that steps look for. A copy
/// and not a link: what a link names is not there inside a sandbox.
fn tools(folder: &Path) -> Result<std::path::PathBuf> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    for name in ["kubectl", "kustomize"] {
        let target = folder.join(name);
        if std::fs::remove_file(&target)
            .is_err_and(|error| error.kind() != std::io::ErrorKind::NotFound)
        {
            anyhow::bail!("cannot replace {}", target.display());
        }
        if std::fs::hard_link(&program, &target).is_err() {
            std::fs::copy(&program, &target)
                .with_context(|| format!("cannot copy this program to {}", target.display()))?;
        }
    }
    Ok(folder.to_owned())
}
