//! Connections to ports of a pod.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::channels::Dialect;
use super::spdy::{Incoming, Output, Stream};
use super::websocket::{Receiver, Sender};
use super::{PodPlace, PodStreams};

/// Bytes of a connection that are handed on at a time.
const CHUNK: usize = 32 << 10;

/// Requests of which only one of two streams has come.
const HALVES: usize = 256;

/// Carries connections into a pod.
pub(super) struct Forwarder {
    pub(super) streams: Arc<dyn PodStreams>,
    pub(super) pod: PodPlace,
    pub(super) stopping: CancellationToken,
}

/// One connection: where its errors go, and its bytes.
struct Connection {
    port: u16,
    error: Output,
    data: Stream,
}

/// Reads the ports of a query.
pub(super) fn ports(texts: &[String]) -> Result<Vec<u16>, String> {
    let ports: Result<Vec<u16>, String> = texts
        .iter()
        .flat_map(|text| text.split(','))
        .map(|text| match text.trim().parse() {
            Ok(0) | Err(_) => Err(format!(
                "unable to parse {text:?} as a port: must be between 1 and 65535"
            )),
            Ok(port) => Ok(port),
        })
        .collect();
    match ports {
        Ok(ports) if ports.is_empty() => Err("you must specify at least 1 port".to_owned()),
        other => other,
    }
}

impl Forwarder {
    /// Serves a client of SPDY: each connection is two streams with the same `requestID`.
    pub(super) async fn over_spdy(self, mut incoming: mpsc::Receiver<Incoming>) {
        let this = Arc::new(self);
        let mut halves: BTreeMap<String, (Option<Stream>, Option<Stream>)> = BTreeMap::new();
        let mut tasks = tokio::task::JoinSet::new();
        while let Some(Incoming { headers, stream }) = incoming.recv().await {
            while tasks.try_join_next().is_some() {}
            let text = |name: &str| headers.get(name).map_or("", String::as_str);
            let Ok(port @ 1..) = text("port").parse::<u16>() else {
                let message = format!("{:?} is no port", text("port"));
                refuse(stream.output, message).await;
                continue;
            };
            // Older clients name no request, but only one connection for a port at a time.
            let request = match text("requestid") {
                "" => format!("port {port}"),
                request => request.to_owned(),
            };
            let half = halves.entry(request.clone()).or_default();
            match text("streamtype") {
                "error" => half.0 = Some(stream),
                "data" => half.1 = Some(stream),
                other => {
                    let message = format!("{other:?} is neither \"data\" nor \"error\"");
                    refuse(stream.output, message).await;
                }
            }
            if let (Some(_), Some(_)) = half
                && let Some((Some(error), Some(data))) = halves.remove(&request)
            {
                let connection = Connection {
                    port,
                    error: error.output,
                    data,
                };
                let this = Arc::clone(&this);
                tasks.spawn(async move { this.carry(connection).await });
            }
            if halves.len() > HALVES {
                tracing::debug!("a client begins connections that it does not complete");
                return;
            }
        }
    }

    async fn carry(&self, connection: Connection) {
        let Connection { port, error, data } = connection;
        let Stream { input, output } = data;
        let opened = self.streams.connect(&self.pod, port).await;
        let problem = match opened {
            Ok(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                tokio::select! {
                    biased;
                    () = self.stopping.cancelled() => {}
                    ((), ()) = async { tokio::join!(upward(input, writer), downward(reader, output)) } => {}
                }
                None
            }
            Err(failed) => {
                output.finish().await;
                Some(self.problem(port, &failed.to_string()))
            }
        };
        if let Some(problem) = problem {
            // Where the client has gone there is nobody to tell.
            let _ = error.send(Bytes::from(problem)).await;
        }
        error.finish().await;
    }

    fn problem(&self, port: u16, detail: &str) -> String {
        format!(
            "error forwarding port {port} to pod {}, uid : {detail}",
            self.pod.uid
        )
    }

    /// Serves an older client of WebSocket: two channels for each port, one connection each.
    pub(super) async fn over_websocket<S>(
        self,
        ports: &[u16],
        dialect: Dialect,
        mut receiver: Receiver<S>,
        sender: Sender,
    ) where
        S: AsyncRead + AsyncWrite,
    {
        let this = Arc::new(self);
        let mut inputs = BTreeMap::new();
        let mut tasks = tokio::task::JoinSet::new();
        for (index, port) in ports.iter().copied().enumerate().take(127) {
            let data = index as u8 * 2;
            // Each channel begins with the number of its port.
            for channel in [data, data + 1] {
                dialect.send(&sender, channel, &port.to_le_bytes()).await;
            }
            let (input, bytes) = mpsc::channel(16);
            inputs.insert(data, input);
            let (this, sender) = (Arc::clone(&this), sender.clone());
            tasks.spawn(async move { this.channel(port, (dialect, data), bytes, sender).await });
        }
        while let Some(message) = receiver.next().await {
            if let Some((channel, bytes)) = dialect.read(&message)
                && let Some(input) = inputs.get(&channel)
            {
                // One whose server has gone takes no more.
                let _ = input.send(bytes).await;
            }
        }
    }

    async fn channel(
        &self,
        port: u16,
        (dialect, data): (Dialect, u8),
        bytes: mpsc::Receiver<Bytes>,
        sender: Sender,
    ) {
        let stream = match self.streams.connect(&self.pod, port).await {
            Ok(stream) => stream,
            Err(failed) => {
                let problem = self.problem(port, &failed.to_string());
                dialect.send(&sender, data + 1, problem.as_bytes()).await;
                return;
            }
        };
        let (mut reader, writer) = tokio::io::split(stream);
        let down = async {
            let mut buffer = BytesMut::with_capacity(CHUNK);
            while let Ok(1..) = reader.read_buf(&mut buffer).await {
                if !dialect.send(&sender, data, &buffer).await {
                    return;
                }
                buffer.clear();
            }
        };
        tokio::join!(upward(bytes, writer), down);
    }
}

async fn refuse(output: Output, message: String) {
    let _ = output.send(Bytes::from(message)).await;
    output.finish().await;
}

/// From the client to the server in the pod.
async fn upward<W: AsyncWrite + Unpin>(mut from: mpsc::Receiver<Bytes>, mut to: W) {
    while let Some(bytes) = from.recv().await {
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// From the server in the pod to the client.
async fn downward<R: AsyncRead + Unpin>(mut from: R, to: Output) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK);
        match from.read_buf(&mut buffer).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
        if to.send(buffer.split().freeze()).await.is_err() {
            return;
        }
    }
    to.finish().await;
}

#[cfg(test)]
mod tests {
    use super::ports;

    #[test]
    fn ports_are_listed_or_repeated() {
        let read = |texts: &[&str]| {
            ports(
                &texts
                    .iter()
                    .map(|text| (*text).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(read(&["80,443", "8080"]), Ok(vec![80, 443, 8080]));
        assert!(read(&["0"]).is_err() && read(&["65536"]).is_err() && read(&["x"]).is_err());
        assert!(read(&[]).is_err());
    }
}
