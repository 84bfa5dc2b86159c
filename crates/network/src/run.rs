//! Keeps the gateway's table in step with the cluster, and serves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ObjectReference, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use seatrial_controller::{Cache, Changes, Context, Notice, Object};
use seatrial_resources::istio::VirtualService;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::members::Members;
use crate::table::{Problem, Snapshot, Table};
use crate::{Connector, Gateway, RequestLog};

/// The name under which the gateway speaks to the API.
pub const NAME: &str = "gateway";

/// Changes within this time make one table.
const SETTLE: Duration = Duration::from_millis(5);
/// How long the first table waits for kinds that a cluster may not serve, such as VirtualServices on a
/// cluster without Istio.
const OPTIONAL_KINDS: Duration = Duration::from_secs(2);

/// Runs a gateway on a listener until `stop`: follows the cluster and serves.
pub async fn run(
    ctx: Context,
    listener: TcpListener,
    connector: Arc<dyn Connector>,
    log: Arc<RequestLog>,
    stop: CancellationToken,
) {
    let gateway = Gateway::new(connector, log);
    tokio::join!(
        follow(&ctx, &gateway, stop.clone()),
        gateway.serve(listener, stop)
    );
}

/// Publishes a table for every state of the cluster until `stop`. Apart from [`run`] for
/// callers that need the [`Gateway`] itself, to drain pods by.
pub async fn follow(ctx: &Context, gateway: &Gateway, stop: CancellationToken) {
    let ctx = ctx.named(NAME);
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = Follower::follow(&ctx, gateway) => {}
    }
}

struct Followed<K: Object> {
    cache: Cache<K>,
    changes: Changes<K>,
}

impl<K: Object> Followed<K> {
    fn new(cache: Cache<K>) -> Self {
        let changes = cache.subscribe();
        Self { cache, changes }
    }

    /// Forgets the changes that the next snapshot shows anyway.
    fn skip(&mut self) {
        self.changes.skip();
    }
}

struct Follower {
    services: Followed<Service>,
    slices: Followed<EndpointSlice>,
    pods: Members,
    ingresses: Followed<Ingress>,
    virtual_services: Followed<VirtualService>,
}

impl Follower {
    async fn follow(ctx: &Context, gateway: &Gateway) {
        let mut follower = Self::start(ctx).await;
        let mut reported = BTreeSet::new();
        loop {
            let started = Instant::now();
            let snapshot = follower.snapshot();
            let table = Table::build(&snapshot);
            report(ctx, &snapshot, table.problems(), &mut reported).await;
            gateway.publish(table);
            // It holds objects, and the wait may be long.
            drop(snapshot);
            // A large cluster in motion must not keep a core busy with tables.
            tokio::time::sleep(SETTLE.max(started.elapsed() * 8)).await;
            follower.changed().await;
        }
    }

    async fn start(ctx: &Context) -> Self {
        let follower = Self {
            services: Followed::new(ctx.cache().await),
            slices: Followed::new(ctx.cache().await),
            pods: Members::new(ctx.cache().await),
            ingresses: Followed::new(ctx.cache().await),
            virtual_services: Followed::new(ctx.caches.of()),
        };
        let synced = follower.virtual_services.cache.synced();
        if tokio::time::timeout(OPTIONAL_KINDS, synced).await.is_err() {
            tracing::info!("no VirtualServices yet: the cluster does not serve the kind");
        }
        follower
    }

    async fn changed(&mut self) {
        tokio::select! {
            biased;
            _ = self.services.changes.news() => {}
            _ = self.slices.changes.news() => {}
            () = self.pods.changed() => {}
            _ = self.ingresses.changes.news() => {}
            _ = self.virtual_services.changes.news() => {}
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        // Skipped before reading: a change that comes between is shown and announced once more.
        self.services.skip();
        self.slices.skip();
        self.ingresses.skip();
        self.virtual_services.skip();
        let (services, slices) = (self.services.cache.all(), self.slices.cache.all());
        Snapshot {
            pods: self.pods.newest(&services, &slices),
            services,
            slices,
            ingresses: self.ingresses.cache.all(),
            virtual_services: self.virtual_services.cache.all(),
        }
    }
}

/// Says new problems in the log and as events of their objects, each once while it lasts.
async fn report(
    ctx: &Context,
    snapshot: &Snapshot,
    problems: &[Problem],
    reported: &mut BTreeSet<Problem>,
) {
    reported.retain(|problem| problems.contains(problem));
    for problem in problems {
        if !reported.insert(problem.clone()) {
            continue;
        }
        tracing::warn!(%problem, "the gateway cannot do what an object asks for");
        let message = format!("{}: {}", problem.field, problem.message);
        let notice = Notice::warning("NotRouted", message);
        ctx.recorder
            .publish(&reference(snapshot, problem), &notice)
            .await;
    }
}

fn reference(snapshot: &Snapshot, problem: &Problem) -> ObjectReference {
    let is_meant = |metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
        metadata.namespace.as_deref() == Some(&problem.namespace)
            && metadata.name.as_deref() == Some(&problem.name)
    };
    let (version, metadata) = if problem.kind == "Ingress" {
        let found = snapshot
            .ingresses
            .iter()
            .find(|object| is_meant(&object.metadata));
        ("networking.k8s.io/v1", found.map(|object| &object.metadata))
    } else {
        let found = snapshot
            .virtual_services
            .iter()
            .find(|object| is_meant(&object.metadata));
        (
            "networking.istio.io/v1",
            found.map(|object| &object.metadata),
        )
    };
    ObjectReference {
        api_version: Some(version.to_owned()),
        kind: Some(problem.kind.to_owned()),
        namespace: Some(problem.namespace.clone()),
        name: Some(problem.name.clone()),
        uid: metadata.and_then(|metadata| metadata.uid.clone()),
        ..ObjectReference::default()
    }
}
