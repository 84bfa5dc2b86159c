//! The task that keeps one cache current.

use std::time::Duration;

use futures::StreamExt;
use kube::Client;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::{ObjectList, Request};

use super::Cache;
use crate::{Chain, Delay, Object, key_of};

/// Lists are read in pages of this size, so that no reply grows without bound.
const PAGE: u32 = 5000;
/// A watch that has said nothing for this long is taken for dead. Servers end a watch, or send a
/// bookmark, well before.
const SILENCE: Duration = Duration::from_mins(5);

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
}

/// Lists, then watches, for ever. Flow: list → watch from the list's revision → watch again from
/// the last revision seen. 410 leads back to a list; other errors wait, up to ten seconds.
pub(super) async fn feed<K: Object>(client: Client, cache: Cache<K>) {
    let delay = Delay {
        first: Duration::from_millis(20),
        longest: Duration::from_secs(10),
        ..Delay::default()
    };
    let mut failures = 0;
    let mut position: Option<String> = None;
    loop {
        match follow(&client, &cache, &mut position).await {
            Ok(Heard::Something) => failures = 0,
            // A server that ends watches at once must not be asked in a tight loop.
            Ok(Heard::Nothing) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(Error::Gone) => {
                position = None;
                tokio::time::sleep(delay.first).await;
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

async fn follow<K: Object>(
    client: &Client,
    cache: &Cache<K>,
    position: &mut Option<String>,
) -> Result<Heard, Error> {
    let from = match position.take() {
        Some(from) => from,
        None => list(client, cache).await?,
    };
    let from = position.insert(from);
    let request = Request::new(cache.path());
    let params = WatchParams::default();
    let request = if K::metadata_api() {
        request.watch_metadata(&params, from)
    } else {
        request.watch(&params, from)
    };
    let events = client
        .request_events::<K>(request.map_err(Error::Build)?)
        .await
        .map_err(watch_error)?;
    let mut events = std::pin::pin!(events);
    let mut heard = Heard::Nothing;
    while let Ok(Some(event)) = tokio::time::timeout(SILENCE, events.next()).await {
        take(cache, event.map_err(watch_error)?, position)?;
        heard = Heard::Something;
    }
    Ok(heard)
}

fn watch_error(error: kube::Error) -> Error {
    match error {
        kube::Error::Api(status) if status.code == 410 => Error::Gone,
        other => Error::Watch(other),
    }
}

async fn list<K: Object>(client: &Client, cache: &Cache<K>) -> Result<String, Error> {
    let mut params = ListParams::default().limit(PAGE);
    let mut objects = Vec::new();
    loop {
        let request = Request::new(cache.path());
        let request = if K::metadata_api() {
            request.list_metadata(&params)
        } else {
            request.list(&params)
        };
        let page: ObjectList<K> = client
            .request(request.map_err(Error::Build)?)
            .await
            .map_err(|error| match error {
                kube::Error::Api(status) if status.code == 410 => Error::Gone,
                other => Error::List(other),
            })?;
        objects.extend(page.items);
        let Some(token) = page.metadata.continue_.filter(|token| !token.is_empty()) else {
            let version = page.metadata.resource_version.unwrap_or_default();
            cache.update(revision(&version), |state| state.replace(objects));
            cache
                .0
                .progress
                .send_modify(|progress| progress.synced = true);
            return Ok(version);
        };
        params = params.continue_token(&token);
    }
}

fn take<K: Object>(
    cache: &Cache<K>,
    event: WatchEvent<K>,
    position: &mut Option<String>,
) -> Result<(), Error> {
    match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) => {
            let version = object.meta().resource_version.clone().unwrap_or_default();
            cache.update(revision(&version), |state| state.apply(object));
            *position = Some(version);
        }
        WatchEvent::Deleted(object) => {
            let version = object.meta().resource_version.clone().unwrap_or_default();
            cache.update(revision(&version), |state| state.remove(&key_of(&object)));
            *position = Some(version);
        }
        WatchEvent::Bookmark(bookmark) => {
            let version = bookmark.metadata.resource_version;
            cache.update(revision(&version), |_| {});
            *position = Some(version);
        }
        WatchEvent::Error(status) if status.code == 410 => return Err(Error::Gone),
        WatchEvent::Error(status) => return Err(Error::Watch(kube::Error::Api(status))),
    }
    Ok(())
}

fn revision(version: &str) -> u64 {
    version.parse().unwrap_or_default()
}
