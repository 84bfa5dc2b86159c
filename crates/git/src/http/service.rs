//! One exchange with `git upload-pack` or `git receive-pack`, streamed in both directions.

use std::process::Stdio;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};
use tokio::sync::mpsc;

use super::Server;
use super::body::Decoded;
use crate::command::reason;
use crate::packet::{self, Commands};
use crate::push::{Received, describe};
use crate::{Caller, Error, Name, Repositories};

/// How much of the answer to a push is looked at for the report.
const REPORT_LIMIT: usize = 16 << 20;
/// Bytes read from the program at a time.
const CHUNK: usize = 64 << 10;

/// The two directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Clone and fetch.
    Upload,
    /// Push.
    Receive,
}

impl Service {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "git-upload-pack" => Some(Self::Upload),
            "git-receive-pack" => Some(Self::Receive),
            _ => None,
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Upload => "upload-pack",
            Self::Receive => "receive-pack",
        }
    }

    pub(super) fn advertisement_type(self) -> &'static str {
        match self {
            Self::Upload => "application/x-git-upload-pack-advertisement",
            Self::Receive => "application/x-git-receive-pack-advertisement",
        }
    }

    pub(super) fn request_type(self) -> &'static str {
        match self {
            Self::Upload => "application/x-git-upload-pack-request",
            Self::Receive => "application/x-git-receive-pack-request",
        }
    }

    pub(super) fn result_type(self) -> &'static str {
        match self {
            Self::Upload => "application/x-git-upload-pack-result",
            Self::Receive => "application/x-git-receive-pack-result",
        }
    }

    /// What the server has, in the first answer of an exchange.
    pub(super) async fn advertisement(
        self,
        repositories: &Repositories,
        name: &Name,
        protocol: Option<String>,
    ) -> Result<Vec<u8>, Error> {
        let repository = repositories.local(name)?;
        let is_second = protocol
            .as_deref()
            .is_some_and(|text| text.split(':').any(|part| part == "version=2"));
        let mut command = repositories.git().command();
        command
            .args([
                self.program(),
                "--stateless-rpc",
                "--http-backend-info-refs",
            ])
            .arg(repository.path());
        command.envs(protocol.map(|protocol| ("GIT_PROTOCOL", protocol)));
        let start = |source| Error::Start {
            command: self.program().to_owned(),
            source,
        };
        let output = command.output().await.map_err(start)?;
        if !output.status.success() {
            let message = reason(&output.stderr, output.status.code());
            return Err(Error::Git {
                command: self.program().to_owned(),
                message,
            });
        }
        let mut answer = Vec::with_capacity(output.stdout.len() + 64);
        // Version 2 leaves the line out, since its capabilities come first; pushing has no version 2.
        if !is_second || self == Self::Receive {
            answer.extend(packet::line(&format!("# service=git-{}\n", self.program())));
            answer.extend(packet::FLUSH);
        }
        answer.extend(output.stdout);
        Ok(answer)
    }
}

/// Starts the program and gives its answer as a body that is still being written.
///
/// The exchange is a task of its own: when a pusher hangs up, what `git` accepted is recorded nevertheless.
pub(super) fn run(
    server: &Server,
    service: Service,
    name: &Name,
    caller: Caller,
    protocol: Option<String>,
    request: Decoded,
) -> Result<Body, Error> {
    let repository = server.repositories.local(name)?;
    let mut command = server.repositories.git().command();
    command
        .args([service.program(), "--stateless-rpc"])
        .arg(repository.path())
        .stdin(Stdio::piped());
    command.envs(protocol.map(|protocol| ("GIT_PROTOCOL", protocol)));
    let start = |source| Error::Start {
        command: service.program().to_owned(),
        source,
    };
    let child = command.spawn().map_err(start)?;
    let (sender, receiver) = mpsc::channel(4);
    let exchange = Exchange {
        server: server.clone(),
        service,
        name: name.clone(),
        caller,
        sender,
    };
    tokio::spawn(exchange.run(child, request));
    let stream = futures::stream::unfold(receiver, |mut receiver| async move {
        let item: Result<Bytes, std::io::Error> = receiver.recv().await?;
        Some((item, receiver))
    });
    Ok(Body::from_stream(stream))
}

struct Exchange {
    server: Server,
    service: Service,
    name: Name,
    caller: Caller,
    sender: mpsc::Sender<Result<Bytes, std::io::Error>>,
}

impl Exchange {
    async fn run(self, mut child: Child, request: Decoded) {
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(mut stderr)) = (stdin, stdout, stderr) else {
            return;
        };
        let complaints = async {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text).await;
            text
        };
        let (commands, answer, complaints) =
            tokio::join!(feed(stdin, request), self.forward(stdout), complaints);
        let Some(answer) = answer else {
            // The reader hung up; dropping the child stops the program.
            return;
        };
        match child.wait().await {
            Ok(status) if status.success() => {}
            Ok(status) => {
                let why = reason(&complaints, status.code());
                tracing::debug!(repository = %self.name, program = self.service.program(), why, "git ended badly");
            }
            Err(error) => tracing::warn!(%error, "cannot wait for git"),
        }
        if self.service == Service::Receive {
            self.record(commands, &answer).await;
        }
    }

    /// Passes the program's answer on and, for a push, keeps a copy.
    /// `None` where nobody wants the rest.
    async fn forward(&self, mut stdout: impl AsyncRead + Unpin) -> Option<Vec<u8>> {
        let mut copy = Vec::new();
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            match stdout.read_buf(&mut chunk).await {
                Ok(0) | Err(_) => return Some(copy),
                Ok(_) => {}
            }
            if self.service == Service::Receive && copy.len() < REPORT_LIMIT {
                copy.extend_from_slice(&chunk);
            }
            let sent = self.sender.send(Ok(chunk.freeze())).await;
            if sent.is_err() && self.service == Service::Upload {
                return None;
            }
        }
    }

    async fn record(&self, commands: Commands, answer: &[u8]) {
        let received = Received {
            pusher: self.caller.name().to_owned(),
            at: self.server.clock.now(),
        };
        let accepted = packet::accepted(answer);
        let updates = commands.updates();
        let updates: Vec<_> = updates
            .into_iter()
            .filter(|update| accepted.contains(&update.reference))
            .collect();
        if updates.is_empty() {
            return;
        }
        let result = async {
            let repository = self.server.repositories.local(&self.name)?;
            let mut pushes = Vec::with_capacity(updates.len());
            for update in &updates {
                pushes.push(describe(&repository, &self.name, update, &received).await?);
            }
            self.server.journal.pushed(pushes).await
        };
        if let Err(error) = result.await {
            tracing::error!(repository = %self.name, error = &error as &dyn std::error::Error, "push accepted, but not recorded");
        }
    }
}

/// Hands the request to the program, and follows the commands at its start.
async fn feed(mut stdin: ChildStdin, mut request: Decoded) -> Commands {
    let mut commands = Commands::default();
    while let Some(Ok(bytes)) = request.next().await {
        commands.feed(&bytes);
        if stdin.write_all(&bytes).await.is_err() {
            break;
        }
    }
    commands
}
