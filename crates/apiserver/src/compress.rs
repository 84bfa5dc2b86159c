//! gzip for large replies, as upstream: only where the client asks, and never for a watch, whose
//! events must not wait in a buffer.

use std::io::Write as _;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;

/// Replies below this are not worth it, in bytes (upstream's threshold).
const THRESHOLD: u64 = 128 << 10;

pub(crate) async fn compress(request: Request, next: Next) -> Response {
    let asked = accepts(request.headers());
    let response = next.run(request).await;
    // Only bodies of known length: a stream has none.
    match response.body().size_hint().exact() {
        Some(length) if asked && length >= THRESHOLD => shrink(response).await,
        _ => response,
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

async fn shrink(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(collected) = body.collect().await else {
        return crate::failure::Failure::internal("a reply could not be read").into();
    };
    let plain = collected.to_bytes();
    let source = plain.clone();
    let shrunk = tokio::task::spawn_blocking(move || {
        let mut encoder = GzEncoder::new(Vec::with_capacity(source.len() / 8), Compression::fast());
        encoder.write_all(&source)?;
        encoder.finish()
    })
    .await;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
        .headers
        .insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    match shrunk {
        Ok(Ok(shrunk)) => {
            parts
                .headers
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Response::from_parts(parts, Body::from(shrunk))
        }
        _ => Response::from_parts(parts, Body::from(plain)),
    }
}
