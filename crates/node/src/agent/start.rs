//! Starting one container: image, environment, mounts, log, process, hook.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use seatrial_controller::{Chain, Notice};
use tokio_util::sync::CancellationToken;

use super::attach::Attachment;
use super::prepare::limits;
use super::{Shared, security, sources};
use crate::environment::{self, Sources, command_line, complete};
use crate::images::{self, Image, Origin, PullPolicy};
use crate::logs::Log;
use crate::probe::{self, Action, Answer, Target, ask};
use crate::runtime::sandbox::remove_tree;
use crate::runtime::{self, Console, Process, ProcessSpec, Root, Sandbox, Signal};

/// A hook has this long where nothing else limits it.
const HOOK: Duration = Duration::from_mins(10);

/// A container that runs.
pub(super) struct Started {
    pub(super) process: Arc<dyn Process>,
    pub(super) attachment: Attachment,
    pub(super) log: Log,
    pub(super) image: Image,
    pub(super) termination: Option<PathBuf>,
}

/// Why a container does not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Image(images::Error),
    #[error(transparent)]
    Environment(#[from] environment::Error),
    #[error(transparent)]
    Security(#[from] security::Error),
    #[error("{hook}: {source}")]
    Hook {
        hook: &'static str,
        source: probe::Error,
    },
    #[error("probe: {0}")]
    Probe(probe::Error),
    #[error("volumeMount {mount:?}: {problem}")]
    Mount { mount: String, problem: String },
    #[error("{field} is not supported")]
    Unsupported { field: &'static str },
    #[error("no command specified: neither the image nor the container names one")]
    NoCommand,
    #[error("read what the container refers to")]
    Sources(#[source] sources::Error),
    #[error("{step} {}", path.display())]
    Disk {
        step: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Runtime(runtime::Error),
    #[error("the pod is to end")]
    Cancelled,
    #[error("PostStartHook failed: {0}")]
    PostStart(String),
}

/// What is to be started.
pub(super) struct Request {
    pub(super) shared: Arc<Shared>,
    pub(super) pod: Arc<Pod>,
    pub(super) container: Container,
    pub(super) sandbox: Arc<dyn Sandbox>,
    pub(super) address: IpAddr,
    /// 0 for the first run.
    pub(super) run: u32,
    /// Cancelled when the pod is to end: a pull is given up then, and a hook no longer waited for.
    pub(super) ending: CancellationToken,
}

impl Request {
    /// Starts it; returns once its process runs and its `postStart` hook has succeeded.
    pub(super) async fn start(self) -> Result<Started, Error> {
        self.check()?;
        let image = self.image().await?;
        let sources = self.shared.environment_sources(&self.pod).await;
        let sources = sources.map_err(Error::Sources)?;
        let termination = self.termination_file()?;
        let (log, output) = self.log()?;
        let (attachment, console, output) = Attachment::new(&self.container, output);
        let cluster = self.shared.cluster_variables(&self.pod).await;
        let mut spec = self.process(&image, (&sources, &cluster), (console, output))?;
        spec.mounts
            .extend(termination.clone().map(|(_, mount)| mount));
        let name = &self.container.name;
        self.tell(Notice::normal(
            "Created",
            format!("Created container: {name}"),
        ));
        let process = self.sandbox.start(spec).await.map_err(Error::Runtime)?;
        self.tell(Notice::normal(
            "Started",
            format!("Started container {name}"),
        ));
        self.post_start(&process).await?;
        Ok(Started {
            process,
            attachment,
            log,
            image,
            termination: termination.map(|(file, _)| file),
        })
    }

    /// The process that the container's spec and its image describe together.
    fn process(
        &self,
        image: &Image,
        (sources, cluster): (&Sources, &BTreeMap<String, String>),
        (console, output): (Console, Arc<dyn runtime::Output>),
    ) -> Result<ProcessSpec, Error> {
        let container = &self.container;
        let facts = self.shared.facts(&self.pod, self.address);
        let variables = environment::variables(container, facts, sources, cluster)?;
        let args = command_line(container, &image.config, &variables);
        if args.is_empty() {
            return Err(Error::NoCommand);
        }
        let own = container.working_dir.as_deref();
        let directories = [
            own.unwrap_or_default(),
            &image.config.working_directory,
            "/",
        ];
        let cwd = directories.into_iter().find(|path| !path.is_empty());
        let resources = container.resources.as_ref();
        Ok(ProcessSpec {
            name: container.name.clone(),
            root: Root {
                layers: image.layers.clone(),
                host_base: image.host_base,
                writable: self.writable()?,
            },
            mounts: self.mounts(&variables)?,
            args,
            user: security::user(&self.pod, container, &image.config.user)?,
            env: complete(
                &image.config,
                variables,
                facts,
                &self.shared.hostname(&self.pod),
            ),
            cwd: PathBuf::from(cwd.unwrap_or_default()),
            output,
            limits: limits(resources.and_then(|it| it.limits.as_ref())),
            console,
            security: security::rights(&self.pod, container),
            processes: security::processes(&self.pod, &container.name),
        })
    }

    fn tell(&self, notice: Notice) {
        self.shared.tell(&self.pod, notice);
    }

    /// Refuses what cannot be done, before anything is done.
    fn check(&self) -> Result<(), Error> {
        let container = &self.container;
        if container
            .volume_devices
            .as_ref()
            .is_some_and(|devices| !devices.is_empty())
        {
            return Err(Error::Unsupported {
                field: "volumeDevices",
            });
        }
        for kind in [
            probe::Kind::Startup,
            probe::Kind::Readiness,
            probe::Kind::Liveness,
        ] {
            if let Some(probe) = kind.of(container) {
                probe::Settings::new(probe, container).map_err(Error::Probe)?;
            }
        }
        let lifecycle = container.lifecycle.as_ref();
        let hooks = [
            (
                "lifecycle.postStart",
                lifecycle.and_then(|it| it.post_start.as_ref()),
            ),
            (
                "lifecycle.preStop",
                lifecycle.and_then(|it| it.pre_stop.as_ref()),
            ),
        ];
        for (hook, handler) in hooks {
            if let Some(handler) = handler {
                Action::new(handler, container).map_err(|source| Error::Hook { hook, source })?;
            }
        }
        Ok(())
    }

    async fn image(&self) -> Result<Image, Error> {
        let reference = self.container.image.as_deref().unwrap_or_default();
        let policy = match self.container.image_pull_policy.as_deref() {
            Some("Always") => PullPolicy::Always,
            Some("Never") => PullPolicy::Never,
            _ => PullPolicy::IfNotPresent,
        };
        let begin = self.shared.ctx.clock.now();
        let image = tokio::select! {
            biased;
            () = self.ending.cancelled() => return Err(Error::Cancelled),
            image = self.shared.config.images.resolve(reference, policy) => image,
        };
        let image = image.map_err(Error::Image)?;
        let message = match image.origin {
            Origin::Present => format!("Container image {reference:?} already present on machine"),
            Origin::Pulled => {
                let took = self
                    .shared
                    .ctx
                    .clock
                    .now()
                    .duration_since(begin)
                    .unsigned_abs();
                let millis = took.as_millis();
                let took = format!("{}.{:03}s", millis / 1_000, millis % 1_000);
                format!(
                    "Successfully pulled image {reference:?} in {took} ({took} including waiting). \
                     Image size: {} bytes.",
                    image.size
                )
            }
        };
        self.tell(Notice::normal("Pulled", message));
        Ok(image)
    }

    fn log(&self) -> Result<(Log, Arc<dyn runtime::Output>), Error> {
        let directory = self.shared.log(&self.pod, &self.container.name);
        let config = &self.shared.config;
        Log::begin(
            &directory,
            self.run,
            config.rotation,
            self.shared.ctx.clock.clone(),
        )
        .map_err(|source| Error::Disk {
            step: "begin the log in",
            path: directory,
            source,
        })
    }

    /// A fresh directory for this run's writes; that of the run before is deleted.
    fn writable(&self) -> Result<PathBuf, Error> {
        let directory = self.shared.container(&self.pod, &self.container.name);
        if let Some(before) = self.run.checked_sub(1) {
            let old = directory.join(before.to_string());
            if let Err(error) = remove_tree(&old) {
                tracing::debug!("remove {}: {error}", old.display());
            }
        }
        let path = directory.join(self.run.to_string());
        make(&path)?;
        Ok(path)
    }

    async fn post_start(&self, process: &Arc<dyn Process>) -> Result<(), Error> {
        let handler = self
            .container
            .lifecycle
            .as_ref()
            .and_then(|it| it.post_start.as_ref());
        let Some(handler) = handler else {
            return Ok(());
        };
        let action = Action::new(handler, &self.container).map_err(|source| Error::Hook {
            hook: "lifecycle.postStart",
            source,
        })?;
        let target = Target {
            sandbox: self.sandbox.clone(),
            process: process.clone(),
            uplink: self.shared.uplink(&self.pod, self.address),
        };
        let answer = tokio::select! {
            biased;
            () = self.ending.cancelled() => return Ok(()),
            answer = ask(&target, &action, HOOK) => answer,
        };
        let Answer::Bad(problem) = answer else {
            return Ok(());
        };
        self.tell(Notice::warning(
            "FailedPostStartHook",
            format!("PostStartHook failed: {problem}"),
        ));
        if let Err(error) = process.signal(Signal::KILL).await {
            tracing::debug!("end the container: {}", Chain(&error));
        }
        process.wait().await;
        Err(Error::PostStart(problem))
    }
}

pub(super) fn make(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| Error::Disk {
        step: "create",
        path: path.to_owned(),
        source,
    })
}
