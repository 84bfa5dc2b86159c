//! Asking before a connection is made.
//!
//! The first packet of each connection waits in a queue of the kernel until the node knows where the connection
//! leads and has reached that place. Only then does the program's `connect` succeed; where the place
//! refuses, it fails as it would on any network.
//!
//! ```text
//!   connect ──▶ first packet ──▶ queue ──▶ Uplink::open ──▶ goes on, to the listener ──▶ Passage::carry
//!                                                      └──▶ is reset, or lost
//! ```

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use super::inside::netlink::{self, Body};
use super::inside::{QUEUE_SUBSYSTEM, REFUSED_MARK};
use crate::runtime::{Passage, Refused, Uplink};

/// Kernel to us: a packet.
const PACKET: u16 = QUEUE_SUBSYSTEM << 8;
/// Us to the kernel: what becomes of it.
const VERDICT: u16 = (QUEUE_SUBSYSTEM << 8) | 1;
const PACKET_HEADER: u16 = 1;
const VERDICT_HEADER: u16 = 2;
const MARK: u16 = 3;
const PAYLOAD: u16 = 10;
const DROP: u32 = 0;
const ACCEPT: u32 = 1;
/// A connection that does not come after its way was opened has been given up.
const GIVEN_UP: Duration = Duration::from_secs(30);

/// The port of the pod that a connection comes from, and where it leads.
type Key = (u16, SocketAddrV4);

enum State {
    Opening,
    Open(Box<dyn Passage>, Instant),
}

/// Ways that are open, or being opened, for connections that have not arrived.
#[derive(Clone, Default)]
pub(super) struct Open(Arc<Mutex<BTreeMap<Key, State>>>);

impl Open {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way that was opened for a connection that has arrived.
    pub(super) fn take(&self, from: u16, to: SocketAddr) -> Option<Box<dyn Passage>> {
        let SocketAddr::V4(to) = to else { return None };
        match self.lock().remove(&(from, to)) {
            Some(State::Open(passage, _)) => Some(passage),
            _ => None,
        }
    }

    /// What to do with another first packet of a connection: the program was impatient. None where it is
    /// the first.
    fn begin(&self, key: Key) -> Option<u32> {
        let mut open = self.lock();
        match open.get(&key) {
            Some(State::Opening) => Some(DROP),
            Some(State::Open(..)) => Some(ACCEPT),
            None => {
                open.insert(key, State::Opening);
                None
            }
        }
    }

    fn keep(&self, key: Key, passage: Box<dyn Passage>) {
        let now = Instant::now();
        let mut open = self.lock();
        open.retain(|_, state| match state {
            State::Open(_, since) => now < *since + GIVEN_UP,
            State::Opening => true,
        });
        open.insert(key, State::Open(passage, now));
    }

    fn forget(&self, key: Key) {
        self.lock().remove(&key);
    }
}

/// A packet that waits.
#[derive(Debug, PartialEq, Eq)]
struct Waiting {
    id: u32,
    queue: u16,
    from: u16,
    to: SocketAddrV4,
}

/// Decides about first packets until the queue is gone. Must be called within a tokio runtime.
pub(super) fn decide(
    queue: OwnedFd,
    uplink: Arc<dyn Uplink>,
    open: Open,
) -> io::Result<impl Future<Output = ()> + Send> {
    rustix::io::ioctl_fionbio(&queue, true)?;
    #[allow(unsafe_code)]
    // SAFETY: an `OwnedFd` names one open descriptor all its life, and it is moved into the registration,
    // which alone closes it.
    let queue = Arc::new(unsafe { AsyncFd::register(queue) }?);
    Ok(async move {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let received = queue.async_io(Interest::READABLE, |queue| {
                let (_, length) = rustix::net::recv(queue, &mut buffer[..], RecvFlags::empty())?;
                Ok(length)
            });
            let length = match received.await {
                Ok(length) => length,
                // Too many at once: those that were lost will come again.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => continue,
                Err(error) => {
                    tracing::warn!(%error, "connections of a pod can no longer be decided about");
                    return;
                }
            };
            for waiting in parse(&buffer[..length]) {
                let (queue, uplink, open) = (queue.clone(), uplink.clone(), open.clone());
                let key = (waiting.from, waiting.to);
                if let Some(verdict) = open.begin(key) {
                    tell(queue.get_ref(), &waiting, verdict, None);
                    continue;
                }
                tokio::spawn(async move {
                    match uplink.open(waiting.to.into()).await {
                        Ok(passage) => {
                            open.keep(key, passage);
                            tell(queue.get_ref(), &waiting, ACCEPT, None);
                        }
                        Err(refused) => {
                            open.forget(key);
                            let (verdict, mark) = match refused {
                                Refused::Silence => (DROP, None),
                                Refused::Reset => (ACCEPT, Some(REFUSED_MARK)),
                            };
                            tell(queue.get_ref(), &waiting, verdict, mark);
                        }
                    }
                });
            }
        }
    })
}

/// Tells the kernel what becomes of a packet. It fails only for one that has gone.
fn tell(queue: &OwnedFd, waiting: &Waiting, verdict: u32, mark: Option<u32>) {
    let number = waiting.queue.to_be_bytes();
    let mut body = Body::new(&[0, 0, number[0], number[1]]);
    let header = [verdict.to_be_bytes(), waiting.id.to_be_bytes()].concat();
    body.put(VERDICT_HEADER, &header);
    if let Some(mark) = mark {
        body.number(MARK, mark);
    }
    let mut batch = Vec::new();
    netlink::bare_message(&mut batch, VERDICT, &body);
    if let Err(error) = rustix::net::send(queue, &batch, SendFlags::empty()) {
        tracing::debug!(%error, "a decision about a connection came too late");
    }
}

fn parse(mut messages: &[u8]) -> Vec<Waiting> {
    let mut found = Vec::new();
    while let Some((length, _)) = messages.split_first_chunk::<4>() {
        let length = u32::from_ne_bytes(*length) as usize;
        if length < 16 {
            break;
        }
        let message = messages.get(..length).unwrap_or(messages);
        if message.get(4..6) == Some(&PACKET.to_ne_bytes()) {
            found.extend(packet(message));
        }
        messages = messages
            .get(length.next_multiple_of(4)..)
            .unwrap_or_default();
    }
    found
}

/// Reads `struct nfgenmsg` and the attributes behind it.
fn packet(message: &[u8]) -> Option<Waiting> {
    let queue = u16::from_be_bytes([*message.get(18)?, *message.get(19)?]);
    let (mut id, mut ends) = (None, None);
    let mut rest = message.get(20..)?;
    while let Some((head, _)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]) & 0x3fff;
        let value = rest.get(4..length)?;
        match kind {
            PACKET_HEADER => id = value.first_chunk().map(|id| u32::from_be_bytes(*id)),
            PAYLOAD => ends = ends_of(value),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    let (from, to) = ends?;
    let id = id?;
    Some(Waiting {
        id,
        queue,
        from,
        to,
    })
}

/// The source's port and the destination of an IPv4 packet.
fn ends_of(packet: &[u8]) -> Option<Key> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let number = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    let to: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
    let to = SocketAddrV4::new(Ipv4Addr::from(to), number(header + 2)?);
    Some((number(header)?, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_packet_is_read() {
        let mut packet = vec![0x46; 1];
        packet.resize(16, 0);
        packet.extend([10, 96, 0, 7]);
        packet.extend([1, 1, 1, 1]);
        packet.extend(40_000u16.to_be_bytes());
        packet.extend(80u16.to_be_bytes());
        packet.extend([0; 17]);
        let mut body = Body::new(&[2, 0, 0, 3]);
        let header = [&9u32.to_be_bytes()[..], &[8, 0, 3]].concat();
        body.put(PACKET_HEADER, &header).put(PAYLOAD, &packet);
        let mut messages = Vec::new();
        netlink::bare_message(&mut messages, PACKET, &body);
        netlink::bare_message(&mut messages, PACKET + 7, &body);
        let found = parse(&messages);
        let expected = Waiting {
            id: 9,
            queue: 3,
            from: 40_000,
            to: "10.96.0.7:80".parse().unwrap(),
        };
        assert_eq!(found, [expected]);
        for end in 0..messages.len() {
            parse(&messages[..end]);
        }
    }

    struct Nothing;

    #[async_trait::async_trait]
    impl Passage for Nothing {
        async fn carry(self: Box<Self>, _stream: tokio::net::TcpStream) {}
    }

    #[tokio::test(start_paused = true)]
    async fn a_way_is_taken_once_and_given_up_after_a_while() {
        let open = Open::default();
        let key = |port| (port, "10.96.0.7:80".parse().unwrap());
        assert_eq!(open.begin(key(1)), None);
        assert_eq!(open.begin(key(1)), Some(DROP));
        assert!(open.take(2, key(1).1.into()).is_none());
        open.keep(key(1), Box::new(Nothing));
        assert_eq!(open.begin(key(1)), Some(ACCEPT));
        assert!(open.take(1, key(1).1.into()).is_some());
        assert!(open.take(1, key(1).1.into()).is_none());
        open.keep(key(3), Box::new(Nothing));
        tokio::time::advance(GIVEN_UP * 2).await;
        open.keep(key(4), Box::new(Nothing));
        assert!(open.take(3, key(3).1.into()).is_none());
        assert!(open.take(4, key(4).1.into()).is_some());
    }
}
