//! Trying whether containers are possible.

use std::sync::Arc;

use super::{Failure, Settings};
use crate::runtime::Runtime;

/// A container runtime that works.
pub(super) struct Works {
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) detail: String,
    /// What of the network between pods is missing.
    pub(super) network: Result<(), String>,
}

#[cfg(not(target_os = "linux"))]
pub(super) async fn containers(_settings: &Settings) -> Result<Works, Failure> {
    Err(Failure {
        reason: "containers need Linux".to_owned(),
        hint: None,
    })
}

#[cfg(target_os = "linux")]
pub(super) use linux::containers;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::error::Error as _;
    use std::io;
    use std::net::{Ipv4Addr, SocketAddr};
    use std::path::Path;
    use std::sync::{Mutex, PoisonError};

    use async_trait::async_trait;

    use super::super::advice;
    use super::{Arc, Failure, Settings, Works};
    use crate::runtime::container::ContainerRuntime;
    use crate::runtime::sandbox::remove_tree;
    use crate::runtime::{
        Console, Discard, Error, HostBase, Limits, Names, Network, Outgoing, Passage, ProcessSpec,
        Processes, Refused, Root, Runtime, SandboxSpec, Security, Uplink,
    };

    /// A program that no image has. That it is missing shows only after all else has succeeded.
    const NO_PROGRAM: &str = "/.seatrial-trial";

    /// Makes a container and lets it fail at the last step.
    pub(in super::super) async fn containers(settings: &Settings) -> Result<Works, Failure> {
        let directory = settings.directory.join("container");
        let made = match &settings.executable {
            Some(executable) => ContainerRuntime::with_executable(&directory, executable.clone()),
            None => ContainerRuntime::new(&directory),
        };
        let runtime = made.map_err(|error| Failure {
            reason: format!("{} cannot be made: {error}", settings.directory.display()),
            hint: Some("choose another directory with --data-dir".to_owned()),
        })?;
        let place = settings
            .directory
            .join(format!("trial-{}", std::process::id()));
        let notes: Arc<Mutex<Vec<String>>> = Arc::default();
        let outcome = attempt(&runtime, &place, &notes).await;
        // What is left of it disturbs nothing.
        let _ = remove_tree(&place);
        let notes = std::mem::take(&mut *notes.lock().unwrap_or_else(PoisonError::into_inner));
        // All notes are about the network: the trial asks for nothing else that could be missing.
        let network = match notes.as_slice() {
            [] => Ok(()),
            notes => Err(notes.join("; ")),
        };
        outcome.map_err(|error| advice::for_error(&error))?;
        runtime.prepare_host_base();
        Ok(Works {
            detail: runtime.describe(),
            runtime: Arc::new(runtime),
            network,
        })
    }

    async fn attempt(
        runtime: &ContainerRuntime,
        place: &Path,
        notes: &Arc<Mutex<Vec<String>>>,
    ) -> Result<(), Error> {
        let failed = |source| Error::CreateSandbox {
            step: format!("make {}", place.display()),
            source,
        };
        let layer = place.join("layer");
        std::fs::create_dir_all(&layer).map_err(failed)?;
        let sandbox = runtime
            .create_sandbox(sandbox_spec(place, notes.clone()))
            .await?;
        let started = sandbox.start(process_spec(place, layer)).await;
        sandbox.stop().await?;
        match started {
            Err(Error::Execute { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(())
            }
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    /// Carries nothing.
    struct Nobody;

    #[async_trait]
    impl Uplink for Nobody {
        async fn open(&self, _to: SocketAddr) -> Result<Box<dyn Passage>, Refused> {
            Err(Refused::Reset)
        }

        async fn open_datagrams(&self, _to: SocketAddr) -> Result<tokio::net::UdpSocket, Refused> {
            Err(Refused::Reset)
        }

        async fn answer(&self, _question: Vec<u8>) -> Option<Vec<u8>> {
            None
        }
    }

    fn sandbox_spec(place: &Path, notes: Arc<Mutex<Vec<String>>>) -> SandboxSpec {
        SandboxSpec {
            id: "trial".to_owned(),
            hostname: "trial".to_owned(),
            address: [10, 244, 255, 254].into(),
            network: Network::Own,
            hosts: Vec::new(),
            names: Names::default(),
            outgoing: Some(Outgoing {
                uplink: Arc::new(Nobody),
                resolver: Ipv4Addr::new(10, 96, 0, 10),
                balancers: None,
                essential: Vec::new(),
            }),
            forwards: Vec::new(),
            settings: Vec::new(),
            memory: Vec::new(),
            limits: Limits::default(),
            directory: place.to_path_buf(),
            notes: Arc::new(move |note| {
                notes
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(note);
            }),
        }
    }

    fn process_spec(place: &Path, layer: std::path::PathBuf) -> ProcessSpec {
        ProcessSpec {
            name: "trial".to_owned(),
            root: Root {
                layers: vec![layer],
                host_base: HostBase::Absent,
                writable: place.join("writable"),
            },
            mounts: Vec::new(),
            args: vec![NO_PROGRAM.to_owned()],
            env: BTreeMap::new(),
            cwd: "/".into(),
            user: String::new(),
            output: Arc::new(Discard),
            limits: Limits::default(),
            console: Console::default(),
            security: Security::default(),
            processes: Processes::default(),
        }
    }

    impl advice::Tried for Error {
        fn step(&self) -> String {
            match self {
                Self::CreateSandbox { step, .. } | Self::PrepareRoot { step, .. } => step.clone(),
                other => other.to_string(),
            }
        }

        fn cause(&self) -> String {
            self.source()
                .map_or_else(String::new, |source| format!(": {source}"))
        }
    }
}
