//! Frames with file descriptors over a Unix stream socket.
//!
//! A frame is a length (4 bytes, big endian), the number of descriptors (1 byte) and a JSON body.
//! A stream socket, not a packet socket: macOS has no packet sockets of this family, and an
//! environment made of large ConfigMaps exceeds the size of a packet.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Mutex;

const HEADER: usize = 5;
const MAXIMUM_BODY: usize = 16 << 20;
const MAXIMUM_DESCRIPTORS: usize = 24;
const ANCILLARY_SPACE: usize = rustix::cmsg_space!(ScmRights(MAXIMUM_DESCRIPTORS));

/// The sending half.
pub(super) struct Sender {
    socket: Arc<AsyncFd<OwnedFd>>,
    // One frame at a time, since a large one takes several writes.
    turn: Mutex<()>,
}

/// The receiving half.
pub(super) struct Receiver {
    socket: Arc<AsyncFd<OwnedFd>>,
    bytes: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

/// Takes over one end of a socket pair. Must be called within a tokio runtime.
pub(super) fn open(socket: OwnedFd) -> io::Result<(Sender, Receiver)> {
    rustix::io::ioctl_fionbio(&socket, true)?;
    #[allow(unsafe_code)]
    // SAFETY: an `OwnedFd` names one open descriptor all its life, and it is moved into the
    // registration, which alone closes it.
    let socket = Arc::new(unsafe { AsyncFd::register(socket) }?);
    let sender = Sender {
        socket: Arc::clone(&socket),
        turn: Mutex::new(()),
    };
    Ok((
        sender,
        Receiver {
            socket,
            bytes: Vec::new(),
            descriptors: VecDeque::new(),
        },
    ))
}

/// The bytes of a frame.
pub(super) fn encode<T: Serialize>(body: &T, descriptors: usize) -> io::Result<Vec<u8>> {
    if descriptors > MAXIMUM_DESCRIPTORS {
        return Err(io::Error::other("too many descriptors in one frame"));
    }
    let mut frame = vec![0; HEADER];
    serde_json::to_writer(&mut frame, body)?;
    let length = frame.len() - HEADER;
    if length > MAXIMUM_BODY {
        let message = format!(
            "{length} bytes of arguments and environment; at most {MAXIMUM_BODY} are possible"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    frame[..4].copy_from_slice(&(length as u32).to_be_bytes());
    frame[4] = descriptors as u8;
    Ok(frame)
}

impl Sender {
    /// Sends one frame whole.
    pub(super) async fn send<T: Serialize>(
        &self,
        body: &T,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let frame = encode(body, descriptors.len())?;
        let _turn = self.turn.lock().await;
        let mut sent = 0;
        while sent < frame.len() {
            // The descriptors travel with the first byte.
            let attached = if sent == 0 { descriptors } else { &[] };
            let rest = &frame[sent..];
            sent += self
                .socket
                .async_io(Interest::WRITABLE, |socket| {
                    send_some(socket.as_fd(), rest, attached)
                })
                .await?;
        }
        Ok(())
    }

    /// Tells the peer that nothing more comes, and that nothing more is read.
    pub(super) fn close(&self) {
        // It fails only if the peer has gone already.
        let _ = rustix::net::shutdown(self.socket.get_ref(), rustix::net::Shutdown::Both);
    }
}

/// Passes one descriptor over a socket that blocks.
pub(super) fn pass(socket: BorrowedFd<'_>, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    send_some(socket, &[0], &[descriptor]).map(drop)
}

/// Takes what [`pass`] passed; nothing where the other end was closed instead.
pub(super) fn take(socket: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let mut descriptors = VecDeque::new();
    receive_some(socket, &mut [0], &mut descriptors)?;
    Ok(descriptors.pop_front())
}

fn send_some(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    attached: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); ANCILLARY_SPACE];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !attached.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(attached)) {
        return Err(io::Error::other("too many descriptors in one frame"));
    }
    #[cfg(target_os = "linux")]
    let flags = SendFlags::NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = SendFlags::empty();
    Ok(rustix::net::sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut ancillary,
        flags,
    )?)
}

impl Receiver {
    /// The next frame with its descriptors; nothing after the peer has closed.
    pub(super) async fn receive<T: DeserializeOwned>(
        &mut self,
    ) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        loop {
            if let Some((body, count)) = self.take_frame()? {
                if self.descriptors.len() < count {
                    return Err(io::Error::other("a frame lacks its descriptors"));
                }
                return Ok(Some((
                    serde_json::from_slice(&body)?,
                    self.descriptors.drain(..count).collect(),
                )));
            }
            if self.read_some().await? == 0 {
                return Ok(None);
            }
        }
    }

    fn take_frame(&mut self) -> io::Result<Option<(Vec<u8>, usize)>> {
        let Some((header, rest)) = self.bytes.split_at_checked(HEADER) else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        if length > MAXIMUM_BODY {
            return Err(io::Error::other("a frame is too long"));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let (count, body) = (usize::from(header[4]), rest[..length].to_vec());
        self.bytes.drain(..HEADER + length);
        Ok(Some((body, count)))
    }

    async fn read_some(&mut self) -> io::Result<usize> {
        let Self {
            socket,
            bytes,
            descriptors,
        } = self;
        socket
            .async_io(Interest::READABLE, |socket| {
                let mut chunk = [0; 16 << 10];
                let length = receive_some(socket.as_fd(), &mut chunk, descriptors)?;
                bytes.extend_from_slice(&chunk[..length]);
                Ok(length)
            })
            .await
    }
}

fn receive_some(
    socket: BorrowedFd<'_>,
    chunk: &mut [u8],
    descriptors: &mut VecDeque<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); ANCILLARY_SPACE];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    #[cfg(target_os = "linux")]
    let flags = RecvFlags::CMSG_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = RecvFlags::empty();
    let mut places = [IoSliceMut::new(chunk)];
    let received = match rustix::net::recvmsg(socket, &mut places, &mut ancillary, flags) {
        Ok(received) => received,
        // A killed peer counts as a closed one.
        Err(rustix::io::Errno::CONNRESET) => return Ok(0),
        Err(errno) => return Err(errno.into()),
    };
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            for descriptor in received {
                #[cfg(not(target_os = "linux"))]
                rustix::io::fcntl_setfd(&descriptor, rustix::io::FdFlags::CLOEXEC)?;
                descriptors.push_back(descriptor);
            }
        }
    }
    Ok(received.bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn large_frames_arrive_whole_with_their_own_descriptors() {
        let (left, right) = UnixStream::pair().unwrap();
        let (sender, _) = open(left.into()).unwrap();
        let (_, mut receiver) = open(right.into()).unwrap();
        let large = "x".repeat(3 << 20);
        let (mut reader, writer) = std::io::pipe().unwrap();
        let sending = async {
            sender.send(&large, &[]).await.unwrap();
            sender.send(&"small", &[writer.as_fd()]).await.unwrap();
        };
        let receiving = async {
            let first = receiver.receive::<String>().await.unwrap().unwrap();
            let second = receiver.receive::<String>().await.unwrap().unwrap();
            (first, second)
        };
        let ((), (first, mut second)) = tokio::join!(sending, receiving);
        assert_eq!(first.0.len(), large.len());
        assert_eq!(first.1.len(), 0);
        assert_eq!(second.0, "small");
        let mut passed = File::from(second.1.remove(0));
        passed.write_all(b"hello").unwrap();
        drop((passed, writer));
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
    }

    #[tokio::test]
    async fn a_closed_peer_is_the_end_and_no_error() {
        let (left, right) = UnixStream::pair().unwrap();
        let (_, mut receiver) = open(right.into()).unwrap();
        drop(left);
        assert!(receiver.receive::<String>().await.unwrap().is_none());
    }
}
