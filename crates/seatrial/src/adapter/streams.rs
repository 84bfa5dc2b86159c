//! `kubectl exec`, `attach` and `port-forward`, through the agents of this process.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream;
use seatrial_apiserver::stream::{
    ContainerPlace, Duplex, Outlet, PodPlace, PodStreams, StreamError, Wires,
};
use seatrial_controller::Chain;
use seatrial_node::agent::{Agent, Attachment};
use seatrial_node::runtime::{
    Console, ExecSpec, Input, Output, Process, Signal, Size, Stream, Terminal,
};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::io::StreamReader;

use super::Reach;

/// Sent to a process whose terminal is gone.
const HANG_UP: Signal = Signal(1);

/// The processes of all pods of this machine; simulated pods have none and say so.
pub(crate) struct Streams(pub(crate) Reach);

impl Streams {
    fn agent(&self, pod: &PodPlace) -> Result<Agent, StreamError> {
        self.0.agent(&pod.namespace, &pod.pod).ok_or_else(|| {
            StreamError(format!(
                "pod {:?} is simulated: it has no processes and no ports. Start the cluster with \
                 the container or process runtime for pods that have",
                pod.pod
            ))
        })
    }
}

#[async_trait]
impl PodStreams for Streams {
    async fn check(&self, pod: &PodPlace) -> Result<(), StreamError> {
        self.agent(pod).map(drop)
    }

    async fn exec(
        &self,
        place: &ContainerPlace,
        command: Vec<String>,
        wires: Wires,
    ) -> Result<i32, StreamError> {
        let agent = self.agent(&place.pod)?;
        let Wires {
            stdin,
            output,
            terminal,
        } = wires;
        let has_terminal = terminal.is_some();
        let spec = ExecSpec {
            args: command,
            console: Console {
                input: stdin.map(input),
                terminal: terminal.map(follow),
            },
            output: Arc::new(Printed(output)),
        };
        let (namespace, pod) = (&place.pod.namespace, &place.pod.pod);
        let process = agent
            .exec(namespace, pod, Some(&place.container), spec)
            .await
            .map_err(|error| StreamError(Chain(&error).to_string()))?;
        let mut left = HangUp(has_terminal.then(|| process.clone()));
        let exit = process.wait().await;
        left.0 = None;
        Ok(exit.exit_code())
    }

    async fn attach(&self, place: &ContainerPlace, wires: Wires) -> Result<(), StreamError> {
        let agent = self.agent(&place.pod)?;
        let (namespace, pod) = (&place.pod.namespace, &place.pod.pod);
        let attachment = agent
            .attach(namespace, pod, Some(&place.container))
            .map_err(|error| StreamError(Chain(&error).to_string()))?;
        let printed = print(attachment.listen(), wires.output);
        let typed = type_in(&attachment, wires.stdin);
        let sized = resize(&attachment, wires.terminal);
        tokio::select! {
            biased;
            () = printed => {}
            ((), ()) = async { tokio::join!(typed, sized) } => {}
        }
        Ok(())
    }

    async fn connect(&self, pod: &PodPlace, port: u16) -> Result<Box<dyn Duplex>, StreamError> {
        let agent = self.agent(pod)?;
        match agent.connect(&pod.namespace, &pod.pod, port).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(StreamError(Chain(&error).to_string())),
        }
    }
}

fn input(typed: mpsc::Receiver<Bytes>) -> Input {
    let chunks = stream::unfold(typed, |mut typed| async move {
        let bytes = typed.recv().await?;
        Some((Ok::<_, std::io::Error>(bytes), typed))
    });
    Input::new(Box::new(StreamReader::new(Box::pin(chunks))))
}

fn size_of(size: seatrial_apiserver::stream::Size) -> Size {
    Size {
        columns: size.columns,
        rows: size.rows,
    }
}

/// The same size in the node's words, for as long as somebody tells it.
fn follow(mut sizes: watch::Receiver<Option<seatrial_apiserver::stream::Size>>) -> Terminal {
    let (sender, size) = watch::channel(sizes.borrow_and_update().map(size_of));
    tokio::spawn(async move {
        while sizes.changed().await.is_ok() {
            let size = sizes.borrow_and_update().map(size_of);
            if sender.send(size).is_err() {
                return;
            }
        }
    });
    Terminal { size }
}

/// Tells a process that its terminal is gone, where the client leaves before it has ended.
struct HangUp(Option<Arc<dyn Process>>);

impl Drop for HangUp {
    fn drop(&mut self) {
        if let Some(process) = self.0.take() {
            tokio::spawn(async move {
                // It may have ended just now.
                let _ = process.signal(HANG_UP).await;
            });
        }
    }
}

/// What a process prints, on its way to a client. Waits while the client does not read.
struct Printed(mpsc::Sender<(Outlet, Bytes)>);

fn outlet(stream: Stream) -> Outlet {
    match stream {
        Stream::Stdout => Outlet::Stdout,
        Stream::Stderr => Outlet::Stderr,
    }
}

impl Output for Printed {
    fn write(&self, stream: Stream, chunk: &[u8]) {
        if chunk.is_empty() {
            return;
        }
        // There is room, by `ready`, unless the other stream took it or the client has gone.
        let chunk = (outlet(stream), Bytes::copy_from_slice(chunk));
        if let Err(mpsc::error::TrySendError::Full(chunk)) = self.0.try_send(chunk) {
            let sender = self.0.clone();
            tokio::spawn(async move { sender.send(chunk).await });
        }
    }

    fn ready(&self, _stream: Stream) -> BoxFuture<'_, ()> {
        Box::pin(async {
            // Two streams, each with at most one chunk: with room for both, neither waits in `write`.
            let _ = self.0.reserve_many(2).await;
        })
    }
}

async fn print(
    mut printed: broadcast::Receiver<(Stream, Bytes)>,
    output: mpsc::Sender<(Outlet, Bytes)>,
) {
    let mut open = 2;
    while open > 0 {
        let (stream, chunk) = match printed.recv().await {
            Ok((_, chunk)) if chunk.is_empty() => {
                open -= 1;
                continue;
            }
            Ok(printed) => printed,
            // A container does not wait for those who only look on.
            Err(broadcast::error::RecvError::Lagged(_)) => {
                let note = Bytes::from_static(b"\r\n[output was skipped: it came too fast]\r\n");
                (Stream::Stdout, note)
            }
            Err(broadcast::error::RecvError::Closed) => return,
        };
        if output.send((outlet(stream), chunk)).await.is_err() {
            return;
        }
    }
}

async fn type_in(attachment: &Attachment, stdin: Option<mpsc::Receiver<Bytes>>) {
    if let Some(mut stdin) = stdin {
        while let Some(bytes) = stdin.recv().await {
            if attachment.give(&bytes).await.is_err() {
                break;
            }
        }
        attachment.end_input().await;
    }
    // The output goes on.
    std::future::pending::<()>().await;
}

async fn resize(
    attachment: &Attachment,
    sizes: Option<watch::Receiver<Option<seatrial_apiserver::stream::Size>>>,
) {
    let Some(mut sizes) = sizes else { return };
    loop {
        if let Some(size) = *sizes.borrow_and_update() {
            attachment.resize(size_of(size));
        }
        if sizes.changed().await.is_err() {
            return;
        }
    }
}
