//! Uploads: in one request, in chunks, or by naming content that is here already.

use std::io::Write as _;
use std::sync::PoisonError;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures::StreamExt as _;

use super::{Code, Failure, Parameters, Registry, blob, respond};
use crate::Digest;
use crate::digest::Hashing;

/// A half-received blob.
pub(super) type Upload = Hashing<tempfile::NamedTempFile>;

pub(super) async fn start(
    registry: &Registry,
    name: &str,
    query: &Parameters,
    body: Body,
) -> Result<Response, Failure> {
    if let Some(mounted) = query
        .get("mount")
        .and_then(|digest| digest.parse::<Digest>().ok())
        && registry.store.blobs().size(&mounted).is_some()
    {
        return Ok(created(name, &mounted));
    }
    let upload = registry.store.blobs().draft()?;
    if let Some(digest) = query.get("digest") {
        let wanted = blob::parse(digest)?;
        let upload = receive(upload, body).await?;
        return complete(registry, name, upload, &wanted);
    }
    let id = registry.random.uuid();
    registry.put_back(&id, upload);
    Ok(accepted(name, &id, 0))
}

pub(super) fn progress(registry: &Registry, name: &str, id: &str) -> Result<Response, Failure> {
    let uploads = registry
        .uploads
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let count = uploads.get(id).ok_or_else(unknown)?.count;
    let mut response = accepted(name, id, count);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

pub(super) async fn patch(
    registry: &Registry,
    name: &str,
    id: &str,
    request: Request,
) -> Result<Response, Failure> {
    let upload = registry.take(id)?;
    let range = request
        .headers()
        .get(header::CONTENT_RANGE)
        .and_then(|range| range.to_str().ok());
    let start = range.and_then(|range| {
        range
            .trim_start_matches("bytes ")
            .split_once('-')?
            .0
            .parse::<u64>()
            .ok()
    });
    if range.is_some() && start != Some(upload.count) {
        let message = format!("the next chunk must start at byte {}", upload.count);
        registry.put_back(id, upload);
        return Err(Failure::new(Code::RangeInvalid, message));
    }
    // A chunk that breaks off ends the session: what of it arrived is not known to the client.
    let upload = receive(upload, request.into_body()).await?;
    let count = upload.count;
    registry.put_back(id, upload);
    Ok(accepted(name, id, count))
}

pub(super) async fn finish(
    registry: &Registry,
    name: &str,
    id: &str,
    query: &Parameters,
    body: Body,
) -> Result<Response, Failure> {
    let digest = query
        .get("digest")
        .ok_or_else(|| Failure::new(Code::DigestInvalid, "the parameter `digest` is missing"))?;
    let wanted = blob::parse(digest)?;
    let upload = receive(registry.take(id)?, body).await?;
    complete(registry, name, upload, &wanted)
}

pub(super) fn cancel(registry: &Registry, id: &str) -> Result<Response, Failure> {
    registry.take(id)?;
    Ok(respond(StatusCode::NO_CONTENT, &[]))
}

impl Registry {
    /// Takes an upload out, so that no second request writes to it meanwhile.
    fn take(&self, id: &str) -> Result<Upload, Failure> {
        self.uploads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id)
            .ok_or_else(unknown)
    }

    fn put_back(&self, id: &str, upload: Upload) {
        self.uploads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.to_owned(), upload);
    }
}

fn unknown() -> Failure {
    Failure::new(
        Code::BlobUploadUnknown,
        "there is no such upload, or another request is writing to it",
    )
}

async fn receive(mut upload: Upload, body: Body) -> Result<Upload, Failure> {
    let mut stream = body.into_data_stream();
    while let Some(bytes) = stream.next().await {
        let bytes =
            bytes.map_err(|error| Failure::new(Code::BlobUploadInvalid, error.to_string()))?;
        // Into the page cache: faster than handing it to another thread.
        upload.write_all(&bytes).map_err(|error| {
            Failure::new(Code::Unknown, format!("cannot keep the upload: {error}"))
        })?;
    }
    Ok(upload)
}

fn complete(
    registry: &Registry,
    name: &str,
    upload: Upload,
    wanted: &Digest,
) -> Result<Response, Failure> {
    let actual = Digest::from_hasher(upload.hasher.clone());
    if actual != *wanted {
        return Err(Failure::new(
            Code::DigestInvalid,
            format!("the content's digest is {actual}, not {wanted}"),
        ));
    }
    registry.store.blobs().keep(upload)?;
    Ok(created(name, wanted))
}

fn created(name: &str, digest: &Digest) -> Response {
    respond(
        StatusCode::CREATED,
        &[
            ("location", format!("/v2/{name}/blobs/{digest}")),
            ("docker-content-digest", digest.to_string()),
        ],
    )
}

fn accepted(name: &str, id: &str, count: u64) -> Response {
    respond(
        StatusCode::ACCEPTED,
        &[
            ("location", format!("/v2/{name}/blobs/uploads/{id}")),
            ("range", format!("0-{}", count.saturating_sub(1))),
            ("docker-upload-uuid", id.to_owned()),
        ],
    )
}
