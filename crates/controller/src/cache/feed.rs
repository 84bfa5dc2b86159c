//! The task that keeps one cache current.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use kube::Client;
use kube::api::{ListParams, WatchParams};
use kube::client::Body;
use kube::core::{ListMeta, Request, Status};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::lines::{self, Event, Kind, Lines};
use super::sink::Sink;
use crate::{Chain, Delay};

/// Lists are read in pages of this size, so that no reply grows without bound.
const PAGE: u32 = 5000;
/// A watch that has said nothing for this long is taken for dead. Servers end a watch, or send a
/// bookmark, well before.
const SILENCE: Duration = Duration::from_mins(5);

/// The same while a list comes in.
const LIST_SILENCE: Duration = Duration::from_secs(30);

/// How often, at the latest, to look whether a kind that was not served is served now.
const NOT_SERVED: Duration = Duration::from_secs(2);

/// Errors of reading a kind.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("build the request")]
    Build(#[source] kube::core::request::Error),
    #[error("ask")]
    Ask(#[source] kube::Error),
    #[error("the server refused: {0}")]
    Refused(String),
    #[error("decode the list")]
    Decode(#[source] serde_json::Error),
    #[error("watch")]
    Watch(#[source] lines::Error),
    #[error("the watch fell silent before the list was whole")]
    Silent,
    #[error("the server no longer has the revision to continue from")]
    Gone,
    #[error("the server does not serve this kind")]
    NotServed,
    #[error("the server does not stream lists")]
    NoStreams,
}

/// Lists, then watches, for ever. Flow: a watch that begins with what there is (or a list in pages,
/// where the server has no such watch) → watch again from the last revision seen. 410 leads back to
/// a list; other errors wait, up to ten seconds.
///
/// One object that does not decode must not blind every controller of its kind: objects are cut out
/// of a reply as text and decoded one by one, and those that fail are left out.
pub(super) async fn feed(client: Client, cache: Box<dyn Sink>) {
    let delay = Delay {
        first: Duration::from_millis(20),
        longest: Duration::from_secs(10),
        ..Delay::default()
    };
    let mut failures = 0;
    let mut position: Option<String> = None;
    loop {
        match follow(&client, &*cache, &mut position).await {
            Ok(Heard::Something) => failures = 0,
            // A server that ends watches at once must not be asked in a tight loop.
            Ok(Heard::Nothing) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(Error::Gone) => {
                position = None;
                tokio::time::sleep(delay.first).await;
            }
            Err(Error::NotServed) => {
                // Its definition was removed, or is still to come.
                position = None;
                cache.not_served();
                failures += 1;
                tokio::time::sleep(delay.after(failures).min(NOT_SERVED)).await;
            }
            Err(error) => {
                failures += 1;
                let wait = delay.after(failures);
                tracing::debug!(kind = cache.path(), ?wait, "informer: {}", Chain(&error));
                tokio::time::sleep(wait).await;
            }
        }
    }
}

enum Heard {
    Something,
    Nothing,
}

/// A reply to a list, its objects still text.
#[derive(Deserialize)]
struct Page<'a> {
    metadata: ListMeta,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

/// As much of an object as says where a watch is.
#[derive(Deserialize)]
struct Mark {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
}

async fn follow(
    client: &Client,
    cache: &dyn Sink,
    position: &mut Option<String>,
) -> Result<Heard, Error> {
    let mut events = match position.take() {
        Some(from) => {
            let events = watch(client, cache, &WatchParams::default(), &from).await?;
            *position = Some(from);
            events
        }
        None => match stream_list(client, cache).await {
            Ok((events, from)) => {
                *position = Some(from);
                events
            }
            // Some that do not know the parameter watch as always, and never say that the beginning is over.
            Err(Error::NoStreams | Error::Silent) => {
                let from = position.insert(list(client, cache).await?);
                watch(client, cache, &WatchParams::default(), from).await?
            }
            Err(error) => return Err(error),
        },
    };
    let mut heard = Heard::Nothing;
    while let Ok(event) = tokio::time::timeout(SILENCE, events.next()).await {
        let Some(event) = event.map_err(Error::Watch)? else {
            break;
        };
        *position = Some(take(cache, event)?);
        heard = Heard::Something;
    }
    Ok(heard)
}

async fn watch(
    client: &Client,
    cache: &dyn Sink,
    params: &WatchParams,
    from: &str,
) -> Result<Lines, Error> {
    let request = Request::new(cache.path());
    let request = if cache.metadata_only() {
        request.watch_metadata(params, from)
    } else {
        request.watch(params, from)
    };
    let body = ask(client, request.map_err(Error::Build)?).await?;
    Ok(Lines::of(body))
}

/// The body of the reply, or why there is none.
async fn ask(client: &Client, request: http::Request<Vec<u8>>) -> Result<Body, Error> {
    let reply = client.send(request.map(Body::from)).await;
    let (head, body) = reply.map_err(Error::Ask)?.into_parts();
    match head.status.as_u16() {
        200..300 => Ok(body),
        404 => Err(Error::NotServed),
        410 => Err(Error::Gone),
        code => {
            let text = body.collect().await.map_err(Error::Ask)?.to_bytes();
            let status: Option<Status> = serde_json::from_slice(&text).ok();
            let message = status.map(|status| status.message).unwrap_or_default();
            Err(Error::Refused(format!("{code} {message}")))
        }
    }
}

/// A watch that has told everything there is, and the revision at which that was so.
///
/// Servers without such watches refuse the parameter (upstream's before 1.32, and any where its
/// feature gate `WatchList` is off).
async fn stream_list(client: &Client, cache: &dyn Sink) -> Result<(Lines, String), Error> {
    let begun = watch(client, cache, &WatchParams::streaming_lists(), "").await;
    let mut events = begun.map_err(|error| match error {
        Error::Refused(reason) if reason.contains("sendInitialEvents") => Error::NoStreams,
        error => error,
    })?;
    let mut listing = cache.begin();
    loop {
        let event = tokio::time::timeout(LIST_SILENCE, events.next()).await;
        let event = event.map_err(|_| Error::Silent)?.map_err(Error::Watch)?;
        let Some(Event { kind, object }) = event else {
            return Err(Error::Silent);
        };
        match kind {
            Kind::Added | Kind::Modified => listing.add(object),
            Kind::Deleted => {}
            Kind::Bookmark => {
                let version = mark(&object)?;
                listing.finish(&version);
                return Ok((events, version));
            }
            Kind::Error => return Err(refusal(&object)),
        }
    }
}

async fn list(client: &Client, cache: &dyn Sink) -> Result<String, Error> {
    let mut params = ListParams::default().limit(PAGE);
    let mut listing = cache.begin();
    loop {
        let request = Request::new(cache.path());
        let request = if cache.metadata_only() {
            request.list_metadata(&params)
        } else {
            request.list(&params)
        };
        let body = ask(client, request.map_err(Error::Build)?).await?;
        let text = body.collect().await.map_err(Error::Ask)?.to_bytes();
        let page: Page<'_> = serde_json::from_slice(&text).map_err(Error::Decode)?;
        for item in page.items {
            listing.add(Bytes::copy_from_slice(item.get().as_bytes()));
        }
        let Some(token) = page.metadata.continue_.filter(|token| !token.is_empty()) else {
            let version = page.metadata.resource_version.unwrap_or_default();
            listing.finish(&version);
            return Ok(version);
        };
        params = params.continue_token(&token);
    }
}

/// Takes an event in. Returns the revision reached.
fn take(cache: &dyn Sink, event: Event) -> Result<String, Error> {
    match event.kind {
        Kind::Added | Kind::Modified => Ok(cache.change(event.object, false)),
        Kind::Deleted => Ok(cache.change(event.object, true)),
        Kind::Bookmark => {
            let version = mark(&event.object)?;
            cache.reach(&version);
            Ok(version)
        }
        Kind::Error => Err(refusal(&event.object)),
    }
}

fn mark(bookmark: &[u8]) -> Result<String, Error> {
    let mark: Mark = serde_json::from_slice(bookmark).map_err(Error::Decode)?;
    Ok(mark.metadata.resource_version)
}

fn refusal(status: &[u8]) -> Error {
    let status: Status = serde_json::from_slice(status).unwrap_or_default();
    match status.code {
        410 => Error::Gone,
        code => Error::Refused(format!("{code} {}", status.message)),
    }
}
