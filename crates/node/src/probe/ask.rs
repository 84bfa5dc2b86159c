//! Asking a container: HTTP, TCP, gRPC, or a command in it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use seatrial_controller::Chain;
use tokio::net::{TcpListener, TcpStream};

use super::tls::wrap;
use super::{Action, Scheme, grpc};
use crate::runtime::{
    Connection, Console, ExecSpec, Output, Process, Refused, Sandbox, Signal, Stream, Uplink,
};

/// Output of a command that an event shows (upstream's figure).
const SHOWN: usize = 10 << 10;

/// What a container answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is well.
    Good,
    /// It is not, or does not answer: why, in upstream's words.
    Bad(String),
}

/// Whom to ask.
#[derive(Clone)]
pub struct Target {
    /// The pod's sandbox.
    pub sandbox: Arc<dyn Sandbox>,
    /// The container's process.
    pub process: Arc<dyn Process>,
    /// Who carries what leaves the pod; absent, it is the machine that reaches other hosts.
    pub uplink: Option<Arc<dyn Uplink>>,
}

/// Asks, and waits for the answer no longer than `timeout`.
pub async fn ask(target: &Target, action: &Action, timeout: Duration) -> Answer {
    match action {
        Action::Http {
            scheme,
            host,
            port,
            path,
            headers,
        } => {
            let host = host
                .clone()
                .unwrap_or_else(|| shown(target.sandbox.address()));
            let url = format!("{}://{host}:{port}{path}", scheme.as_str());
            let asked = get(target, (*scheme, &host, *port), path, headers);
            match tokio::time::timeout(timeout, asked).await {
                Ok(Ok(200..=399)) => Answer::Good,
                Ok(Ok(status)) => {
                    Answer::Bad(format!("HTTP probe failed with statuscode: {status}"))
                }
                Ok(Err(error)) => Answer::Bad(format!("Get {url:?}: {}", Chain(&error))),
                Err(_) => Answer::Bad(format!(
                    "Get {url:?}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
                )),
            }
        }
        Action::Tcp { port } => {
            let address = format!("{}:{port}", shown(target.sandbox.address()));
            match tokio::time::timeout(timeout, target.sandbox.connect(*port)).await {
                Ok(Ok(_)) => Answer::Good,
                Ok(Err(error)) => {
                    Answer::Bad(format!("dial tcp {address}: connect: {}", plain(&error)))
                }
                Err(_) => Answer::Bad(format!("dial tcp {address}: i/o timeout")),
            }
        }
        Action::Grpc { port, service } => {
            match tokio::time::timeout(timeout, health(target, *port, service)).await {
                Ok(answer) => answer,
                Err(_) => Answer::Bad(format!(
                    "timeout: health rpc did not complete within {}s",
                    timeout.as_secs()
                )),
            }
        }
        Action::Exec { command } => execute(target, command, timeout).await,
        Action::Sleep { span } => {
            tokio::time::sleep(*span).await;
            Answer::Good
        }
    }
}

/// Why no status came back.
#[derive(Debug, thiserror::Error)]
enum GetError {
    #[error("dial tcp {0}: connect: {1}")]
    Connect(String, String),
    #[error("resolve {0}")]
    Resolve(String, #[source] io::Error),
    #[error("tls")]
    Tls(#[source] io::Error),
    #[error("build the request")]
    Build(#[source] http::Error),
    #[error("send the request")]
    Send(#[source] hyper::Error),
}

async fn get(
    target: &Target,
    (scheme, host, port): (Scheme, &str, u16),
    path: &str,
    headers: &[(String, String)],
) -> Result<u16, GetError> {
    let mut stream = connect(target, host, port).await?;
    if scheme == Scheme::Https {
        stream = wrap(stream, host).await.map_err(GetError::Tls)?;
    }
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(GetError::Send)?;
    // The connection ends with the request that it carries.
    let connection = tokio::spawn(connection);
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let set = |name: &str| headers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
    let defaults = [
        (HOST, format!("{host}:{port}")),
        (USER_AGENT, "kube-probe/1.34".to_owned()),
        (ACCEPT, "*/*".to_owned()),
        (CONNECTION, "close".to_owned()),
    ];
    for (name, value) in defaults {
        if !set(name.as_str()) {
            request = request.header(name, value);
        }
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(GetError::Build)?;
    let response = sender.send_request(request).await.map_err(GetError::Send);
    connection.abort();
    Ok(response?.status().as_u16())
}

async fn health(target: &Target, port: u16, service: &str) -> Answer {
    let address = format!("{}:{port}", shown(target.sandbox.address()));
    let stream = match target.sandbox.connect(port).await {
        Ok(stream) => stream,
        Err(error) => {
            let problem = plain(&error);
            return Answer::Bad(format!("failed to connect service {address:?}: {problem}"));
        }
    };
    match grpc::check(stream, &address, service).await {
        Ok(()) => Answer::Good,
        Err(error) => Answer::Bad(Chain(&error).to_string()),
    }
}

async fn connect(target: &Target, host: &str, port: u16) -> Result<Box<dyn Connection>, GetError> {
    let address = target.sandbox.address();
    let own = host == "localhost" || host == shown(address) || host.parse() == Ok(address);
    let dial = |error: io::Error| GetError::Connect(format!("{host}:{port}"), plain(&error));
    if own {
        return target.sandbox.connect(port).await.map_err(dial);
    }
    // The kubelet asks another host from the node; here a node has no address in the pods' network, and asks from the pod's place.
    let addresses = tokio::net::lookup_host((host, port)).await;
    let mut addresses = addresses.map_err(|error| GetError::Resolve(host.to_owned(), error))?;
    let first = addresses
        .next()
        .ok_or_else(|| dial(io::ErrorKind::NotFound.into()))?;
    let stream = match &target.uplink {
        Some(uplink) => outside(&**uplink, first).await,
        None => TcpStream::connect(first).await,
    };
    Ok(Box::new(stream.map_err(dial)?))
}

/// A connection that the pod's network carries.
async fn outside(uplink: &dyn Uplink, to: SocketAddr) -> io::Result<TcpStream> {
    let passage = uplink.open(to).await.map_err(|refused| match refused {
        Refused::Reset => io::Error::from(io::ErrorKind::ConnectionRefused),
        Refused::Silence => io::Error::from(io::ErrorKind::TimedOut),
    })?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    let own = near.local_addr()?;
    // Whoever else came upon the port is none of ours.
    let far = loop {
        let (stream, peer) = listener.accept().await?;
        if peer == own {
            break stream;
        }
    };
    tokio::spawn(passage.carry(far));
    Ok(near)
}

async fn execute(target: &Target, command: &[String], timeout: Duration) -> Answer {
    let output = Arc::new(Kept::default());
    let spec = ExecSpec {
        args: command.to_vec(),
        console: Console::default(),
        output: output.clone(),
    };
    let process = match target.process.exec(spec).await {
        Ok(process) => process,
        Err(error) => return Answer::Bad(Chain(&error).to_string()),
    };
    match tokio::time::timeout(timeout, process.wait()).await {
        Ok(exit) if exit.exit_code() == 0 => Answer::Good,
        Ok(exit) => {
            let text = output.text();
            match text.trim_end() {
                "" => Answer::Bad(format!("command exited with code {}", exit.exit_code())),
                text => Answer::Bad(text.to_owned()),
            }
        }
        Err(_) => {
            if let Err(error) = process.signal(Signal::KILL).await {
                tracing::debug!("end a command that is late: {}", Chain(&error));
            }
            let command = command.join(" ");
            Answer::Bad(format!(
                "command {command:?} timed out after {}s",
                timeout.as_secs()
            ))
        }
    }
}

/// The beginning of what a command prints.
#[derive(Default)]
struct Kept(Mutex<Vec<u8>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Output for Kept {
    fn write(&self, _: Stream, chunk: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = SHOWN.saturating_sub(kept.len()).min(chunk.len());
        kept.extend_from_slice(&chunk[..room]);
    }
}

/// As a URL shows an address.
fn shown(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// A connection's error as Go words it, without Rust's `(os error 111)`.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset by peer".to_owned(),
        io::ErrorKind::TimedOut => "i/o timeout".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UdpSocket;

    use super::*;
    use crate::runtime::Passage;

    /// Says where a connection was to go; the port 1 is closed, the port 2 behind a wall.
    struct Herald;

    struct Word(SocketAddr);

    #[async_trait::async_trait]
    impl Passage for Word {
        async fn carry(self: Box<Self>, mut stream: TcpStream) {
            stream
                .write_all(self.0.to_string().as_bytes())
                .await
                .unwrap();
        }
    }

    #[async_trait::async_trait]
    impl Uplink for Herald {
        async fn open(&self, to: SocketAddr) -> Result<Box<dyn Passage>, Refused> {
            match to.port() {
                1 => Err(Refused::Reset),
                2 => Err(Refused::Silence),
                _ => Ok(Box::new(Word(to))),
            }
        }

        async fn open_datagrams(&self, _: SocketAddr) -> Result<UdpSocket, Refused> {
            Err(Refused::Reset)
        }

        async fn answer(&self, _: Vec<u8>) -> Option<Vec<u8>> {
            None
        }
    }

    #[tokio::test]
    async fn other_hosts_are_reached_through_the_network_of_pods() {
        let to = |port| SocketAddr::from(([10, 244, 0, 9], port));
        let mut stream = outside(&Herald, to(8080)).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "10.244.0.9:8080");
        let problem = |error: io::Error| plain(&error);
        let closed = outside(&Herald, to(1)).await.map_err(problem);
        assert_eq!(closed.err().as_deref(), Some("connection refused"));
        let walled = outside(&Herald, to(2)).await.map_err(problem);
        assert_eq!(walled.err().as_deref(), Some("i/o timeout"));
    }
}
