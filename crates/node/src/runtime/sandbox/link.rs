//! The node's end of a sandbox: its init process and the requests to it.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::Child;
use tokio::sync::{oneshot, watch};
use tokio_util::task::TaskTracker;

use super::INIT_ARGUMENT;
use super::channel::{self, Receiver, Sender};
use super::protocol::{Answer, Command, Failure, Message, Request, Status, Users};
use super::remove::InitFile;
use crate::runtime::Error;

/// How long an init may take to end what is inside before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);
const SIGKILL: i32 = 9;

/// What an init shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Namespaces of its own; whether those for users and the network are among them.
    #[cfg(target_os = "linux")]
    Namespaces { user: Own, network: Own },
    /// None.
    Plain,
}

/// Whether there is a namespace of its own.
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    Yes,
    No,
}

type Reply = (Result<Answer, Failure>, Vec<OwnedFd>);

/// An init process and the socket to it.
pub(crate) struct Link {
    sender: Sender,
    next: AtomicU64,
    state: Mutex<State>,
    /// What must be done before the sandbox counts as stopped.
    tasks: TaskTracker,
    ended: watch::Sender<bool>,
    users: Users,
}

#[derive(Default)]
struct State {
    gone: bool,
    waiting: BTreeMap<u64, oneshot::Sender<Reply>>,
    processes: BTreeMap<u64, watch::Sender<Option<Status>>>,
}

impl Link {
    /// Starts an init. `directory` is the sandbox's own, where what is needed to find the init
    /// again is noted.
    pub(crate) async fn open(
        executable: &Path,
        isolation: Isolation,
        directory: &Path,
    ) -> Result<Arc<Self>, Error> {
        let (ours, theirs) = UnixStream::pair().map_err(step("make a socket pair"))?;
        let mut command = tokio::process::Command::new(executable);
        command.arg(INIT_ARGUMENT).env_clear().current_dir("/");
        command
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        match isolation {
            #[cfg(target_os = "linux")]
            Isolation::Namespaces { user, network } => {
                let user = if user == Own::Yes { "user" } else { "machine" };
                let network = if network == Own::Yes { "own" } else { "host" };
                command.args(["isolate", user, network])
            }
            Isolation::Plain => command.arg("plain"),
        };
        let child = command
            .spawn()
            .map_err(step(format!("run {}", executable.display())))?;
        // The command holds the other end of the socket.
        drop(command);
        let pid = child.id().unwrap_or_default();
        InitFile::write(directory, pid).map_err(step("note the init's process id"))?;
        #[cfg(target_os = "linux")]
        let (ours, users) = super::users::settle(ours, isolation, pid).await?;
        #[cfg(not(target_os = "linux"))]
        let users = Users::Machine;
        let (sender, receiver) = channel::open(ours.into()).map_err(step("open the socket"))?;
        let link = Arc::new(Self {
            sender,
            next: AtomicU64::new(1),
            state: Mutex::default(),
            tasks: TaskTracker::new(),
            ended: watch::channel(false).0,
            users,
        });
        tokio::spawn(Arc::clone(&link).receive(receiver, child));
        Ok(link)
    }

    /// Which users exist inside.
    pub(crate) fn users(&self) -> Users {
        self.users
    }

    /// Asks for something and waits for the answer.
    pub(crate) async fn call(
        &self,
        command: Command,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(Answer, Vec<OwnedFd>), Error> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answered) = oneshot::channel();
        {
            let mut state = self.state();
            if state.gone {
                return Err(Error::SandboxGone);
            }
            state.waiting.insert(id, sender);
        }
        if let Err(error) = self
            .sender
            .send(&Request { id, command }, descriptors)
            .await
        {
            self.state().waiting.remove(&id);
            return match error.kind() {
                io::ErrorKind::InvalidInput => Err(step("send the request")(error)),
                _ => Err(Error::SandboxGone),
            };
        }
        let (outcome, descriptors) = answered.await.map_err(|_| Error::SandboxGone)?;
        Ok((outcome.map_err(Failure::into_error)?, descriptors))
    }

    /// A name for a process that is about to be started, and the news of its end.
    pub(crate) fn expect_process(&self) -> (u64, watch::Receiver<Option<Status>>) {
        let name = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = watch::channel(None);
        self.state().processes.insert(name, sender);
        (name, receiver)
    }

    /// Forgets a process that could not be started.
    pub(crate) fn forget_process(&self, name: u64) {
        self.state().processes.remove(&name);
    }

    /// Runs something that must be done before the sandbox counts as stopped.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Ends everything inside, and waits until it has ended and its traces are cleared up.
    pub(crate) async fn stop(&self) -> io::Result<()> {
        self.sender.close();
        // Fails only if there is no sender, which is in `self`.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
        self.tasks.close();
        let cleared = tokio::time::timeout(PATIENCE, self.tasks.wait()).await;
        cleared.map_err(|_| io::ErrorKind::TimedOut.into())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn receive(self: Arc<Self>, mut receiver: Receiver, child: Child) {
        loop {
            match receiver.receive::<Message>().await {
                Ok(Some((Message::Answer { id, outcome }, descriptors))) => {
                    let waiting = self.state().waiting.remove(&id);
                    if let Some(waiting) = waiting {
                        // Whoever asked may have given up.
                        let _ = waiting.send((outcome, descriptors));
                    }
                }
                Ok(Some((Message::Exited { process, status }, _))) => {
                    let ended = self.state().processes.remove(&process);
                    if let Some(ended) = ended {
                        ended.send_replace(Some(status));
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "a sandbox's init cannot be understood: ending it");
                    self.sender.close();
                    break;
                }
            }
        }
        self.lose(child).await;
    }

    /// The init has gone, and with it everything inside.
    async fn lose(&self, mut child: Child) {
        // Only after its end is it true that everything has ended.
        if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
            // It fails only for one that has ended.
            let _ = child.kill().await;
        }
        self.ended.send_replace(true);
        let mut state = self.state();
        state.gone = true;
        state.waiting.clear();
        for ended in std::mem::take(&mut state.processes).into_values() {
            ended.send_replace(Some(Status::Signal(SIGKILL)));
        }
    }
}

/// For `map_err`: names the step that failed.
pub(crate) fn step(step: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::CreateSandbox {
        step: step.into(),
        source,
    }
}

/// Borrows all.
pub(crate) fn borrow_all(descriptors: &[OwnedFd]) -> Vec<BorrowedFd<'_>> {
    descriptors.iter().map(AsFd::as_fd).collect()
}

/// Where the program that becomes the init lies, if nothing else is said: this program itself.
pub(crate) fn own_executable() -> io::Result<PathBuf> {
    // The link, not what it leads to: it works even after the file was replaced or deleted.
    if cfg!(target_os = "linux") {
        return Ok(PathBuf::from("/proc/self/exe"));
    }
    std::env::current_exe()
}
