//! Talking to the kernel's tables by netlink: messages, attributes, answers.
//!
//! No crate that is well kept and permissively licensed speaks nftables without a C library, and what
//! is needed here is a page.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketType};

const ERROR: u16 = 2;
const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;
/// Makes what is not there.
pub(in crate::runtime::container) const CREATE: u16 = 0x400;
/// Of rules: behind those that are there.
pub(in crate::runtime::container) const APPEND: u16 = 0x800;
const NESTED: u16 = 0x8000;
const ALIGNMENT: usize = 4;

/// A socket to one of the kernel's tables. Without a protocol: links, addresses and routes.
pub(in crate::runtime::container) fn open(protocol: Option<Protocol>) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, protocol)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0))?;
    Ok(socket)
}

/// The body of a message: a fixed part and attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::runtime::container) struct Body(pub(in crate::runtime::container) Vec<u8>);

impl Body {
    /// Begins with the fixed part.
    pub(in crate::runtime::container) fn new(fixed: &[u8]) -> Self {
        Self(fixed.to_vec())
    }

    /// Adds an attribute.
    pub(in crate::runtime::container) fn put(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.0.extend((4 + value.len() as u16).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(ALIGNMENT), 0);
        self
    }

    /// Adds a text, which ends with a zero.
    pub(in crate::runtime::container) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.put(kind, &bytes)
    }

    /// Adds a number as the packet filter wants it.
    pub(in crate::runtime::container) fn number(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put(kind, &value.to_be_bytes())
    }

    /// Adds an attribute made of attributes.
    pub(in crate::runtime::container) fn nest(
        &mut self,
        kind: u16,
        fill: impl FnOnce(&mut Self),
    ) -> &mut Self {
        let mut inner = Self::default();
        fill(&mut inner);
        self.put(kind | NESTED, &inner.0)
    }
}

/// Adds a message that is to be acknowledged.
pub(in crate::runtime::container) fn message(
    batch: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    body: &Body,
) {
    write(batch, kind, REQUEST | ACKNOWLEDGE | flags, body);
}

/// Adds a message that is not answered: the begin and the end of a batch.
pub(in crate::runtime::container) fn bare_message(batch: &mut Vec<u8>, kind: u16, body: &Body) {
    write(batch, kind, REQUEST, body);
}

fn write(batch: &mut Vec<u8>, kind: u16, flags: u16, body: &Body) {
    batch.extend((16 + body.0.len() as u32).to_ne_bytes());
    batch.extend(kind.to_ne_bytes());
    batch.extend(flags.to_ne_bytes());
    batch.extend([0; 8]);
    batch.extend(&body.0);
}

/// Sends messages and reads all answers. The kernel has done its work when sending returns.
pub(in crate::runtime::container) fn send(socket: &OwnedFd, batch: &[u8]) -> io::Result<()> {
    rustix::net::send(socket, batch, SendFlags::empty())?;
    let mut answers = 0;
    let mut buffer = [0; 8 << 10];
    loop {
        match rustix::net::recv(socket, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((_, length)) => answers += parse(&buffer[..length])?,
            Err(rustix::io::Errno::AGAIN) if answers > 0 => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// How many acknowledgements there are; or the first error. An acknowledgement is an error with the
/// number 0.
fn parse(mut answers: &[u8]) -> io::Result<usize> {
    let mut count = 0;
    while let Some((length, _)) = answers.split_first_chunk::<4>() {
        let length = u32::from_ne_bytes(*length) as usize;
        let one = answers.get(..length).unwrap_or(answers);
        let (Some(kind), Some(number)) = (one.get(4..6), one.get(16..20)) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        if kind != ERROR.to_ne_bytes() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match i32::from_ne_bytes([number[0], number[1], number[2], number[3]]) {
            0 => count += 1,
            // The smallest number has no counterpart; the kernel never says it, and it is no known error either.
            negative => return Err(io::Error::from_raw_os_error(negative.saturating_neg())),
        }
        let next = length.next_multiple_of(ALIGNMENT).min(answers.len());
        answers = &answers[next..];
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_aligned_and_nested() {
        let mut body = Body::new(&[9; 4]);
        body.text(1, "ab").nest(2, |inner| {
            inner.number(3, 7);
        });
        let mut expected = vec![9, 9, 9, 9];
        expected.extend(7u16.to_ne_bytes());
        expected.extend(1u16.to_ne_bytes());
        expected.extend(*b"ab\0\0");
        expected.extend(12u16.to_ne_bytes());
        expected.extend(0x8002u16.to_ne_bytes());
        expected.extend(8u16.to_ne_bytes());
        expected.extend(3u16.to_ne_bytes());
        expected.extend([0, 0, 0, 7]);
        assert_eq!(body.0, expected);
    }

    fn answer(errno: i32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut body = (-errno).to_ne_bytes().to_vec();
        body.extend([0; 16]);
        write(&mut bytes, ERROR, 0, &Body(body));
        bytes
    }

    #[test]
    fn the_first_error_of_several_answers_is_told() {
        let answers = [answer(0), answer(0)].concat();
        assert_eq!(parse(&answers).unwrap(), 2);
        let answers = [answer(0), answer(95), answer(1)].concat();
        assert_eq!(parse(&answers).unwrap_err().raw_os_error(), Some(95));
        assert!(parse(&[1, 2, 3, 4, 5]).is_err());
        let mut worst = answer(1);
        worst[16..20].copy_from_slice(&i32::MIN.to_ne_bytes());
        assert!(parse(&worst).is_err());
    }
}
