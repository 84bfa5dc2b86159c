//! Pods that answer in memory.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use seatrial_network::{BoxedStream, Connector, PodAddress};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinSet;

/// How a pod behaves.
#[derive(Debug, Clone, Copy)]
pub enum Pod {
    Answers(&'static str),
    /// Closes each connection after one answer without saying so.
    AnswersOnce(&'static str),
    /// Closes the connection when it has read a request.
    BreaksOff,
    Sleeps(Duration, &'static str),
    Echoes,
    Upgrades,
}

/// The pods that can be reached, by name, with their open connections.
#[derive(Default)]
pub struct Pods {
    running: Mutex<BTreeMap<String, (Pod, JoinSet<()>)>>,
    connections: AtomicUsize,
    requests: Arc<AtomicUsize>,
}

impl Pods {
    pub fn serve(&self, name: &str, pod: Pod) {
        self.running
            .lock()
            .unwrap()
            .insert(name.to_owned(), (pod, JoinSet::new()));
    }

    /// Ends a pod at once, with whatever it was doing.
    pub fn kill(&self, name: &str) {
        self.running.lock().unwrap().remove(name);
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Connector for Pods {
    async fn connect(&self, pod: &PodAddress, _: u16) -> io::Result<BoxedStream> {
        let mut running = self.running.lock().unwrap();
        let Some((behaviour, connections)) = running.get_mut(&*pod.name) else {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionRefused,
                "connection refused",
            ));
        };
        self.connections.fetch_add(1, Ordering::Relaxed);
        let (near, far) = tokio::io::duplex(64 * 1024);
        connections.spawn(serve(far, *behaviour, self.requests.clone()));
        Ok(Box::new(near))
    }
}

async fn serve(stream: DuplexStream, pod: Pod, requests: Arc<AtomicUsize>) {
    match pod {
        Pod::BreaksOff => {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 1024]).await;
            requests.fetch_add(1, Ordering::Relaxed);
        }
        Pod::AnswersOnce(text) => {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 1024]).await;
            requests.fetch_add(1, Ordering::Relaxed);
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}",
                text.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            // Reads the next request and goes away without a word.
            let _ = stream.read(&mut [0; 1024]).await;
        }
        _ => {
            let service = service_fn(move |request| {
                requests.fetch_add(1, Ordering::Relaxed);
                answer(pod, request)
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _ = connection.with_upgrades().await;
        }
    }
}

async fn answer(pod: Pod, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = |text: &'static str| Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    Ok(match pod {
        Pod::Sleeps(duration, answer) => {
            tokio::time::sleep(duration).await;
            text(answer)
        }
        Pod::Echoes => echo(request).await,
        Pod::Upgrades => upgrade(request),
        Pod::Answers(answer) | Pod::AnswersOnce(answer) => text(answer),
        Pod::BreaksOff => text("never"),
    })
}

async fn echo(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    Response::builder()
        .header("keep-alive", "timeout=5")
        .header("seen-path", parts.uri.to_string())
        .header("seen-host", &parts.headers["host"])
        .header("seen-forwarded-for", &parts.headers["x-forwarded-for"])
        .body(Full::new(body.collect().await.unwrap().to_bytes()))
        .unwrap()
}

fn upgrade(request: Request<Incoming>) -> Response<Full<Bytes>> {
    tokio::spawn(async move {
        let stream = hyper::upgrade::on(request).await.unwrap();
        let (mut read, mut write) = tokio::io::split(TokioIo::new(stream));
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "echo")
        .body(Full::default())
        .unwrap()
}
