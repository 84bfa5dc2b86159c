//! The steps of pipelines, in the node's runtime.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use seatrial_node::runtime::sandbox::remove_tree;
use seatrial_node::runtime::sandbox::run::lines;
use seatrial_node::runtime::{
    Access, Console, HostBase, Limits, Mount, Names, Network, ProcessSpec, Processes, Root,
    Runtime, SandboxSpec, Security, Signal,
};
use seatrial_pipelines::port::{Command, Error, Executor, Exit, Line, Sandbox, SandboxRequest};

/// Opens a sandbox for each job. Its root is the machine's own files (`seatrial/host`); the job's
/// directory is mounted under its own path; the network is the machine's, since steps push and
/// download.
pub(crate) struct Steps {
    pub(crate) runtime: Arc<dyn Runtime>,
    /// Where sandboxes keep their files.
    pub(crate) directory: PathBuf,
    /// A folder with `kubectl` and `kustomize` for machines that have none, read-only inside.
    pub(crate) tools: PathBuf,
    /// A kubeconfig for this cluster, read-only inside.
    pub(crate) kubeconfig: PathBuf,
}

struct Job {
    sandbox: Arc<dyn seatrial_node::runtime::Sandbox>,
    directory: String,
    own: PathBuf,
    mounts: Vec<Mount>,
    environment: BTreeMap<String, String>,
}

#[async_trait]
impl Executor for Steps {
    async fn open(&self, request: SandboxRequest) -> Result<Arc<dyn Sandbox>, Error> {
        let own = self.directory.join(&request.name);
        let failed = |error: &(dyn std::error::Error + 'static)| {
            let text = seatrial_controller::Chain(error).to_string();
            Error::new(format!(
                "cannot open a sandbox for job {}: {text}",
                request.name
            ))
        };
        for folder in [own.join("sandbox"), own.join("writable")] {
            tokio::fs::create_dir_all(&folder)
                .await
                .map_err(|error| failed(&error))?;
        }
        let name = request.name.clone();
        let sandbox = self
            .runtime
            .create_sandbox(SandboxSpec {
                id: request.name.clone(),
                hostname: "runner".to_owned(),
                address: std::net::Ipv4Addr::LOCALHOST.into(),
                network: Network::Host,
                hosts: Vec::new(),
                names: Names::default(),
                outgoing: None,
                forwards: Vec::new(),
                settings: Vec::new(),
                memory: Vec::new(),
                limits: Limits::default(),
                directory: own.join("sandbox"),
                notes: Arc::new(move |note| tracing::debug!(job = %name, "{note}")),
            })
            .await
            .map_err(|error| failed(&error))?;
        let mount = |path: &PathBuf, access: Access| Mount {
            source: path.clone(),
            target: path.clone(),
            access,
        };
        let tools = self.tools.display();
        let environment = BTreeMap::from([
            (
                "PATH".to_owned(),
                // The machine's own kubectl comes first; ours is for machines without.
                format!("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{tools}"),
            ),
            (
                "KUBECONFIG".to_owned(),
                self.kubeconfig.display().to_string(),
            ),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ]);
        Ok(Arc::new(Job {
            sandbox,
            directory: request.directory.display().to_string(),
            mounts: vec![
                mount(&request.directory, Access::ReadWrite),
                mount(&self.tools, Access::ReadOnly),
                mount(&self.kubeconfig, Access::ReadOnly),
            ],
            own,
            environment,
        }))
    }
}

#[async_trait]
impl Sandbox for Job {
    fn directory(&self) -> &str {
        &self.directory
    }

    fn environment(&self) -> BTreeMap<String, String> {
        self.environment.clone()
    }

    async fn run(&self, command: Command, line: Line<'_>) -> Result<Exit, Error> {
        let (output, mut printed) = lines();
        let spec = ProcessSpec {
            name: "step".to_owned(),
            root: Root {
                layers: Vec::new(),
                host_base: HostBase::Present,
                writable: self.own.join("writable"),
            },
            mounts: self.mounts.clone(),
            args: command.arguments,
            env: command.environment,
            cwd: command.directory.into(),
            user: String::new(),
            output,
            limits: Limits::default(),
            console: Console::default(),
            security: Security::default(),
            processes: Processes::default(),
        };
        let failed = |error: seatrial_node::runtime::Error| {
            Error::new(seatrial_controller::Chain(&error).to_string())
        };
        let process = self.sandbox.start(spec).await.map_err(failed)?;
        let limit = tokio::time::sleep(command.timeout);
        tokio::pin!(limit);
        let mut stopped = None;
        // The stream of lines ends when the process and all its children have closed it.
        loop {
            tokio::select! {
                biased;
                () = command.cancel.cancelled(), if stopped.is_none() => {
                    stopped = Some(Exit::Cancelled);
                }
                () = &mut limit, if stopped.is_none() => stopped = Some(Exit::TimedOut),
                next = printed.recv() => match next {
                    Some((_, text)) => {
                        line(&text);
                        continue;
                    }
                    None => break,
                },
            }
            process.signal(Signal::KILL).await.map_err(failed)?;
        }
        let exit = process.wait().await;
        Ok(stopped.unwrap_or(Exit::Code(exit.exit_code())))
    }

    async fn close(&self) {
        if let Err(error) = self.sandbox.stop().await {
            tracing::warn!(
                "cannot stop a job's sandbox: {}",
                seatrial_controller::Chain(&error)
            );
        }
        if let Err(error) = remove_tree(&self.own) {
            tracing::warn!(%error, "cannot remove {}", self.own.display());
        }
    }
}
