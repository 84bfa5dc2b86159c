//! The task that keeps one cache current.

use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt;
use kube::Client;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::error_boundary::InvalidObject;
use kube::core::{DeserializeGuard, ObjectList, Request};
use serde::de::DeserializeOwned;

use super::Cache;
use crate::{Chain, Delay, Object, ObjectKey, key_of};

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

impl Error {
    /// Whether an object did not decode. A watch reports that as a `Status` without any content:
    /// the library reads a line that is no event as a `Status`, whose fields are all optional.
    fn is_decoding(&self) -> bool {
        match self {
            Self::List(kube::Error::SerdeError(_)) | Self::Watch(kube::Error::SerdeError(_)) => {
                true
            }
            Self::Watch(kube::Error::Api(status)) => status.code == 0 && status.reason.is_empty(),
            _ => false,
        }
    }
}

/// Lists, then watches, for ever. Flow: list → watch from the list's revision → watch again from
/// the last revision seen. 410 leads back to a list; other errors wait, up to ten seconds.
///
/// One object that does not decode must not blind every controller of its kind: after the first such
/// failure objects are decoded one by one, at twice the cost, and those that fail are left out.
pub(super) async fn feed<K: Object>(client: Client, cache: Cache<K>) {
    let delay = Delay {
        first: Duration::from_millis(20),
        longest: Duration::from_secs(10),
        ..Delay::default()
    };
    let mut failures = 0;
    let mut position: Option<String> = None;
    let mut care = Care::Quick;
    loop {
        let result = match care {
            Care::Quick => follow::<K, K>(&client, &cache, &mut position).await,
            Care::OneByOne => {
                follow::<K, DeserializeGuard<K>>(&client, &cache, &mut position).await
            }
        };
        match result {
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
                cache.clear();
                failures += 1;
                tokio::time::sleep(delay.after(failures).min(NOT_SERVED)).await;
            }
            Err(error) if care == Care::Quick && error.is_decoding() => care = Care::OneByOne,
            Err(error) => {
                failures += 1;
                let wait = delay.after(failures);
                tracing::debug!(kind = cache.path(), ?wait, "informer: {}", Chain(&error));
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// How objects are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// A reply as a whole; one bad object fails it.
    Quick,
    /// Each by itself.
    OneByOne,
}

enum Heard {
    Something,
    Nothing,
}

/// An object as it was read, or why it could not be.
trait Reading<K>: DeserializeOwned + Clone + Debug + Send + 'static {
    fn read(self) -> Result<K, Box<InvalidObject>>;
}

impl<K: Object> Reading<K> for K {
    fn read(self) -> Result<K, Box<InvalidObject>> {
        Ok(self)
    }
}

impl<K: Object> Reading<K> for DeserializeGuard<K> {
    fn read(self) -> Result<K, Box<InvalidObject>> {
        self.0.map_err(Box::new)
    }
}

async fn follow<K: Object, R: Reading<K>>(
    client: &Client,
    cache: &Cache<K>,
    position: &mut Option<String>,
) -> Result<Heard, Error> {
    let from = match position.take() {
        Some(from) => from,
        None => list::<K, R>(client, cache).await?,
    };
    let from = position.insert(from);
    let request = Request::new(cache.path());
    let params = WatchParams::default();
    let request = if K::metadata_api() {
        request.watch_metadata(&params, from)
    } else {
        request.watch(&params, from)
    };
    let request = request.map_err(Error::Build)?;
    let events = client
        .request_events::<R>(request)
        .await
        .map_err(|error| refused(error, Error::Watch))?;
    let mut events = std::pin::pin!(events);
    let mut heard = Heard::Nothing;
    while let Ok(Some(event)) = tokio::time::timeout(SILENCE, events.next()).await {
        take(
            cache,
            event.map_err(|error| refused(error, Error::Watch))?,
            position,
        )?;
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

async fn list<K: Object, R: Reading<K>>(
    client: &Client,
    cache: &Cache<K>,
) -> Result<String, Error> {
    let mut params = ListParams::default().limit(PAGE);
    let mut objects = Vec::new();
    loop {
        let request = Request::new(cache.path());
        let request = if K::metadata_api() {
            request.list_metadata(&params)
        } else {
            request.list(&params)
        };
        let page: ObjectList<R> = client
            .request(request.map_err(Error::Build)?)
            .await
            .map_err(|error| refused(error, Error::List))?;
        let read = page.items.into_iter().map(Reading::read);
        objects.extend(read.filter_map(|object| object.map_err(|bad| warn(cache, &bad)).ok()));
        let Some(token) = page.metadata.continue_.filter(|token| !token.is_empty()) else {
            let version = page.metadata.resource_version.unwrap_or_default();
            cache.update(revision(&version), |state| state.replace(objects));
            cache.0.progress.send_modify(|progress| {
                (progress.synced, progress.served) = (true, true);
            });
            return Ok(version);
        };
        params = params.continue_token(&token);
    }
}

fn warn<K: Object>(cache: &Cache<K>, bad: &InvalidObject) {
    let meta = &bad.metadata;
    let key = ObjectKey::new(
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default(),
    );
    tracing::warn!(kind = cache.path(), object = %key, "left out: {}", bad.error);
}

fn take<K: Object, R: Reading<K>>(
    cache: &Cache<K>,
    event: WatchEvent<R>,
    position: &mut Option<String>,
) -> Result<(), Error> {
    let (reading, gone) = match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
        WatchEvent::Deleted(object) => (object, true),
        WatchEvent::Bookmark(bookmark) => {
            let version = bookmark.metadata.resource_version;
            cache.update(revision(&version), |_| {});
            *position = Some(version);
            return Ok(());
        }
        WatchEvent::Error(status) if status.code == 410 => return Err(Error::Gone),
        WatchEvent::Error(status) => return Err(Error::Watch(kube::Error::Api(status))),
    };
    let version = match reading.read() {
        Ok(object) => {
            let version = object.meta().resource_version.clone().unwrap_or_default();
            cache.update(revision(&version), |state| {
                if gone {
                    state.remove(&key_of(&object));
                } else {
                    state.apply(object);
                }
            });
            version
        }
        Err(bad) => {
            warn(cache, &bad);
            let meta = bad.metadata;
            let key = ObjectKey::new(
                meta.namespace.unwrap_or_default(),
                meta.name.unwrap_or_default(),
            );
            let version = meta.resource_version.unwrap_or_default();
            // What it was before is no longer true either.
            cache.update(revision(&version), |state| state.remove(&key));
            version
        }
    };
    *position = Some(version);
    Ok(())
}

fn revision(version: &str) -> u64 {
    version.parse().unwrap_or_default()
}
