//! Connections to Services on the machine's loopback.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::plan::{Goal, Target};
use super::{Exposure, note, seen_as};
use crate::ServiceName;
use crate::log::{Carrier, Outcome};
use crate::pods::relay;
use crate::table::{Endpoint, PortChoice};

/// How long to wait when no more files can be opened.
const EXHAUSTED: Duration = Duration::from_millis(50);
/// How long somebody who asks for a Service's health may take to ask.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn serve(listener: TcpListener, target: Target, exposure: Arc<Exposure>) {
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                let (target, exposure) = (target.clone(), exposure.clone());
                tokio::spawn(async move { accepted(stream, client, &target, &exposure).await });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to a Service is not accepted yet");
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

async fn accepted(stream: TcpStream, client: SocketAddr, target: &Target, exposure: &Exposure) {
    // Small messages would wait for others.
    let _ = stream.set_nodelay(true);
    match &target.goal {
        Goal::Port(..) | Goal::Pod(..) => carry(stream, client.ip(), target, exposure).await,
        Goal::Health(service) => {
            // Whoever leaves before the answer does not want it.
            let _ = tokio::time::timeout(PATIENCE, health(stream, service, exposure)).await;
        }
    }
}

async fn carry(stream: TcpStream, client: IpAddr, target: &Target, exposure: &Exposure) {
    let mut noted = note(target, exposure, Carrier::Tcp);
    if !target.admits(client) {
        noted.record.outcome = Outcome::Denied;
        // It was accepted already, so it can only be broken.
        let _ = stream.set_zero_linger();
        return;
    }
    match reach(client, target, exposure).await {
        Ok((pod, name)) => {
            noted.record.pod = name;
            (noted.record.sent, noted.record.received) = relay(stream, pod).await;
        }
        Err(outcome) => {
            noted.record.outcome = outcome;
            let _ = stream.set_zero_linger();
        }
    }
}

/// A connection to the pod, or to one of the Service's, and its name.
async fn reach(
    client: IpAddr,
    target: &Target,
    exposure: &Exposure,
) -> Result<(TcpStream, Arc<str>), Outcome> {
    match &target.goal {
        Goal::Port(service, port) => serve_one(client, (target, service, *port), exposure).await,
        Goal::Health(_) => Err(Outcome::Nobody),
        Goal::Pod(pod, port) => match exposure.dialer.dial(pod, *port, seen_as(client)).await {
            Ok(stream) => Ok((stream, pod.name.clone())),
            Err(error) => {
                tracing::debug!(%pod, %error, "a pod is not reached");
                Err(Outcome::Failed)
            }
        },
    }
}

/// A connection to one of the Service's pods. Where one does not answer, another is tried: nothing was sent.
async fn serve_one(
    client: IpAddr,
    (target, service, port): (&Target, &ServiceName, u16),
    exposure: &Exposure,
) -> Result<(TcpStream, Arc<str>), Outcome> {
    let table = exposure.gateway.table();
    let backend = table.backend(service).ok_or(Outcome::Nobody)?;
    let port = backend.port(&PortChoice::Number(port));
    let port = port.ok_or(Outcome::Nobody)?;
    let visit = target.visit(service, client);
    let mut tried: Vec<Arc<Endpoint>> = Vec::new();
    while let Some((endpoint, _lease)) = exposure.gateway.choose(visit, port, &tried) {
        let dialled = exposure
            .dialer
            .dial(&endpoint.pod, endpoint.port, seen_as(client))
            .await;
        match dialled {
            Ok(stream) => {
                exposure.gateway.affinity().keep(visit, &endpoint);
                return Ok((stream, endpoint.pod.name.clone()));
            }
            Err(error) => tracing::debug!(pod = %endpoint.pod, %error, "a pod is not reached"),
        }
        tried.push(endpoint);
    }
    Err(if tried.is_empty() {
        Outcome::Nobody
    } else {
        Outcome::Failed
    })
}

/// Says how many pods a Service has, as the kube-proxy does, whatever path is asked for.
async fn health(
    mut stream: TcpStream,
    service: &ServiceName,
    exposure: &Exposure,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && request.len() < 8 << 10 {
        request.push(stream.read_u8().await?);
    }
    let table = exposure.gateway.table();
    let backend = table.backend(service);
    let ports = backend.iter().flat_map(|backend| &backend.ports);
    let count = ports.map(|port| port.endpoints.len()).max().unwrap_or(0);
    let service = json!({ "namespace": &*service.namespace, "name": &*service.name });
    let body = json!({ "service": service, "localEndpoints": count, "serviceProxyHealthy": true })
        .to_string();
    let status = match count {
        0 => "503 Service Unavailable",
        _ => "200 OK",
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n\
         X-Load-Balancing-Endpoint-Weight: {count}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
