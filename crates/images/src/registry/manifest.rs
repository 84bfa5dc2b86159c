//! Manifests, tags and lists.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::{Code, Failure, Parameters, Registry, blob, respond};
use crate::Digest;
use crate::image::media;
use crate::reference::check_tag;

/// How long a manifest may be, as in the reference implementation.
const MANIFEST_LIMIT: usize = 4 << 20;

pub(super) fn catalog(registry: &Registry, query: &Parameters) -> Response {
    let (page, next) = page(registry.store.blobs().repositories(), query);
    let link = next.map(|last| {
        format!(
            "</v2/_catalog?last={last}{}>; rel=\"next\"",
            count_parameter(query)
        )
    });
    with_link(Json(json!({ "repositories": page })).into_response(), link)
}

pub(super) fn tags(
    registry: &Registry,
    name: &str,
    query: &Parameters,
) -> Result<Response, Failure> {
    let all = registry.store.blobs().tags(name);
    let all = all
        .ok_or_else(|| Failure::new(Code::NameUnknown, format!("there is no repository {name}")))?;
    let (page, next) = page(all, query);
    let link = next.map(|last| {
        format!(
            "</v2/{name}/tags/list?last={last}{}>; rel=\"next\"",
            count_parameter(query)
        )
    });
    Ok(with_link(
        Json(json!({ "name": name, "tags": page })).into_response(),
        link,
    ))
}

fn count_parameter(query: &Parameters) -> String {
    query
        .get("n")
        .map(|count| format!("&n={count}"))
        .unwrap_or_default()
}

/// The entries after `last`, at most `n`; and where the next page starts, if there is one.
fn page(all: Vec<String>, query: &Parameters) -> (Vec<String>, Option<String>) {
    let after = |entry: &String| query.get("last").is_none_or(|last| entry.as_str() > last);
    let mut rest: Vec<String> = all.into_iter().filter(after).collect();
    let count = query
        .get("n")
        .and_then(|count| count.parse().ok())
        .unwrap_or(usize::MAX);
    let next = (rest.len() > count && count > 0).then(|| rest[count - 1].clone());
    rest.truncate(count);
    (rest, next)
}

fn with_link(mut response: Response, link: Option<String>) -> Response {
    if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// Where a tag or digest leads to. As a mirror (`?ns=ghcr.io`, as containerd asks) the name in that registry counts too.
fn find(
    registry: &Registry,
    name: &str,
    selector: &str,
    query: &Parameters,
) -> Option<(Digest, String)> {
    let mirrored = query.get("ns").map(|host| format!("{host}/{name}"));
    mirrored
        .into_iter()
        .chain([name.to_owned()])
        .find_map(|name| {
            let blobs = registry.store.blobs();
            let digest = selector
                .parse()
                .ok()
                .or_else(|| blobs.tag(&name, selector))?;
            let media_type = blobs.manifest_type(&name, &digest)?;
            Some((digest, media_type))
        })
}

fn unknown(name: &str, selector: &str) -> Failure {
    Failure::new(
        Code::ManifestUnknown,
        format!("repository {name} has no manifest {selector}"),
    )
}

pub(super) fn get(
    registry: &Registry,
    name: &str,
    selector: &str,
    query: &Parameters,
) -> Result<Response, Failure> {
    let (digest, media_type) =
        find(registry, name, selector, query).ok_or_else(|| unknown(name, selector))?;
    let bytes = registry
        .store
        .blobs()
        .read(&digest)
        .map_err(|_| unknown(name, selector))?;
    let fields = [
        ("content-type", media_type),
        ("content-length", bytes.len().to_string()),
        ("docker-content-digest", digest.to_string()),
        ("etag", format!("\"{digest}\"")),
    ];
    // The body of an answer to HEAD is dropped by the server.
    let mut response = respond(StatusCode::OK, &fields);
    *response.body_mut() = Body::from(bytes);
    Ok(response)
}

pub(super) async fn put(
    registry: &Registry,
    name: &str,
    selector: &str,
    request: Request,
) -> Result<Response, Failure> {
    let stated = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let bytes = axum::body::to_bytes(request.into_body(), MANIFEST_LIMIT).await;
    let bytes =
        bytes.map_err(|_| Failure::new(Code::SizeInvalid, "a manifest may have at most 4 MiB"))?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(
            Code::ManifestInvalid,
            format!("the manifest is no JSON: {error}"),
        )
    })?;
    let media_type = media_type(&value, stated)?;
    check_content(registry, &value)?;
    let digest = Digest::of(&bytes);
    let tags: Vec<&str> = match selector.parse::<Digest>() {
        Ok(wanted) if wanted != digest => {
            return Err(Failure::new(
                Code::DigestInvalid,
                format!("the manifest's digest is {digest}, not {wanted}"),
            ));
        }
        Ok(_) => Vec::new(),
        Err(_) => {
            check_tag(selector).map_err(|reason| Failure::new(Code::TagInvalid, reason))?;
            vec![selector]
        }
    };
    registry
        .store
        .blobs()
        .add_manifest(name, &media_type, &bytes, &tags)?;
    let mut fields = vec![
        ("location", format!("/v2/{name}/manifests/{digest}")),
        ("docker-content-digest", digest.to_string()),
    ];
    fields.extend(subject(&value).map(|subject| ("oci-subject", subject.to_owned())));
    Ok(respond(StatusCode::CREATED, &fields))
}

fn subject(manifest: &Value) -> Option<&str> {
    manifest.get("subject")?.get("digest")?.as_str()
}

fn media_type(manifest: &Value, stated: Option<String>) -> Result<String, Failure> {
    let invalid = |message: String| Err(Failure::new(Code::ManifestInvalid, message));
    if manifest.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
        return invalid("schemaVersion must be 2".to_owned());
    }
    let within = manifest.get("mediaType").and_then(Value::as_str);
    match (within, stated) {
        (Some(within), Some(stated)) if within != stated => invalid(format!(
            "mediaType is {within:?}, but the request's Content-Type is {stated:?}"
        )),
        (Some(within), _) => Ok(within.to_owned()),
        (None, Some(stated)) => Ok(stated),
        (None, None) if manifest.get("manifests").is_some() => Ok(media::INDEX.to_owned()),
        (None, None) => Ok(media::MANIFEST.to_owned()),
    }
}

/// Everything a manifest names must be here before it is.
fn check_content(registry: &Registry, manifest: &Value) -> Result<(), Failure> {
    let list = |field: &str| {
        manifest
            .get(field)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let config = manifest.get("config").into_iter();
    if manifest.get("manifests").is_none() && manifest.get("config").is_none() {
        return Err(Failure::new(
            Code::ManifestInvalid,
            "the manifest has neither `config` nor `manifests`",
        ));
    }
    for descriptor in config.chain(list("layers")).chain(list("manifests")) {
        let digest = descriptor
            .get("digest")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let digest: Digest = blob::parse(digest)?;
        if registry.store.blobs().size(&digest).is_none() {
            return Err(Failure::new(
                Code::ManifestBlobUnknown,
                format!("the manifest names {digest}, which is not here"),
            ));
        }
    }
    Ok(())
}

pub(super) fn delete(registry: &Registry, name: &str, selector: &str) -> Result<Response, Failure> {
    let removed = match selector.parse::<Digest>() {
        Ok(digest) => registry.store.blobs().remove_manifest(name, &digest),
        Err(_) => registry.store.blobs().remove_tag(name, selector),
    };
    if removed {
        Ok(respond(StatusCode::ACCEPTED, &[]))
    } else {
        Err(unknown(name, selector))
    }
}

/// Manifests of the repository whose `subject` is the digest, such as signatures and SBOMs.
pub(super) fn referrers(
    registry: &Registry,
    name: &str,
    digest: &str,
    query: &Parameters,
) -> Result<Response, Failure> {
    let subject_digest = blob::parse(digest)?;
    let blobs = registry.store.blobs();
    let mut found = Vec::new();
    for (digest, media_type) in blobs.manifests(name) {
        let Ok(bytes) = blobs.read(&digest) else {
            continue;
        };
        let Ok(value) = serde_json::from_slice::<Value>(&bytes) else {
            continue;
        };
        if subject(&value) != Some(subject_digest.as_str()) {
            continue;
        }
        let kind = value
            .get("artifactType")
            .or_else(|| value.get("config")?.get("mediaType"))
            .cloned();
        if query
            .get("artifactType")
            .is_some_and(|wanted| kind.as_ref().and_then(Value::as_str) != Some(wanted))
        {
            continue;
        }
        let annotations = value
            .get("annotations")
            .cloned()
            .unwrap_or_else(|| json!({}));
        found.push(json!({
            "mediaType": media_type, "digest": digest, "size": bytes.len(),
            "artifactType": kind, "annotations": annotations,
        }));
    }
    let body = json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": found});
    let mut response = Json(body).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media::INDEX));
    if query.get("artifactType").is_some() {
        response.headers_mut().insert(
            "oci-filters-applied",
            HeaderValue::from_static("artifactType"),
        );
    }
    Ok(response)
}
