//! Frames: from bytes to what they say, and back.

use std::collections::BTreeMap;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::header::{Inflater, empty_block};

/// The largest control frame that is taken, in bytes.
const LARGEST_CONTROL: usize = 64 << 10;

/// The version that every control frame names.
const VERSION: u16 = 3;

const FIN: u8 = 1;

/// What came from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A stream begins.
    SynStream {
        /// Its number.
        id: u32,
        /// What it is for.
        headers: BTreeMap<String, String>,
        /// Whether the client sends nothing on it.
        last: bool,
    },
    /// Bytes of a stream. A large frame comes in pieces.
    Data {
        /// The stream's number.
        id: u32,
        /// The bytes.
        bytes: Bytes,
        /// Whether the client sends no more on it.
        last: bool,
    },
    /// A stream is given up.
    Reset {
        /// The stream's number.
        id: u32,
    },
    /// More headers of a stream; clients use it to end one.
    Headers {
        /// The stream's number.
        id: u32,
        /// Whether the client sends no more on it.
        last: bool,
    },
    /// A question that is to be answered with the same number.
    Ping(u32),
    /// The client begins no more streams.
    GoAway,
}

/// How a client broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another version than 3.
    #[error("a frame is of SPDY version {0}")]
    Version(u16),
    /// A control frame is too long, or too short for what it says.
    #[error("a control frame of type {0} has a wrong length")]
    Length(u16),
    /// Headers cannot be read.
    #[error("a header block cannot be read")]
    Headers,
    /// The number 0 is no stream's.
    #[error("a frame is about stream 0")]
    StreamZero,
}

/// Reads frames from the bytes of a client.
///
/// Guarantees: any bytes give frames or an error, never a panic; after an error there is nothing but
/// that error; no more is held than one control frame and what was pushed last.
#[derive(Debug)]
pub struct Decoder {
    bytes: BytesMut,
    /// The data frame whose bytes are coming.
    data: Option<Data>,
    inflater: Inflater,
    broken: Option<Error>,
}

#[derive(Debug, Clone, Copy)]
struct Data {
    id: u32,
    left: usize,
    last: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            bytes: BytesMut::new(),
            data: None,
            inflater: Inflater::new(),
            broken: None,
        }
    }
}

impl Decoder {
    /// Takes in bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// The next frame, as far as its bytes are there.
    ///
    /// # Errors
    /// How the client broke the protocol.
    #[expect(
        clippy::should_implement_trait,
        reason = "what is not there yet is no end"
    )]
    pub fn next(&mut self) -> Result<Option<Frame>, Error> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let next = self.try_next();
        if let Err(error) = next {
            self.broken = Some(error);
            self.bytes = BytesMut::new();
        }
        next
    }

    fn try_next(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            if let Some(data) = self.data {
                return Ok(self.piece(data));
            }
            let Some(header) = self.bytes.get(..8) else {
                return Ok(None);
            };
            let first = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
            let flags = header[4];
            let length = u32::from_be_bytes([0, header[5], header[6], header[7]]) as usize;
            if first & 0x8000_0000 == 0 {
                if first == 0 {
                    return Err(Error::StreamZero);
                }
                self.bytes.advance(8);
                self.data = Some(Data {
                    id: first,
                    left: length,
                    last: flags & FIN != 0,
                });
                continue;
            }
            let (version, kind) = ((first >> 16) as u16 & 0x7fff, first as u16);
            if version != VERSION {
                return Err(Error::Version(version));
            }
            if length > LARGEST_CONTROL {
                return Err(Error::Length(kind));
            }
            if self.bytes.len() < 8 + length {
                return Ok(None);
            }
            self.bytes.advance(8);
            let body = self.bytes.split_to(length);
            if let Some(frame) = self.control(kind, flags, &body)? {
                return Ok(Some(frame));
            }
        }
    }

    /// What is there of a data frame.
    fn piece(&mut self, data: Data) -> Option<Frame> {
        if self.bytes.is_empty() && data.left > 0 {
            return None;
        }
        let bytes = self
            .bytes
            .split_to(data.left.min(self.bytes.len()))
            .freeze();
        let left = data.left - bytes.len();
        self.data = (left > 0).then_some(Data { left, ..data });
        Some(Frame::Data {
            id: data.id,
            bytes,
            last: data.last && left == 0,
        })
    }

    fn control(&mut self, kind: u16, flags: u8, body: &[u8]) -> Result<Option<Frame>, Error> {
        let short = Error::Length(kind);
        let number = |body: &mut &[u8]| body.try_get_u32().map_err(|_| short);
        let stream = |body: &mut &[u8]| match number(body)? & 0x7fff_ffff {
            0 => Err(Error::StreamZero),
            id => Ok(id),
        };
        let mut body = body;
        let last = flags & FIN != 0;
        Ok(Some(match kind {
            1 => {
                let id = stream(&mut body)?;
                // The associated stream, the priority and the slot say nothing here.
                let block = body.get(6..).ok_or(short)?;
                let headers = self.inflater.read(block)?;
                Frame::SynStream { id, headers, last }
            }
            // Both ends share one state of compression, so even what is not of interest is read.
            2 | 8 => {
                let id = stream(&mut body)?;
                self.inflater.read(body)?;
                Frame::Headers { id, last }
            }
            3 => Frame::Reset {
                id: stream(&mut body)?,
            },
            6 => Frame::Ping(number(&mut body)?),
            7 => Frame::GoAway,
            // Settings, window updates, and what the protocol may add: nothing follows from them.
            _ => return Ok(None),
        }))
    }
}

fn control(kind: u16, flags: u8, body: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(8 + body.len());
    frame.put_u16(0x8000 | VERSION);
    frame.put_u16(kind);
    frame.put_u32((u32::from(flags) << 24) | body.len() as u32);
    frame.extend_from_slice(body);
    frame.freeze()
}

/// Accepts a stream. `first` for the first one of the connection.
pub(super) fn reply(id: u32, first: bool) -> Bytes {
    let mut body = BytesMut::new();
    body.put_u32(id);
    body.extend_from_slice(&empty_block(first));
    control(2, 0, &body)
}

/// Refuses or gives up a stream.
pub(super) fn reset(id: u32, status: u32) -> Bytes {
    let mut body = BytesMut::new();
    body.put_u32(id);
    body.put_u32(status);
    control(3, 0, &body)
}

/// Answers a ping.
pub(super) fn ping(number: u32) -> Bytes {
    control(6, 0, &number.to_be_bytes())
}

/// Says that no more streams are taken.
pub(super) fn go_away(last: u32) -> Bytes {
    let mut body = BytesMut::new();
    body.put_u32(last);
    body.put_u32(0);
    control(7, 0, &body)
}

/// The header of a data frame, whose bytes follow.
pub(super) fn data(id: u32, length: usize, last: bool) -> [u8; 8] {
    let mut frame = [0; 8];
    frame[..4].copy_from_slice(&id.to_be_bytes());
    frame[4..].copy_from_slice(&(length as u32).to_be_bytes());
    frame[4] = u8::from(last);
    frame
}

#[cfg(test)]
mod tests;
