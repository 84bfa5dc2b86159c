//! Reaching into the pods of a node: connections, logs, commands.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seatrial_controller::ObjectKey;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;

use super::Agent;
use super::attach::Attachment;
use super::sources::References;
use super::worker::Message;
use crate::admission::Demand;
use crate::logs::{Lines, Log, Options, Run};
use crate::runtime::{self, Connection, ExecSpec, Process, Sandbox};

/// A pod with a worker.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) uid: String,
    pub(super) mailbox: mpsc::UnboundedSender<Message>,
    pub(super) references: References,
    pub(super) live: Live,
    /// What it takes of the node; `None` where the node refused it.
    pub(super) demand: Option<Arc<Demand>>,
}

/// What of a pod can be reached from outside its worker. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Live(Arc<Mutex<Parts>>);

#[derive(Default)]
pub(super) struct Parts {
    pub(super) sandbox: Option<Arc<dyn Sandbox>>,
    /// By name, in the order of the spec.
    pub(super) containers: Vec<(String, Part)>,
}

/// A container as it can be reached.
#[derive(Clone, Default)]
pub(super) struct Part {
    pub(super) logs: PathBuf,
    /// The number of the present or last run.
    pub(super) run: Option<u32>,
    pub(super) log: Option<Log>,
    pub(super) process: Option<Arc<dyn Process>>,
    pub(super) attachment: Option<Attachment>,
    /// Why it waits.
    pub(super) waits: String,
}

impl Live {
    pub(super) fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts {
    pub(super) fn part(&mut self, name: &str) -> Option<&mut Part> {
        self.containers
            .iter_mut()
            .find(|(it, _)| it == name)
            .map(|(_, part)| part)
    }
}

/// Why a pod cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The pod is not on this node.
    #[error("pod {0} is not on this node")]
    NoPod(String),
    /// The pod has no sandbox now.
    #[error("pod {0} does not run")]
    NotRunning(String),
    /// Nothing answers on the port.
    #[error("connect to port {port} of pod {pod}")]
    Connect {
        /// `namespace/name`.
        pod: String,
        /// The port.
        port: u16,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Why there are no logs. Worded as upstream.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The pod is not on this node.
    #[error("pod {0} is not on this node")]
    NoPod(String),
    /// The pod has no such container.
    #[error("container {container} is not valid for pod {pod}")]
    NoContainer {
        /// The pod's name.
        pod: String,
        /// As asked for.
        container: String,
    },
    /// The pod has several containers and none was named.
    #[error("a container name must be specified for pod {pod}, choose one of: [{choices}]")]
    Ambiguous {
        /// The pod's name.
        pod: String,
        /// Its containers.
        choices: String,
    },
    /// The container has not been started.
    #[error("container {container:?} in pod {pod:?} is waiting to start: {reason}")]
    Waiting {
        /// The pod's name.
        pod: String,
        /// The container.
        container: String,
        /// Why it waits.
        reason: String,
    },
    /// There was no run before.
    #[error("previous terminated container {container:?} in pod {pod:?} not found")]
    NoPrevious {
        /// The pod's name.
        pod: String,
        /// The container.
        container: String,
    },
    /// The container does not run, so nothing can be executed in it.
    #[error("container {container:?} in pod {pod:?} does not run")]
    NotRunning {
        /// The pod's name.
        pod: String,
        /// The container.
        container: String,
    },
    /// The command could not be started.
    #[error("execute a command in container {container:?} of pod {pod:?}")]
    Execute {
        /// The pod's name.
        pod: String,
        /// The container.
        container: String,
        /// Why not.
        #[source]
        source: runtime::Error,
    },
}

impl Agent {
    /// Whether the pod is on this node.
    pub fn has(&self, namespace: &str, name: &str) -> bool {
        self.0.pods().contains_key(&ObjectKey::new(namespace, name))
    }

    /// Opens a connection to a port of a pod.
    pub async fn connect(
        &self,
        namespace: &str,
        name: &str,
        port: u16,
    ) -> Result<Box<dyn Connection>, ConnectError> {
        let (pod, sandbox) = self.sandbox(namespace, name)?;
        sandbox
            .connect(port)
            .await
            .map_err(|source| ConnectError::Connect { pod, port, source })
    }

    /// Opens a connection to a port of a pod as another pod does; its server sees `source` as the client
    /// where the runtime can do that.
    pub async fn connect_from(
        &self,
        namespace: &str,
        name: &str,
        (source, port): (IpAddr, u16),
    ) -> Result<TcpStream, ConnectError> {
        let (pod, sandbox) = self.sandbox(namespace, name)?;
        sandbox
            .connect_from(source, port)
            .await
            .map_err(|source| ConnectError::Connect { pod, port, source })
    }

    /// A socket that is connected to a UDP port of a pod, as another pod's.
    pub async fn datagrams_from(
        &self,
        namespace: &str,
        name: &str,
        (source, port): (IpAddr, u16),
    ) -> Result<UdpSocket, ConnectError> {
        let (pod, sandbox) = self.sandbox(namespace, name)?;
        sandbox
            .datagrams_from(source, port)
            .await
            .map_err(|source| ConnectError::Connect { pod, port, source })
    }

    /// The sandboxes of all pods that run, by their address: what a gateway needs to reach them.
    pub fn addresses(&self) -> BTreeMap<IpAddr, ObjectKey> {
        let pods = self.0.pods();
        let running = pods.iter().filter_map(|(key, entry)| {
            let address = entry.live.parts().sandbox.as_ref()?.address();
            Some((address, key.clone()))
        });
        running.collect()
    }

    /// The logs of a container; of the only one where none is named.
    pub fn logs(
        &self,
        namespace: &str,
        name: &str,
        container: Option<&str>,
        options: Options,
    ) -> Result<Lines, LogsError> {
        let (container, part) = self.part(namespace, name, container)?;
        let pod = name.to_owned();
        let Some(run) = part.run else {
            return Err(match options.run {
                Run::Current => LogsError::Waiting {
                    pod,
                    container,
                    reason: part.waits,
                },
                Run::Previous => LogsError::NoPrevious { pod, container },
            });
        };
        let log = match options.run {
            Run::Current => part.log.or_else(|| Log::finished(&part.logs, run)),
            Run::Previous => run
                .checked_sub(1)
                .and_then(|run| Log::finished(&part.logs, run)),
        };
        match log {
            Some(log) => Ok(log.read(options)),
            None => Err(LogsError::NoPrevious { pod, container }),
        }
    }

    /// Starts a command in a running container; in the only one where none is named.
    pub async fn exec(
        &self,
        namespace: &str,
        name: &str,
        container: Option<&str>,
        spec: ExecSpec,
    ) -> Result<Arc<dyn Process>, LogsError> {
        let (container, part) = self.part(namespace, name, container)?;
        let pod = name.to_owned();
        match part.process {
            Some(process) => process
                .exec(spec)
                .await
                .map_err(|source| LogsError::Execute {
                    pod,
                    container,
                    source,
                }),
            None => Err(LogsError::NotRunning { pod, container }),
        }
    }

    /// The way to join in with a running container.
    pub fn attach(
        &self,
        namespace: &str,
        name: &str,
        container: Option<&str>,
    ) -> Result<Attachment, LogsError> {
        let (container, part) = self.part(namespace, name, container)?;
        part.attachment.ok_or_else(|| LogsError::NotRunning {
            pod: name.to_owned(),
            container,
        })
    }

    /// The processes of a pod's running containers, by name: what their resources are measured by.
    pub fn processes(&self, namespace: &str, name: &str) -> Vec<(String, Arc<dyn Process>)> {
        let Some(live) = self.live(namespace, name) else {
            return Vec::new();
        };
        let parts = live.parts();
        let running = parts.containers.iter();
        running
            .filter_map(|(name, part)| Some((name.clone(), part.process.clone()?)))
            .collect()
    }

    /// A running pod's sandbox, with the pod's name for messages.
    fn sandbox(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<(String, Arc<dyn Sandbox>), ConnectError> {
        let pod = format!("{namespace}/{name}");
        let Some(live) = self.live(namespace, name) else {
            return Err(ConnectError::NoPod(pod));
        };
        let sandbox = live.parts().sandbox.clone();
        match sandbox {
            Some(sandbox) => Ok((pod, sandbox)),
            None => Err(ConnectError::NotRunning(pod)),
        }
    }

    fn live(&self, namespace: &str, name: &str) -> Option<Live> {
        let pods = self.0.pods();
        pods.get(&ObjectKey::new(namespace, name))
            .map(|entry| entry.live.clone())
    }

    fn part(
        &self,
        namespace: &str,
        name: &str,
        container: Option<&str>,
    ) -> Result<(String, Part), LogsError> {
        let live = self.live(namespace, name);
        let live = live.ok_or_else(|| LogsError::NoPod(format!("{namespace}/{name}")))?;
        let parts = live.parts();
        let found = match (
            container.filter(|name| !name.is_empty()),
            parts.containers.as_slice(),
        ) {
            (Some(wanted), all) => all.iter().find(|(name, _)| name == wanted),
            (None, [only]) => Some(only),
            (None, all) => {
                let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
                return Err(LogsError::Ambiguous {
                    pod: name.to_owned(),
                    choices: names.join(" "),
                });
            }
        };
        found.cloned().ok_or_else(|| LogsError::NoContainer {
            pod: name.to_owned(),
            container: container.unwrap_or_default().to_owned(),
        })
    }
}
