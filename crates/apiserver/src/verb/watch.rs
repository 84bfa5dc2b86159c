//! Following changes: one line of JSON for each.

mod initial;
mod line;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderValue, StatusCode, header};
use seatrial_store::{Compacted, Event, EventKind, Page, Record, Revision, Watch};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::accept::{Cut, Encoding, Form, Shape};
use crate::call::Call;
use crate::custom::{conversion, selection};
use crate::failure::{Cause, Failure};
use crate::registry::{Kind, Version};
use crate::reply;
use crate::selector::Filter;
use crate::state::State;
use crate::stream::feed::{Pieces, carry, wanted};
use initial::{Listed, Next};
use line::{Line, error_line, expired, name, wrap};

/// How long a watch lasts unless the client says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_hours(1);

/// How long a watch may ask to run; a clock has no place for the end of the longest that fits a number.
const LONGEST_TIMEOUT: Duration = Duration::from_hours(24 * 365);

/// How often a quiet watcher is told how far it has seen.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);

pub(super) fn watch(call: &Call) -> Result<Response, Failure> {
    let mut feed = Feed::open(call)?;
    let messages = wanted(call);
    if messages {
        feed.form.cut = Cut::Joined;
    }
    let events = futures::stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((event, feed))
    });
    let frames = events.flat_map(|line| futures::stream::iter(line.frames()));
    if messages {
        let pieces = Pieces::Events(call.form.encoding);
        return carry(call, pieces, frames);
    }
    let frames = frames.map(Ok::<Bytes, std::convert::Infallible>);
    let mut response = reply::json(StatusCode::OK, Body::from_stream(frames));
    if call.form.encoding == Encoding::Protobuf {
        let media = HeaderValue::from_static("application/vnd.kubernetes.protobuf;stream=watch");
        response.headers_mut().insert(header::CONTENT_TYPE, media);
    }
    Ok(response)
}

/// What a bookmark must say when the initial events are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Initial {
    /// Nothing is owed.
    Done,
    /// A bookmark at this revision ends the initial events.
    Owed(Revision),
}

/// One watcher.
struct Feed {
    state: Arc<State>,
    kind: Arc<Kind>,
    version: usize,
    form: Form,
    filter: Filter,
    /// `None` once it has ended.
    watch: Option<Watch>,
    /// Objects that existed when the watch began and were asked for.
    existing: Listed,
    /// Such objects of which only a webhook can say whether they are selected.
    unjudged: Vec<Arc<Record>>,
    initial: Initial,
    /// Sent before the watch ends at once.
    error: Option<Line>,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
}

impl Feed {
    fn open(call: &Call) -> Result<Self, Failure> {
        let filter = Filter::of(call)?;
        let bookmarks = call.flag("allowWatchBookmarks") == Some(true);
        let send_initial = send_initial(call)?;
        let asked: Option<Revision> = call.number("resourceVersion")?.filter(|&asked| asked > 0);
        let timeout = call
            .number("timeoutSeconds")?
            .map_or(DEFAULT_TIMEOUT, Duration::from_secs)
            .min(LONGEST_TIMEOUT);
        let now = Instant::now();
        let mut feed = Self {
            state: Arc::clone(&call.state),
            kind: Arc::clone(&call.target.kind),
            version: call.target.version,
            form: call.form.clone(),
            filter,
            watch: None,
            existing: Listed::new(VecDeque::new()),
            unjudged: Vec::new(),
            initial: Initial::Done,
            error: None,
            bookmarks,
            next_bookmark: now + BOOKMARK_EVERY,
            deadline: now + timeout,
        };
        // As upstream: without a revision the existing objects come first, with one only what
        // happened after it, unless the client asks for something else.
        match (asked, send_initial) {
            (Some(after), None | Some(false)) => feed.follow(after),
            (None, Some(false)) => feed.follow(call.state.store.revision()),
            (_, wish) => feed.begin_with_existing(wish == Some(true)),
        }
        Ok(feed)
    }

    fn follow(&mut self, after: Revision) {
        let newest = self.state.store.revision();
        if after > newest {
            // It comes from another store; waiting for it would skip what happens until then.
            let ahead = Compacted {
                asked: after,
                oldest: newest,
            };
            self.error = Some(expired(&self.form, ahead));
            return;
        }
        match self.state.store.watch(&self.kind.resource, after) {
            Ok(watch) => self.watch = Some(watch),
            Err(compacted) => self.error = Some(expired(&self.form, compacted)),
        }
    }

    fn begin_with_existing(&mut self, announced: bool) {
        let page = Page {
            namespace: self.filter.namespace.as_deref(),
            ..Page::default()
        };
        match self.state.store.list(&self.kind.resource, &page) {
            Ok(listing) => {
                if selection::after_conversion(self.version(), &self.filter) {
                    self.unjudged = listing.records;
                } else {
                    self.keep(listing.records);
                }
                if announced && self.bookmarks {
                    self.initial = Initial::Owed(listing.revision);
                }
                self.follow(listing.revision);
            }
            Err(compacted) => self.error = Some(expired(&self.form, compacted)),
        }
    }

    fn version(&self) -> &Version {
        &self.kind.versions[self.version]
    }

    fn keep(&mut self, existing: Vec<Arc<Record>>) {
        let matching = existing.into_iter();
        let matching = matching.filter(|record| self.filter.matches(record));
        self.existing = Listed::new(matching.collect());
    }

    /// Selects among the objects of which only a webhook can say whether they are wanted.
    async fn judge(&mut self) -> Result<(), Failure> {
        let unjudged = std::mem::take(&mut self.unjudged);
        let shown = selection::shown(&self.state, &self.kind, self.version(), unjudged).await?;
        self.keep(shown);
        Ok(())
    }

    /// The next line, or `None` when the watch is over.
    async fn next(&mut self) -> Option<Line> {
        if !self.unjudged.is_empty()
            && let Err(failure) = self.judge().await
        {
            // Without its beginning the rest would be misunderstood.
            self.watch = None;
            self.initial = Initial::Done;
            return Some(error_line(&self.form, &failure));
        }
        match self.existing.next() {
            Next::Record(record) => return Some(self.line("ADDED", record.bytes.clone()).await),
            Next::Done => {}
            // What follows would be misunderstood without the rest.
            Next::GivenUp => return None,
        }
        if let Initial::Owed(revision) = std::mem::replace(&mut self.initial, Initial::Done) {
            return Some(self.bookmark(revision, true));
        }
        if let Some(error) = self.error.take() {
            return Some(error);
        }
        loop {
            let stopping = self.state.stopping.clone();
            let watch = self.watch.as_mut()?;
            tokio::select! {
                biased;
                () = stopping.cancelled() => return None,
                event = watch.next() => match event {
                    Ok(event) => {
                        if let Some(line) = self.line_for(&event).await {
                            return Some(line);
                        }
                    }
                    Err(compacted) => {
                        self.watch = None;
                        return Some(expired(&self.form, compacted));
                    }
                },
                () = tokio::time::sleep_until(self.deadline) => return None,
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                    self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                    match watch.bookmark() {
                        Ok(Some(revision)) => return Some(self.bookmark(revision, false)),
                        Ok(None) => {}
                        Err(compacted) => {
                            self.watch = None;
                            return Some(expired(&self.form, compacted));
                        }
                    }
                }
            }
        }
    }

    /// The line for `event`, or `None` where this watcher does not see it. An object that begins to
    /// match counts as added, one that ceases to match as deleted.
    ///
    /// The object was encoded when it was stored; a line for a socket is a copy of those bytes. Keeping lines
    /// with the events would spare each watcher that copy, at the price of holding every event of the
    /// log twice.
    async fn line_for(&self, event: &Event) -> Option<Line> {
        if !selection::after_conversion(self.version(), &self.filter) {
            return self
                .line_about(event.kind, &event.record, event.previous.as_deref())
                .await;
        }
        let shown = selection::shown_change(&self.state, &self.kind, self.version(), event).await;
        match shown {
            Ok((record, previous)) => {
                self.line_about(event.kind, &record, previous.as_deref())
                    .await
            }
            Err(failure) => Some(error_line(&self.form, &failure)),
        }
    }

    async fn line_about(
        &self,
        kind: EventKind,
        record: &Record,
        previous: Option<&Record>,
    ) -> Option<Line> {
        let name = self.name_for(kind, record, previous)?;
        let bytes = match (kind, name, previous) {
            // As upstream: what this watcher was shown last, at the revision of the change.
            (EventKind::Modified, "DELETED", Some(previous)) => {
                match at_revision(previous, record.revision) {
                    Ok(bytes) => bytes,
                    Err(failure) => return Some(error_line(&self.form, &failure)),
                }
            }
            _ => record.bytes.clone(),
        };
        Some(self.line(name, bytes).await)
    }

    fn name_for(
        &self,
        kind: EventKind,
        record: &Record,
        previous: Option<&Record>,
    ) -> Option<&'static str> {
        let before = previous.is_some_and(|record| self.filter.matches(record));
        let after = self.filter.matches(record);
        let kind = match (kind, before, after) {
            (EventKind::Added, _, true) | (EventKind::Modified, false, true) => EventKind::Added,
            (EventKind::Modified, true, true) => EventKind::Modified,
            (EventKind::Modified, true, false) => EventKind::Deleted,
            (EventKind::Deleted, before, after) if before || after => EventKind::Deleted,
            _ => return None,
        };
        Some(name(kind))
    }

    async fn line(&self, name: &'static str, stored: Bytes) -> Line {
        let version = &self.kind.versions[self.version];
        let served = conversion::served_as(&self.state, &self.kind, version, stored).await;
        let bytes = match served {
            Ok(bytes) => bytes,
            Err(failure) => return error_line(&self.form, &failure),
        };
        match reply::object(&self.form, &self.kind, version, &bytes, self.state.now()) {
            Ok(object) => wrap(&self.form, name, object),
            Err(failure) => error_line(&self.form, &failure),
        }
    }

    fn bookmark(&self, revision: Revision, initial_end: bool) -> Line {
        let version = &self.kind.versions[self.version];
        let mut metadata = json!({ "resourceVersion": revision.to_string() });
        if initial_end {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        if self.form.shape == Shape::Plain {
            // Typed clients decode a bookmark as an object of the kind: give it what they require.
            metadata["creationTimestamp"] = Value::Null;
        }
        let object = match &self.form.shape {
            Shape::Plain => json!({
                "kind": self.kind.kind,
                "apiVersion": self.kind.api_version(version),
                "metadata": metadata,
            }),
            Shape::Table { version } => json!({
                "kind": "Table",
                "apiVersion": format!("meta.k8s.io/{version}"),
                "metadata": metadata,
                "columnDefinitions": [],
                "rows": [],
            }),
            Shape::Metadata => json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
            }),
        };
        wrap(&self.form, "BOOKMARK", object.to_string().into())
    }
}

/// Whether the client asked for the initial events to be sent, or not to be.
fn send_initial(call: &Call) -> Result<Option<bool>, Failure> {
    let wish = call.flag("sendInitialEvents");
    let matching = call.parameter("resourceVersionMatch");
    let detail = match (wish, matching) {
        (None, None) | (Some(_), Some("NotOlderThan")) => return Ok(wish),
        (Some(_), _) => "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        (None, Some(_)) => {
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        }
    };
    let cause = Cause::forbidden("resourceVersionMatch", detail);
    Err(Failure::invalid_options("ListOptions", vec![cause]))
}

/// An object as it was, with the revision of a later change.
fn at_revision(record: &Record, revision: Revision) -> Result<Bytes, Failure> {
    let mut object = crate::state::decode(record)?;
    let revision = revision.to_string().into();
    object
        .metadata()
        .insert("resourceVersion".to_owned(), revision);
    Ok(Value::Object(object.0).to_string().into())
}
