//! Datagrams that leave a pod.
//!
//! The kernel hands the first datagram of each pair of ends to one socket of the node, which tells where it was
//! meant for. From then on the pair has two sockets of its own: one inside, which has the address that the
//! program sends to, and one at the destination.

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::runtime::Uplink;
use crate::runtime::sandbox::link::Link;
use crate::runtime::sandbox::protocol::Command;

/// A pair is forgotten after this long without a datagram.
const IDLE: Duration = Duration::from_mins(1);
/// How many datagrams wait while a pair is being connected; more are lost, as on any network.
const WAITING: usize = 64;
const LARGEST: usize = 64 << 10;

/// A program's end and the end it sends to.
type Pair = (SocketAddrV4, SocketAddrV4);
type Pairs = Arc<Mutex<BTreeMap<Pair, mpsc::Sender<Vec<u8>>>>>;

/// Takes a socket that was made inside. Must be called within a tokio runtime.
pub(super) fn adopt(socket: OwnedFd) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::from(socket);
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// A socket inside that is bound to `at` and connected to `peer`.
pub(super) async fn between(
    link: &Link,
    at: SocketAddrV4,
    peer: SocketAddrV4,
) -> io::Result<UdpSocket> {
    let answer = link.call(Command::Datagrams { at, peer }, &[]).await;
    let (_, mut sockets) = answer.map_err(io::Error::other)?;
    let socket = sockets.pop().ok_or(io::ErrorKind::InvalidData)?;
    adopt(socket)
}

/// Carries datagrams until the sandbox is gone.
pub(super) async fn carry(first: UdpSocket, link: Arc<Link>, uplink: Arc<dyn Uplink>) {
    let pairs = Pairs::default();
    let mut buffer = vec![0; LARGEST];
    loop {
        let received = first.async_io(Interest::READABLE, || receive(&first, &mut buffer));
        let (length, from, to) = match received.await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "a datagram of a pod");
                continue;
            }
        };
        let datagram = buffer[..length].to_vec();
        let mut known = pairs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = known.get(&(from, to)) {
            let _ = pair.try_send(datagram);
            continue;
        }
        let (sender, receiver) = mpsc::channel(WAITING);
        // There is room for the first.
        let _ = sender.try_send(datagram);
        known.insert((from, to), sender);
        drop(known);
        let (link, uplink, pairs) = (link.clone(), uplink.clone(), pairs.clone());
        tokio::spawn(async move {
            if let Err(error) = pair(&link, &*uplink, (from, to), receiver).await {
                tracing::debug!(%from, %to, %error, "datagrams are not carried");
            }
            let mut known = pairs.lock().unwrap_or_else(PoisonError::into_inner);
            known.remove(&(from, to));
        });
    }
}

async fn pair(
    link: &Link,
    uplink: &dyn Uplink,
    (from, to): Pair,
    mut waiting: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    let Ok(outside) = uplink.open_datagrams(to.into()).await else {
        // Nothing is answered; those that come meanwhile are lost with it.
        return Ok(());
    };
    let inside = between(link, to, from).await?;
    // Such a socket hears nothing (see `inside::redirect::datagrams`): each datagram comes by `waiting`.
    let takes_packets = socket_type(&inside)? == SocketType::RAW;
    let answer = |datagram: &[u8]| {
        if takes_packets {
            packet((to, from), datagram)
        } else {
            datagram.to_vec()
        }
    };
    let (mut ours, mut theirs) = (vec![0; LARGEST], vec![0; LARGEST]);
    loop {
        let next = async {
            tokio::select! {
                biased;
                Some(datagram) = waiting.recv() => outside.send(&datagram).await.map(drop),
                length = inside.recv(&mut ours) => outside.send(&ours[..length?]).await.map(drop),
                length = outside.recv(&mut theirs) => inside.send(&answer(&theirs[..length?])).await.map(drop),
            }
        };
        match tokio::time::timeout(IDLE, next).await {
            Err(_) => return Ok(()),
            // The other side does not listen now; it may later.
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Ok(other) => other?,
        }
    }
}

/// A packet with a datagram, as RFC 791 and RFC 768 have it. The kernel fills in its checksum and number; that of
/// the datagram may be left out.
fn packet((from, to): Pair, datagram: &[u8]) -> Vec<u8> {
    const HEADERS: usize = 28;
    let length = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes();
    let mut packet = vec![0x45, 0];
    packet.extend(length(HEADERS + datagram.len()));
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(length(HEADERS - 20 + datagram.len()));
    packet.extend([0, 0]);
    packet.extend(datagram);
    packet
}

/// A datagram, where it comes from and where it was meant for.
fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
) -> io::Result<(usize, SocketAddrV4, SocketAddrV4)> {
    let mut from = MaybeUninit::<libc::sockaddr_in>::zeroed();
    // Room for one address with its header, aligned as a header must be.
    let mut control = [0u64; 8];
    let mut piece = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let mut message = MaybeUninit::<libc::msghdr>::zeroed();
    #[allow(unsafe_code)]
    // SAFETY: all zeroes is a valid `msghdr`. Its pointers lead to locals that outlive the call, with their
    // lengths beside them. `CMSG_FIRSTHDR` leads into `control` or is null, and what lies behind a header
    // of this kind is a `sockaddr_in`, which is read without asking for alignment.
    unsafe {
        let message = message.assume_init_mut();
        message.msg_name = from.as_mut_ptr().cast();
        message.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        message.msg_iov = &raw mut piece;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        let length = libc::recvmsg(socket.as_raw_fd(), &raw mut *message, 0);
        let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
        let header = libc::CMSG_FIRSTHDR(&raw const *message);
        let of_kind = |header: &libc::cmsghdr| {
            (header.cmsg_level, header.cmsg_type) == (libc::SOL_IP, libc::IP_ORIGDSTADDR)
        };
        if header.is_null() || !of_kind(&*header) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let to = libc::CMSG_DATA(header)
            .cast::<libc::sockaddr_in>()
            .read_unaligned();
        Ok((length, address(&from.assume_init()), address(&to)))
    }
}

fn address(raw: &libc::sockaddr_in) -> SocketAddrV4 {
    let ip = Ipv4Addr::from(u32::from_be(raw.sin_addr.s_addr));
    SocketAddrV4::new(ip, u16::from_be(raw.sin_port))
}

/// The IPv4 ends of a pair, where both are.
pub(super) fn ends(source: IpAddr, to: SocketAddr) -> io::Result<Pair> {
    match (source, to) {
        (IpAddr::V4(source), SocketAddr::V4(to)) => Ok((SocketAddrV4::new(source, 0), to)),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_says_where_it_comes_from() {
        let ends = (
            SocketAddrV4::new(Ipv4Addr::new(10, 244, 0, 4), 8081),
            SocketAddrV4::new(Ipv4Addr::new(10, 244, 0, 5), 258),
        );
        let expected = [
            &[
                0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 10, 244, 0, 4, 10, 244, 0, 5,
            ][..],
            &[0x1f, 0x91, 1, 2, 0, 10, 0, 0, b'o', b'k'],
        ];
        assert_eq!(packet(ends, b"ok"), expected.concat());
    }
}
