//! Frames: from bytes to messages, and back.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// The largest message that is taken, in bytes. Clients send a few dozen KiB at a time.
const LARGEST: u64 = 16 << 20;

/// Control frames carry no more, by the RFC.
const LARGEST_CONTROL: u64 = 125;

/// What came from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole message, text or binary.
    Message(Bytes),
    /// A question that is to be answered with the same bytes.
    Ping(Bytes),
    /// An answer.
    Pong,
    /// The client wants to end; the code it gives.
    Close(Option<u16>),
}

/// How a client broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Reserved bits are set, though no extension was agreed on.
    #[error("a frame has reserved bits set")]
    Reserved,
    /// An opcode that the RFC does not know.
    #[error("a frame has the unknown opcode {0}")]
    Opcode(u8),
    /// Clients must mask what they send.
    #[error("a frame of a client is not masked")]
    Unmasked,
    /// A control frame is too long or in parts.
    #[error("a control frame is too long or in parts")]
    Control,
    /// A message is larger than what is taken.
    #[error("a message is larger than {LARGEST} bytes")]
    TooLarge,
    /// A part of a message where none was begun, or a new one within another.
    #[error("the parts of a message are out of order")]
    Order,
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Puts messages together from the bytes of a client.
///
/// Guarantees: any bytes give events or an error, never a panic; after an error there is nothing but
/// that error; no more is held than one message and what was pushed last.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: BytesMut,
    /// The parts so far of a message that is not whole yet.
    parts: Option<BytesMut>,
    broken: Option<Error>,
}

struct Header {
    last: bool,
    opcode: u8,
    mask: [u8; 4],
    length: usize,
    /// Its own length.
    size: usize,
}

impl Decoder {
    /// Takes in bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// The next event, as far as its bytes are there.
    ///
    /// # Errors
    /// How the client broke the protocol.
    #[expect(
        clippy::should_implement_trait,
        reason = "what is not there yet is no end"
    )]
    pub fn next(&mut self) -> Result<Option<Event>, Error> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let next = self.try_next();
        if let Err(error) = next {
            self.broken = Some(error);
            self.bytes = BytesMut::new();
            self.parts = None;
        }
        next
    }

    fn try_next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            if self.bytes.len() - header.size < header.length {
                return Ok(None);
            }
            self.bytes.advance(header.size);
            let mut payload = self.bytes.split_to(header.length);
            for (byte, mask) in payload.iter_mut().zip(header.mask.iter().cycle()) {
                *byte ^= mask;
            }
            if let Some(event) = self.take(&header, payload)? {
                return Ok(Some(event));
            }
        }
    }

    /// The header of the next frame, checked before its payload is waited for.
    fn header(&self) -> Result<Option<Header>, Error> {
        let bytes = &self.bytes[..];
        let (Some(&first), Some(&second)) = (bytes.first(), bytes.get(1)) else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(Error::Reserved);
        }
        let (opcode, last) = (first & 0x0f, first & 0x80 != 0);
        if !matches!(opcode, CONTINUATION..=BINARY | CLOSE..=PONG) {
            return Err(Error::Opcode(opcode));
        }
        if second & 0x80 == 0 {
            return Err(Error::Unmasked);
        }
        let (length, size) = match second & 0x7f {
            126 => match bytes.get(2..4) {
                Some(mut length) => (u64::from(length.get_u16()), 4),
                None => return Ok(None),
            },
            127 => match bytes.get(2..10) {
                Some(mut length) => (length.get_u64(), 10),
                None => return Ok(None),
            },
            length => (u64::from(length), 2),
        };
        if opcode >= CLOSE && (!last || length > LARGEST_CONTROL) {
            return Err(Error::Control);
        }
        let before = self.parts.as_ref().map_or(0, BytesMut::len) as u64;
        if length.saturating_add(before) > LARGEST {
            return Err(Error::TooLarge);
        }
        let Some(mask) = bytes.get(size..size + 4) else {
            return Ok(None);
        };
        Ok(Some(Header {
            last,
            opcode,
            mask: [mask[0], mask[1], mask[2], mask[3]],
            length: length as usize,
            size: size + 4,
        }))
    }

    fn take(&mut self, header: &Header, payload: BytesMut) -> Result<Option<Event>, Error> {
        match header.opcode {
            CLOSE => {
                let code = payload.get(..2).map(|mut code| code.get_u16());
                return Ok(Some(Event::Close(code)));
            }
            PING => return Ok(Some(Event::Ping(payload.freeze()))),
            PONG => return Ok(Some(Event::Pong)),
            _ => {}
        }
        let whole = match (header.opcode, self.parts.take()) {
            (CONTINUATION, Some(mut parts)) => {
                parts.extend_from_slice(&payload);
                parts
            }
            (TEXT | BINARY, None) => payload,
            _ => return Err(Error::Order),
        };
        if header.last {
            return Ok(Some(Event::Message(whole.freeze())));
        }
        self.parts = Some(whole);
        Ok(None)
    }
}

/// What a server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
    Pong,
    Close,
}

/// One unmasked frame, as servers send them; `parts` are its payload.
pub(super) fn encode(kind: Kind, parts: &[&[u8]]) -> Bytes {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut frame = BytesMut::with_capacity(length + 10);
    frame.put_u8(match kind {
        Kind::Text => 0x80 | TEXT,
        Kind::Binary => 0x80 | BINARY,
        Kind::Pong => 0x80 | PONG,
        Kind::Close => 0x80 | CLOSE,
    });
    match length {
        0..=125 => frame.put_u8(length as u8),
        126..=0xffff => {
            frame.put_u8(126);
            frame.put_u16(length as u16);
        }
        _ => {
            frame.put_u8(127);
            frame.put_u64(length as u64);
        }
    }
    for part in parts {
        frame.extend_from_slice(part);
    }
    frame.freeze()
}

#[cfg(test)]
mod tests;
