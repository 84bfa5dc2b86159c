//! A started process, as the rest of the node sees it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::launch::{Launch, Launched, launch};
use super::link::Link;
use super::protocol::{Command, Place, Users};
use crate::runtime::{Error, ExecSpec, Exit, Memory, Process, Security, Signal};

/// What programs take a terminal for where nothing says more; other runtimes say the same.
pub(crate) const TERMINAL_KIND: &str = "xterm";

/// A process that an init has started.
pub(crate) struct Started {
    link: Arc<Link>,
    launched: Launched,
    context: Arc<Context>,
}

/// What a process executed beside another shares with it.
pub(crate) struct Context {
    pub(crate) beside: Beside,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: PathBuf,
    /// Changes the arguments of what is executed beside.
    pub(crate) map_args: Box<dyn Fn(Vec<String>) -> Vec<String> + Send + Sync>,
    /// The cgroups that what is executed beside enters too.
    pub(crate) cgroups: Box<dyn Fn() -> Vec<std::os::fd::OwnedFd> + Send + Sync>,
}

/// Where a process executed beside another runs.
pub(crate) enum Beside {
    /// In the container of that process.
    Container {
        process: u64,
        user: String,
        users: Users,
        security: Security,
    },
    /// On the machine.
    Machine,
}

impl Started {
    pub(crate) fn new(link: Arc<Link>, launched: Launched, context: Arc<Context>) -> Arc<Self> {
        Arc::new(Self {
            link,
            launched,
            context,
        })
    }
}

#[async_trait]
impl Process for Started {
    fn pid(&self) -> Option<u32> {
        self.launched.pid
    }

    async fn wait(&self) -> Exit {
        let mut exit = self.launched.exit.clone();
        let ended = exit
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|exit| *exit);
        ended.unwrap_or_else(|| Exit::signal(9))
    }

    async fn signal(&self, signal: Signal) -> Result<(), Error> {
        let command = Command::Signal {
            process: self.launched.name,
            signal: signal.0,
        };
        match self.link.call(command, &[]).await {
            Ok(_) | Err(Error::SandboxGone) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn exec(&self, spec: ExecSpec) -> Result<Arc<dyn Process>, Error> {
        let place = match &self.context.beside {
            Beside::Container {
                process,
                user,
                users,
                security,
            } => Place::Beside {
                process: *process,
                user: user.clone(),
                users: *users,
                security: security.clone(),
            },
            Beside::Machine => Place::Machine,
        };
        let mut env = self.context.env.clone();
        if spec.console.terminal.is_some() {
            env.entry("TERM".to_owned())
                .or_insert_with(|| TERMINAL_KIND.to_owned());
        }
        let beside = Launch {
            place,
            args: (self.context.map_args)(spec.args),
            env,
            cwd: self.context.cwd.clone(),
            console: spec.console,
            output: spec.output,
            cgroups: (self.context.cgroups)(),
            at_end: Box::new(|_| Memory::Within),
        };
        let launched = launch(&self.link, beside).await?;
        Ok(Self::new(
            Arc::clone(&self.link),
            launched,
            Arc::clone(&self.context),
        ))
    }
}
