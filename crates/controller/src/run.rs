//! The loop around a reconciler: from a change to its outcome.

use std::future::Future;
use std::sync::Arc;

use futures::future::{BoxFuture, join_all};
use kube::Resource;
use serde::Serialize;
use serde_json::Value;
use tracing::Instrument;

use crate::outcome::Next;
use crate::write::Error as WriteError;
use crate::{
    Cache, Caches, Chain, Change, Class, Classify, Context, Delay, Notice, Object, ObjectKey,
    Outcome, Queue, Static, controller_of, key_of, merge_diff,
};

/// A controller of one kind.
///
/// ```
/// # use std::{convert::Infallible, sync::Arc};
/// # use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::Pod};
/// # use seatrial_controller::{Context, Outcome, Reconciler, Watches};
/// struct Replicas;
///
/// impl Reconciler for Replicas {
///     const NAME: &'static str = "replicaset-controller";
///     type Object = ReplicaSet;
///     type Error = Infallible;
///
///     fn watches(&self, watches: &mut Watches<ReplicaSet>) {
///         watches.owned::<Pod>();
///     }
///
///     async fn reconcile(&self, set: Arc<ReplicaSet>, ctx: &Context) -> Result<Outcome, Infallible> {
///         let pods = ctx.cache::<Pod>().await.owned_by(set.metadata.uid.as_deref().unwrap_or(""));
///         Ok(Outcome::settled().with_status(serde_json::json!({"replicas": pods.len()})))
///     }
/// }
/// ```
pub trait Reconciler: Send + Sync + 'static {
    /// The controller's name: its identity, field manager and event source.
    const NAME: &'static str;
    /// How many objects are worked on at once.
    const WORKERS: usize = 1;
    /// The kind it looks after.
    type Object: Static + Serialize;
    /// What can go wrong.
    type Error: Classify;

    /// Says what else wakes an object. Its own kind always does.
    fn watches(&self, watches: &mut Watches<Self::Object>) {
        let _ = watches;
    }

    /// How keys are paced and how failures back off.
    fn delay(&self) -> Delay {
        Delay::default()
    }

    /// Brings the world one step closer to what the object asks for.
    fn reconcile(
        &self,
        object: Arc<Self::Object>,
        ctx: &Context,
    ) -> impl Future<Output = Result<Outcome, Self::Error>> + Send;

    /// The status that reports a failure; `None` leaves it alone. It must not change from one
    /// identical failure to the next (no timestamps but a condition's transition time).
    fn failed(&self, object: &Self::Object, error: &Self::Error, ctx: &Context) -> Option<Value> {
        let _ = (object, error, ctx);
        None
    }

    /// The object is gone: forget what is remembered about it.
    fn gone(&self, key: &ObjectKey, ctx: &Context) -> impl Future<Output = ()> + Send {
        let _ = (key, ctx);
        async {}
    }
}

type Source = Box<dyn FnOnce(Context, Arc<Queue<ObjectKey>>) -> BoxFuture<'static, ()> + Send>;
type Synced = Box<dyn FnOnce(&Caches) -> BoxFuture<'static, ()> + Send>;

/// What wakes the objects of kind `K`, in the order in which it was declared.
pub struct Watches<K> {
    sources: Vec<(Synced, Source)>,
    kind: std::marker::PhantomData<fn(K)>,
}

impl<K: Static> Watches<K> {
    fn new() -> Self {
        Self {
            sources: Vec::new(),
            kind: std::marker::PhantomData,
        }
    }

    /// Objects wake themselves, without being decoded for that.
    fn own(&mut self) {
        let sync: Synced = Box::new(|caches| {
            let cache = caches.of::<K>();
            Box::pin(async move { cache.synced().await })
        });
        let source: Source = Box::new(|ctx, queue| {
            let mut changes = ctx.caches.of::<K>().subscribe();
            Box::pin(async move {
                while let Some(news) = changes.news().await {
                    queue.add(news.key().clone());
                }
            })
        });
        self.sources.push((sync, source));
    }

    /// Objects of kind `C` wake the `K` that is their controller, by owner reference.
    pub fn owned<C: Static>(&mut self) {
        self.owned_kind::<C>(());
    }

    /// As [`Watches::owned`], for a kind known at run time.
    pub fn owned_kind<C: Object>(&mut self, kind: <C as Resource>::DynamicType) {
        self.mapped_kind::<C, _>(kind, |child, _| {
            controller_of(child)
                .filter(|owner| {
                    owner.kind == K::kind(&()) && owner.api_version == K::api_version(&())
                })
                .map(|owner| ObjectKey::new(key_of(child).namespace, owner.name.as_str()))
                .into_iter()
                .collect()
        });
    }

    /// Objects of kind `C` wake the keys that `map` names. A changed object is mapped as it was and
    /// as it is.
    pub fn mapped<C, F>(&mut self, map: F)
    where
        C: Static,
        F: Fn(&C, &Caches) -> Vec<ObjectKey> + Send + 'static,
    {
        self.mapped_kind::<C, F>((), map);
    }

    /// As [`Watches::mapped`], for a kind known at run time.
    pub fn mapped_kind<C, F>(&mut self, kind: <C as Resource>::DynamicType, map: F)
    where
        C: Object,
        F: Fn(&C, &Caches) -> Vec<ObjectKey> + Send + 'static,
    {
        let other = kind.clone();
        let sync: Synced = Box::new(move |caches| {
            let cache = caches.of_kind::<C>(&other);
            Box::pin(async move { cache.synced().await })
        });
        let source: Source = Box::new(move |ctx, queue| {
            let cache = ctx.caches.of_kind::<C>(&kind);
            Box::pin(forward(cache, ctx.caches, queue, map))
        });
        self.sources.push((sync, source));
    }
}

async fn forward<C: Object>(
    cache: Cache<C>,
    caches: Caches,
    queue: Arc<Queue<ObjectKey>>,
    map: impl Fn(&C, &Caches) -> Vec<ObjectKey> + Send,
) {
    let mut changes = cache.subscribe();
    while let Some(change) = changes.recv().await {
        let (before, object) = match &change {
            Change::Applied { before, object } => (before.as_ref(), object),
            Change::Removed(object) => (None, object),
        };
        for key in before
            .into_iter()
            .chain([object])
            .flat_map(|object| map(object, &caches))
        {
            queue.add(key);
        }
    }
}

/// Runs a controller until the returned future is dropped.
///
/// Flow: sync every cache it declared → subscribe, own kind first → workers. The future does all of
/// the controller's work itself and spawns nothing, so dropping it stops the controller at once.
pub async fn run<R: Reconciler>(reconciler: R, ctx: Context) {
    let ctx = ctx.named(R::NAME);
    let mut watches = Watches::new();
    watches.own();
    reconciler.watches(&mut watches);
    let queue = Arc::new(Queue::new(reconciler.delay()));
    let (syncs, sources): (Vec<_>, Vec<_>) = watches.sources.into_iter().unzip();
    // All start listing before the first is waited for.
    let syncs: Vec<_> = syncs.into_iter().map(|sync| sync(&ctx.caches)).collect();
    for sync in syncs {
        sync.await;
    }
    let feeds: Vec<_> = sources
        .into_iter()
        .map(|source| source(ctx.clone(), queue.clone()))
        .collect();
    let kit = Kit {
        cache: ctx.caches.of::<R::Object>(),
        reconciler,
        ctx,
        queue,
    };
    let workers = (0..R::WORKERS.max(1)).map(|_| kit.work());
    futures::future::join(join_all(feeds), join_all(workers)).await;
}

struct Kit<R: Reconciler> {
    reconciler: R,
    ctx: Context,
    cache: Cache<R::Object>,
    queue: Arc<Queue<ObjectKey>>,
}

/// Why a pass failed: the controller's own error, or the kit's in writing the outcome.
enum Failure<E> {
    Reconcile(E),
    Status(WriteError),
    Encode(serde_json::Error),
}

impl<R: Reconciler> Kit<R> {
    async fn work(&self) {
        loop {
            let key = self.queue.next().await;
            let span = tracing::debug_span!("reconcile", controller = R::NAME, object = %key);
            self.pass(&key).instrument(span).await;
            self.queue.done(&key);
        }
    }

    /// One pass over one key: reconcile, then the one exit.
    async fn pass(&self, key: &ObjectKey) {
        let Some(object) = self.cache.get(key) else {
            self.queue.forget(key);
            self.reconciler.gone(key, &self.ctx).await;
            return;
        };
        let ctx = self.ctx.scoped();
        let start = ctx.clock.now();
        let result = self.reconciler.reconcile(object.clone(), &ctx).await;
        let busy = ctx.clock.now().duration_since(start).unsigned_abs();
        ctx.metrics
            .record(R::NAME, |counters| counters.busy += busy);
        let result = match result {
            Ok(outcome) => self.conclude(key, &object, &ctx, outcome).await,
            Err(error) => Err(Failure::Reconcile(error)),
        };
        if let Err(failure) = result {
            self.fail(key, &object, &ctx, failure).await;
        }
        ctx.caught_up().await;
    }

    async fn conclude(
        &self,
        key: &ObjectKey,
        object: &R::Object,
        ctx: &Context,
        outcome: Outcome,
    ) -> Result<(), Failure<R::Error>> {
        let about = object.object_ref(&());
        for notice in &outcome.events {
            ctx.recorder.publish(&about, notice).await;
        }
        if let Some(status) = outcome.status {
            self.write_status(key, object, ctx, &status.map_err(Failure::Encode)?)
                .await?;
        }
        ctx.metrics
            .record(R::NAME, |counters| counters.succeeded += 1);
        self.queue.forget(key);
        match outcome.next {
            Next::Waiting(after) => self.queue.add_after(key.clone(), after),
            Next::Settled | Next::Progressing => {}
        }
        tracing::debug!(next = ?outcome.next, "reconciled");
        Ok(())
    }

    async fn write_status(
        &self,
        key: &ObjectKey,
        object: &R::Object,
        ctx: &Context,
        status: &Value,
    ) -> Result<(), Failure<R::Error>> {
        let mut current = serde_json::to_value(object).map_err(Failure::Encode)?;
        let Some(patch) = merge_diff(&current["status"].take(), status) else {
            return Ok(());
        };
        match ctx.objects::<R::Object>().patch_status(key, &patch).await {
            Ok(()) => ctx
                .metrics
                .record(R::NAME, |counters| counters.status_writes += 1),
            // Deleted meanwhile: there is nothing left to report on.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(Failure::Status(error)),
        }
        Ok(())
    }

    async fn fail(
        &self,
        key: &ObjectKey,
        object: &R::Object,
        ctx: &Context,
        failure: Failure<R::Error>,
    ) {
        let (class, reason, text) = match &failure {
            Failure::Reconcile(error) => (error.class(), error.reason(), Chain(error).to_string()),
            Failure::Status(error) => (Class::Retry, "StatusError", Chain(error).to_string()),
            Failure::Encode(error) => (Class::Terminal, "StatusError", Chain(error).to_string()),
        };
        match class {
            Class::Retry => {
                ctx.metrics
                    .record(R::NAME, |counters| counters.retried += 1);
                let wait = self.queue.add_failed(key.clone());
                tracing::warn!(?wait, "{text}");
            }
            Class::Terminal => {
                ctx.metrics.record(R::NAME, |counters| counters.failed += 1);
                self.queue.forget(key);
                tracing::warn!("{text} (waiting for the object to change)");
            }
        }
        let about = object.object_ref(&());
        ctx.recorder
            .publish(&about, &Notice::warning(reason, text))
            .await;
        let Failure::Reconcile(error) = failure else {
            return;
        };
        let Some(status) = self.reconciler.failed(object, &error, ctx) else {
            return;
        };
        if let Err(Failure::Status(error)) = self.write_status(key, object, ctx, &status).await {
            tracing::warn!("report the failure: {}", Chain(&error));
        }
    }
}
