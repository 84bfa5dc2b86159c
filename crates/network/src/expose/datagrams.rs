//! Datagrams to Services on the machine's loopback.
//!
//! All datagrams of one client go to one pod, as long as some come: the client's end and the pod's end are a pair
//! with a socket of its own.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::plan::{Goal, Target};
use super::{Exposure, note, seen_as};
use crate::ServiceName;
use crate::log::{Carrier, ConnectionRecord, Outcome};
use crate::table::Endpoint;

/// A pair is forgotten after this long without a datagram.
const IDLE: Duration = Duration::from_mins(1);
/// How many datagrams wait while a pod is being reached; more are lost, as on any network.
const WAITING: usize = 64;
const LARGEST: usize = 64 << 10;

type Pairs = Arc<Mutex<BTreeMap<SocketAddr, mpsc::Sender<Vec<u8>>>>>;

pub(super) async fn serve(socket: UdpSocket, target: Target, exposure: Arc<Exposure>) {
    let (socket, pairs) = (Arc::new(socket), Pairs::default());
    let mut buffer = vec![0; LARGEST];
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                // Such as the news that an answer was no longer wanted.
                tracing::debug!(%error, "a datagram to a Service");
                continue;
            }
        };
        let datagram = buffer[..length].to_vec();
        let mut known = pairs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = known.get(&client) {
            let _ = pair.try_send(datagram);
            continue;
        }
        let (sender, receiver) = mpsc::channel(WAITING);
        // There is room for the first.
        let _ = sender.try_send(datagram);
        known.insert(client, sender);
        drop(known);
        let (socket, target, exposure) = (socket.clone(), target.clone(), exposure.clone());
        let pairs = pairs.clone();
        tokio::spawn(async move {
            let ends = (&*socket, client);
            carry(ends, receiver, &target, &exposure).await;
            let mut known = pairs.lock().unwrap_or_else(PoisonError::into_inner);
            known.remove(&client);
        });
    }
}

async fn carry(
    (socket, client): (&UdpSocket, SocketAddr),
    waiting: mpsc::Receiver<Vec<u8>>,
    target: &Target,
    exposure: &Exposure,
) {
    let mut noted = note(target, exposure, Carrier::Udp);
    if !target.admits(client.ip()) {
        noted.record.outcome = Outcome::Denied;
        return;
    }
    match reach(client, target, exposure, &mut noted.record).await {
        Ok(pod) => {
            let ended = pair((socket, client), &pod, waiting, &mut noted.record).await;
            if let Err(error) = ended {
                tracing::debug!(%client, goal = %target.goal, %error, "datagrams are not carried");
            }
        }
        Err(outcome) => noted.record.outcome = outcome,
    }
}

/// A socket that is connected to the pod, or to one of the Service's.
async fn reach(
    client: SocketAddr,
    target: &Target,
    exposure: &Exposure,
    record: &mut ConnectionRecord,
) -> Result<UdpSocket, Outcome> {
    let (pod, port) = match &target.goal {
        Goal::Pod(pod, port) => (pod.clone(), *port),
        Goal::Health(_) => return Err(Outcome::Nobody),
        Goal::Port(service, number) => {
            let endpoint = choose(client.ip(), (target, service, *number), exposure)?;
            (endpoint.pod.clone(), endpoint.port)
        }
    };
    record.pod = pod.name.clone();
    let source = seen_as(client.ip());
    let opened = exposure.dialer.datagrams(&pod, port, source);
    opened.await.map_err(|error| {
        tracing::debug!(%pod, %error, "a pod is not reached");
        Outcome::Failed
    })
}

/// One of the Service's pods.
fn choose(
    client: IpAddr,
    (target, service, number): (&Target, &ServiceName, u16),
    exposure: &Exposure,
) -> Result<Arc<Endpoint>, Outcome> {
    let table = exposure.gateway.table();
    let backend = table.backend(service).ok_or(Outcome::Nobody)?;
    let port = backend.datagrams.iter().find(|one| one.number == number);
    let port = port.ok_or(Outcome::Nobody)?;
    let visit = target.visit(service, client);
    let chosen = exposure.gateway.choose(visit, port, &[]);
    let (endpoint, _) = chosen.ok_or(Outcome::Nobody)?;
    exposure.gateway.affinity().keep(visit, &endpoint);
    Ok(endpoint)
}

async fn pair(
    (socket, client): (&UdpSocket, SocketAddr),
    pod: &UdpSocket,
    mut waiting: mpsc::Receiver<Vec<u8>>,
    record: &mut ConnectionRecord,
) -> io::Result<()> {
    let mut buffer = vec![0; LARGEST];
    loop {
        let next = async {
            tokio::select! {
                biased;
                Some(datagram) = waiting.recv() => {
                    record.sent += pod.send(&datagram).await? as u64;
                }
                length = pod.recv(&mut buffer) => {
                    record.received += socket.send_to(&buffer[..length?], client).await? as u64;
                }
            }
            io::Result::Ok(())
        };
        match tokio::time::timeout(IDLE, next).await {
            Err(_) => return Ok(()),
            // The pod does not listen now; it may later.
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Ok(other) => other?,
        }
    }
}
