//! gzip for large replies, as upstream: only where the client asks, and never for a watch, whose
//! events must not wait in a buffer. Pieces of a reply are compressed side by side on all processors, and leave in
//! order as one file.

use std::io::Write as _;
use std::num::NonZero;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use futures::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;

/// Replies below this are not worth it, in bytes (upstream's threshold).
const THRESHOLD: u64 = 128 << 10;

/// How much is compressed at a time, at the least: below it too little is known of what repeats.
const PIECE: usize = 256 << 10;

/// The beginning of a file of gzip without a name or a time, made by an unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The end of compressed data: a last block with nothing in it.
const LAST: [u8; 2] = [3, 0];

/// Marks a reply of unknown length that is long and has an end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Long;

pub(crate) async fn compress(request: Request, next: Next) -> Response {
    let asked = accepts(request.headers());
    let response = next.run(request).await;
    // A stream has no known length, and is a watch unless somebody says otherwise.
    let worth_it = match response.body().size_hint().exact() {
        Some(length) => length >= THRESHOLD,
        None => response.extensions().get::<Long>().is_some(),
    };
    if asked && worth_it {
        shrink(response)
    } else {
        response
    }
}

fn accepts(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    values.filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|encoding| {
            let mut parts = encoding.split(';').map(str::trim);
            parts.next() == Some("gzip") && parts.next() != Some("q=0")
        })
    })
}

fn shrink(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
        .headers
        .insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    parts
        .headers
        .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let shrunk = file(body.into_data_stream());
    Response::from_parts(parts, Body::from_stream(shrunk))
}

/// A part of the file, and what it was made of.
struct Part {
    compressed: Vec<u8>,
    crc: Crc,
}

fn part(plain: &[u8]) -> Result<Part, axum::Error> {
    let mut crc = Crc::new();
    crc.update(plain);
    let room = Vec::with_capacity(plain.len() / 8);
    let mut encoder = DeflateEncoder::new(room, Compression::fast());
    encoder.write_all(plain).map_err(axum::Error::new)?;
    // Ends at a byte, so that another part can follow, and does not say that it is the last.
    encoder.flush().map_err(axum::Error::new)?;
    let compressed = std::mem::take(encoder.get_mut());
    Ok(Part { compressed, crc })
}

/// The file that plain text becomes.
fn file(
    plain: impl Stream<Item = Result<Bytes, axum::Error>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send {
    let at_a_time = 2 * std::thread::available_parallelism().map_or(1, NonZero::get);
    let parts = joined(plain)
        .map(|plain| async move {
            let plain = plain?;
            let made = tokio::task::spawn_blocking(move || part(&plain)).await;
            made.map_err(axum::Error::new)?
        })
        .buffered(at_a_time);
    let ended = parts.map(Some).chain(stream::iter([None]));
    let written = ended.scan(Crc::new(), |whole, part| {
        let written = match part {
            Some(Ok(part)) => {
                whole.combine(&part.crc);
                Ok(part.compressed.into())
            }
            Some(Err(error)) => Err(error),
            None => {
                let (sum, length) = (whole.sum().to_le_bytes(), whole.amount().to_le_bytes());
                Ok(Bytes::from([&LAST[..], &sum, &length].concat()))
            }
        };
        std::future::ready(Some(written))
    });
    stream::iter([Ok(Bytes::from_static(&HEAD))]).chain(written)
}

/// The same bytes in pieces of a good size. After an error there is nothing.
fn joined(
    plain: impl Stream<Item = Result<Bytes, axum::Error>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send {
    stream::unfold(Some(Box::pin(plain)), |plain| async move {
        let mut plain = plain?;
        let mut piece = BytesMut::new();
        while piece.len() < PIECE {
            match plain.next().await {
                Some(Ok(bytes)) if piece.is_empty() && bytes.len() >= PIECE => {
                    return Some((Ok(bytes), Some(plain)));
                }
                Some(Ok(bytes)) => piece.extend_from_slice(&bytes),
                Some(Err(error)) => return Some((Err(error), None)),
                None if piece.is_empty() => return None,
                None => return Some((Ok(piece.freeze()), None)),
            }
        }
        Some((Ok(piece.freeze()), Some(plain)))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    async fn shrunk(sizes: &[usize]) -> (Vec<u8>, Vec<u8>) {
        let filled = |(index, &size): (usize, &usize)| {
            let bytes = (0..size).map(|at| b'a' + ((at / 7 + index) % 20) as u8);
            Bytes::from(bytes.collect::<Vec<u8>>())
        };
        let pieces: Vec<Bytes> = sizes.iter().enumerate().map(filled).collect();
        let plain = pieces.concat();
        let stream = stream::iter(pieces.into_iter().map(Ok));
        let parts: Vec<Bytes> = file(stream).map(Result::unwrap).collect().await;
        (plain, parts.concat())
    }

    #[tokio::test]
    async fn parts_that_were_made_side_by_side_are_one_file() {
        for sizes in [
            &[][..],
            &[1],
            &[PIECE],
            &[3, PIECE - 1, 0, 5 * PIECE, PIECE, 17],
        ] {
            let (plain, shrunk) = shrunk(sizes).await;
            let mut decoder = GzDecoder::new(&shrunk[..]);
            let mut read = Vec::new();
            decoder.read_to_end(&mut read).unwrap();
            assert!(read == plain, "{sizes:?}");
            assert!(decoder.into_inner().is_empty(), "{sizes:?}");
            assert!(shrunk.len() < 40 + plain.len() / 10, "{sizes:?}");
        }
    }

    #[tokio::test]
    async fn what_breaks_off_is_no_whole_file() {
        let broken = [Ok(Bytes::from_static(b"a")), Err(axum::Error::new("gone"))];
        let parts: Vec<_> = file(stream::iter(broken)).collect().await;
        assert!(parts.iter().any(Result::is_err));
    }
}
