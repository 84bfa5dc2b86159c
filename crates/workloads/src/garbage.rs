//! Garbage collection: an object whose owners are all gone goes too.
//!
//! ```text
//!   discovery ──► one metadata cache per kind ──► queue ──► workers
//!        ▲                                                   │ dangling owners: delete
//!   a definition changed                                     │ owner waits (foreground): delete first
//!                                                            │ owner lets go (orphan): forget owner
//! ```
//!
//! **Guarantees**: nothing is deleted because a cache lagged: an owner counts as gone only after the
//! server said so, and the object's own references are read from the server first. Uids never come
//! back, so a uid once found absent stays absent.
//!
//! **Assumptions**: an owner lives in the namespace of its dependent, or at cluster scope; owners of
//! unknown kinds count as present.

mod act;
mod graph;
mod plan;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::future::{BoxFuture, join, join_all};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::ApiResource;
use seatrial_controller::{Chain, Change, Classify, Context, Delay, Notice, Queue};
use tokio::time::Instant;

use self::graph::{Graph, Item, Tracked};
use crate::discovery;
use crate::shell::Shell;

/// The collector's name.
pub const NAME: &str = "generic-garbage-collector";
/// How many objects are looked at at once.
const WORKERS: usize = 16;
/// How long after a change of definitions the kinds are discovered anew.
const SETTLE: Duration = Duration::from_millis(50);

/// Runs the collector until the returned future is dropped.
pub async fn run(ctx: Context) {
    let ctx = ctx.named(NAME);
    let graph = Graph::default();
    let queue = Queue::new(Delay {
        pace: Duration::ZERO,
        ..Delay::default()
    });
    let workers = join_all((0..WORKERS).map(|_| work(&ctx, &graph, &queue)));
    join(follow_kinds(&ctx, &graph, &queue), workers).await;
}

async fn work(ctx: &Context, graph: &Graph, queue: &Queue<Item>) {
    loop {
        let item = queue.next().await;
        let scope = ctx.scoped();
        match act::collect(&scope, graph, queue, &item).await {
            Ok(()) => queue.forget(&item),
            Err(error) => {
                tracing::debug!(?item, class = ?error.class(), "collect: {}", Chain(&error));
                queue.add_failed(item.clone());
            }
        }
        scope.caught_up().await;
        queue.done(&item);
    }
}

/// Keeps one cache per kind, and feeds the queue from their changes.
async fn follow_kinds(ctx: &Context, graph: &Graph, queue: &Queue<Item>) {
    // That they change is enough: their schemas, decoded, would be most of an idle cluster's memory.
    let kind = ApiResource::erase::<CustomResourceDefinition>(&());
    let definitions = ctx.caches.of_kind::<Shell>(&kind);
    definitions.synced().await;
    let mut changes = definitions.subscribe();
    let mut feeds: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
    let mut due = Some(Instant::now());
    loop {
        tokio::select! {
            biased;
            Some(_) = changes.recv() => {
                due.get_or_insert_with(|| Instant::now() + SETTLE);
            }
            () = sleep_until(due) => {
                due = None;
                match discovery::kinds(&ctx.client).await {
                    Ok(kinds) => {
                        for tracked in graph.track(kinds, &ctx.caches) {
                            feeds.push(feed(tracked, graph, queue).boxed());
                        }
                    }
                    Err(error) => {
                        tracing::warn!("discover kinds: {}", Chain(&error));
                        due = Some(Instant::now() + Duration::from_secs(1));
                    }
                }
            }
            Some(()) = feeds.next() => {}
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Turns the changes of one kind into work. Ends when the kind is no longer served.
async fn feed(tracked: Tracked, graph: &Graph, queue: &Queue<Item>) {
    let mut changes = tracked.cache.subscribe();
    while let Some(change) = changes.recv().await {
        for item in affected(&tracked, &change, graph) {
            queue.add(item);
        }
        if !graph.tracks(&tracked) {
            return;
        }
    }
}

/// Who must be looked at because of a change.
fn affected(tracked: &Tracked, change: &Change<Shell>, graph: &Graph) -> Vec<Item> {
    match change {
        Change::Applied { before, object } => {
            let mut items = Vec::new();
            if plan::needs_look(before.as_deref(), object) {
                items.push(tracked.item(object));
            }
            // An owner in foreground deletion may have waited for what no longer holds it.
            let before = before.as_deref().filter(|before| {
                before.metadata.owner_references != object.metadata.owner_references
            });
            items.extend(before.into_iter().flat_map(|it| graph.waiting_owners(it)));
            items
        }
        Change::Removed(object) => {
            let uid = object.metadata.uid.as_deref().unwrap_or_default();
            let dependents = graph
                .dependents(uid)
                .into_iter()
                .map(|(kind, one)| kind.item(&one));
            // An owner in foreground deletion waits for its last dependent.
            dependents.chain(graph.waiting_owners(object)).collect()
        }
    }
}

/// The event that a deleted dependent gets is none: it is gone. Owners of unknown kinds get this.
fn unknown_owner(kind: &str) -> Notice {
    Notice::warning(
        "OwnerRefUnknownKind",
        format!("The owner's kind {kind} is not served, so the owner counts as present"),
    )
}
