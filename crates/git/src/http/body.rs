//! Request bodies, compressed or not, as a stream.

use std::io::Write as _;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use flate2::write::GzDecoder;
use futures::StreamExt as _;

/// Compressed bytes are expanded in pieces this small, so that even a bomb (a thousandfold) stays
/// under eight megabytes of memory at a time.
const PIECE: usize = 8 << 10;

/// The bytes of a request's body as the client meant them.
pub(super) struct Decoded {
    stream: BodyDataStream,
    gzip: Option<GzDecoder<Vec<u8>>>,
    /// Compressed bytes that were received and not yet expanded.
    waiting: Bytes,
}

impl Decoded {
    /// # Errors
    /// The encoding's name where it is not understood.
    pub(super) fn new(body: Body, encoding: Option<&str>) -> Result<Self, String> {
        let gzip = match encoding {
            None | Some("identity" | "") => None,
            Some("gzip" | "x-gzip") => Some(GzDecoder::new(Vec::new())),
            Some(other) => return Err(other.to_owned()),
        };
        Ok(Self {
            stream: body.into_data_stream(),
            gzip,
            waiting: Bytes::new(),
        })
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// Where the client hung up or the compression is damaged.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        loop {
            if self.waiting.is_empty() {
                match self.stream.next().await? {
                    Ok(bytes) => self.waiting = bytes,
                    Err(error) => return Some(Err(std::io::Error::other(error))),
                }
            }
            let Some(gzip) = &mut self.gzip else {
                return Some(Ok(std::mem::take(&mut self.waiting)));
            };
            let piece = self.waiting.split_to(self.waiting.len().min(PIECE));
            if let Err(error) = gzip.write_all(&piece).and_then(|()| gzip.flush()) {
                return Some(Err(error));
            }
            let expanded = std::mem::take(gzip.get_mut());
            if !expanded.is_empty() {
                return Some(Ok(expanded.into()));
            }
        }
    }
}
