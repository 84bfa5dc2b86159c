//! The task that keeps one cache current.

use std::time::Duration;

use futures::StreamExt;
use kube::Client;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::{ListMeta, Request};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::sink::Sink;
use crate::{Chain, Delay};

/// Lists are read in pages of this size, so that no reply grows without bound.
const PAGE: u32 = 5000;
/// A watch that has said nothing for this long is taken for dead. Servers end a watch, or send a
/// bookmark, well before.
const SILENCE: Duration = Duration::from_mins(5);

/// How often, at the latest, to look whether a kind that was not served is served now.
const NOT_SERVED: Duration = Duration::from_secs(2);

/// Errors of reading a kind.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("build the request")]
    Build(#[source] kube::core::request::Error),
    #[error("list")]
    List(#[source] kube::Error),
    #[error("watch")]
    Watch(#[source] kube::Error),
    #[error("the server no longer has the revision to continue from")]
    Gone,
    #[error("the server does not serve this kind")]
    NotServed,
}

/// Lists, then watches, for ever. Flow: list → watch from the list's revision → watch again from
/// the last revision seen. 410 leads back to a list; other errors wait, up to ten seconds.
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
struct Page {
    metadata: ListMeta,
    items: Vec<Box<RawValue>>,
}

async fn follow(
    client: &Client,
    cache: &dyn Sink,
    position: &mut Option<String>,
) -> Result<Heard, Error> {
    let from = match position.take() {
        Some(from) => from,
        None => list(client, cache).await?,
    };
    let from = position.insert(from);
    let request = Request::new(cache.path());
    let params = WatchParams::default();
    let request = if cache.metadata_only() {
        request.watch_metadata(&params, from)
    } else {
        request.watch(&params, from)
    };
    let request = request.map_err(Error::Build)?;
    let events = client
        .request_events::<Box<RawValue>>(request)
        .await
        .map_err(|error| refused(error, Error::Watch))?;
    let mut events = std::pin::pin!(events);
    let mut heard = Heard::Nothing;
    while let Ok(Some(event)) = tokio::time::timeout(SILENCE, events.next()).await {
        let event = event.map_err(|error| refused(error, Error::Watch))?;
        *position = Some(take(cache, event)?);
        heard = Heard::Something;
    }
    Ok(heard)
}

fn refused(error: kube::Error, other: fn(kube::Error) -> Error) -> Error {
    match error {
        kube::Error::Api(status) if status.code == 410 => Error::Gone,
        kube::Error::Api(status) if status.code == 404 => Error::NotServed,
        error => other(error),
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
        let page: Page = client
            .request(request.map_err(Error::Build)?)
            .await
            .map_err(|error| refused(error, Error::List))?;
        listing.add(&page.items);
        let Some(token) = page.metadata.continue_.filter(|token| !token.is_empty()) else {
            let version = page.metadata.resource_version.unwrap_or_default();
            listing.finish(&version);
            return Ok(version);
        };
        params = params.continue_token(&token);
    }
}

/// Takes an event in. Returns the revision reached.
fn take(cache: &dyn Sink, event: WatchEvent<Box<RawValue>>) -> Result<String, Error> {
    match event {
        WatchEvent::Added(text) | WatchEvent::Modified(text) => Ok(cache.change(&text, false)),
        WatchEvent::Deleted(text) => Ok(cache.change(&text, true)),
        WatchEvent::Bookmark(bookmark) => {
            let version = bookmark.metadata.resource_version;
            cache.reach(&version);
            Ok(version)
        }
        WatchEvent::Error(status) if status.code == 410 => Err(Error::Gone),
        WatchEvent::Error(status) => Err(Error::Watch(kube::Error::Api(status))),
    }
}
