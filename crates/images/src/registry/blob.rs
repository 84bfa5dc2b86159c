//! Content: reading, by ranges too, and deleting.

use std::io::SeekFrom;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::{Code, Failure, Registry, respond};
use crate::Digest;

/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

pub(super) async fn get(
    registry: &Registry,
    digest: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let digest = parse(digest)?;
    let unknown = || Failure::new(Code::BlobUnknown, format!("blob {digest} is not here"));
    let size = registry.store.blobs().size(&digest).ok_or_else(unknown)?;
    let asked = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    let (status, start, length) = match asked.map(|range| parse_range(range, size)) {
        None | Some(Range::Whole) => (StatusCode::OK, 0, size),
        Some(Range::Part { start, length }) => (StatusCode::PARTIAL_CONTENT, start, length),
        Some(Range::Outside) => {
            return Ok(respond(
                StatusCode::RANGE_NOT_SATISFIABLE,
                &[("content-range", format!("bytes */{size}"))],
            ));
        }
    };
    let mut fields = vec![
        ("content-type", "application/octet-stream".to_owned()),
        ("content-length", length.to_string()),
        ("docker-content-digest", digest.to_string()),
        ("etag", format!("\"{digest}\"")),
        ("accept-ranges", "bytes".to_owned()),
    ];
    if status == StatusCode::PARTIAL_CONTENT {
        fields.push((
            "content-range",
            format!("bytes {start}-{}/{size}", start + length - 1),
        ));
    }
    let mut response = respond(status, &fields);
    if method == Method::GET {
        let mut file = tokio::fs::File::open(registry.store.blobs().path(&digest))
            .await
            .map_err(|_| unknown())?;
        file.seek(SeekFrom::Start(start))
            .await
            .map_err(|_| unknown())?;
        *response.body_mut() =
            Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK));
    }
    Ok(response)
}

pub(super) fn delete(registry: &Registry, digest: &str) -> Result<Response, Failure> {
    let digest = parse(digest)?;
    let removed = registry.store.blobs().remove(&digest);
    removed.map_err(|error| Failure::new(Code::BlobUnknown, error.to_string()))?;
    Ok(respond(StatusCode::ACCEPTED, &[]))
}

pub(super) fn parse(digest: &str) -> Result<Digest, Failure> {
    digest
        .parse()
        .map_err(|error| Failure::new(Code::DigestInvalid, format!("{error}")))
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// Not a range that is understood: everything is sent, as RFC 9110 wants it.
    Whole,
    Part {
        start: u64,
        length: u64,
    },
    Outside,
}

/// `bytes=first-last`, `bytes=first-`, `bytes=-count`.
fn parse_range(text: &str, size: u64) -> Range {
    let Some((first, last)) = text
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Range::Whole;
    };
    let part = |start: u64, end: u64| {
        let end = end.min(size);
        if start < end {
            Range::Part {
                start,
                length: end - start,
            }
        } else {
            Range::Outside
        }
    };
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => part(first, last.saturating_add(1)),
        (Ok(first), Err(_)) if last.is_empty() => part(first, size),
        (Err(_), Ok(count)) if first.is_empty() => part(size.saturating_sub(count), size),
        _ => Range::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_content() {
        let part = |start, length| Range::Part { start, length };
        assert_eq!(parse_range("bytes=0-3", 10), part(0, 4));
        assert_eq!(parse_range("bytes=8-99", 10), part(8, 2));
        assert_eq!(parse_range("bytes=4-", 10), part(4, 6));
        assert_eq!(parse_range("bytes=-3", 10), part(7, 3));
        assert_eq!(parse_range("bytes=10-", 10), Range::Outside);
        assert_eq!(parse_range("bytes=5-2", 10), Range::Whole);
        assert_eq!(parse_range("lines=1-2", 10), Range::Whole);
    }
}
