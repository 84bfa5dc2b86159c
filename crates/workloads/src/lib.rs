//! The controllers of built-in workloads.
//!
//! ```text
//!   Deployment ──► ReplicaSet ──► Pod ◄── ReplicationController, StatefulSet, DaemonSet, Job ◄── CronJob
//!                                  │
//!   Service ──► Endpoints, EndpointSlice       Namespace ──► its contents, its ServiceAccount
//!   HorizontalPodAutoscaler ──► the scale of any of these
//!
//!   garbage: whoever's owners are gone goes too     lost_pods: whoever's node is gone goes too
//!   node_lifecycle: whoever's node is silent is not ready, then evicted
//!   expired_events: what was not renewed for an hour goes
//! ```
//!
//! Each controller has one folder: `observe` (reads), `plan` (pure `decide`), `act` (writes),
//! `status` (pure). They meet only through API objects.
//!
//! **Invariants**: names, annotations, conditions and events are upstream's, so that unmodified
//! clients read them; every decision is a pure function of what was observed and the time.

pub mod account_token;
pub mod aggregation;
pub mod autoscaler;
pub mod certificates;
pub mod cron_job;
pub mod daemon_set;
pub mod deployment;
pub mod discovery;
pub mod disruption;
pub mod endpoint_mirror;
pub mod endpoints;
pub mod ephemeral_volume;
pub mod expired_events;
pub mod garbage;
mod history;
pub mod job;
pub mod lost_pods;
pub mod namespace;
pub mod node_lifecycle;
mod ownership;
mod pod;
pub mod quota;
pub mod replica_set;
pub mod replication_controller;
pub mod root_certificate;
mod scaled;
pub mod selector;
pub mod service_account;
mod shell;
pub mod stateful_set;
mod taint;
mod target;
mod template;
pub mod volume;

use futures::future::{BoxFuture, join_all};
use seatrial_controller::Context;

pub use self::account_token::AccountTokens;
pub use self::aggregation::AggregatedRoles;
pub use self::autoscaler::Autoscalers;
pub use self::certificates::Certificates;
pub use self::cron_job::CronJobs;
pub use self::daemon_set::DaemonSets;
pub use self::deployment::Deployments;
pub use self::disruption::Disruptions;
pub use self::endpoint_mirror::EndpointMirror;
pub use self::endpoints::ServiceEndpoints;
pub use self::job::Jobs;
pub use self::namespace::Namespaces;
pub use self::quota::ResourceQuotas;
pub use self::replica_set::ReplicaSets;
pub use self::replication_controller::ReplicationControllers;
pub use self::root_certificate::RootCertificates;
pub use self::service_account::ServiceAccounts;
pub use self::stateful_set::StatefulSets;
pub use self::volume::{Claims, Volumes};

/// Every controller of this crate, by name, ready to be run. Dropping a future stops its controller.
pub fn controllers(ctx: &Context) -> Vec<(&'static str, BoxFuture<'static, ()>)> {
    use seatrial_controller::Reconciler;

    fn one<R: Reconciler>(reconciler: R, ctx: &Context) -> (&'static str, BoxFuture<'static, ()>) {
        (
            R::NAME,
            Box::pin(seatrial_controller::run(reconciler, ctx.clone())),
        )
    }
    vec![
        one(Deployments, ctx),
        one(ReplicaSets, ctx),
        one(ReplicationControllers, ctx),
        one(StatefulSets, ctx),
        one(DaemonSets::default(), ctx),
        one(Jobs, ctx),
        one(CronJobs, ctx),
        one(Disruptions, ctx),
        one(Autoscalers::default(), ctx),
        one(ServiceEndpoints, ctx),
        one(EndpointMirror, ctx),
        one(Namespaces, ctx),
        one(ServiceAccounts, ctx),
        one(AccountTokens, ctx),
        one(ResourceQuotas::default(), ctx),
        one(Claims, ctx),
        one(Volumes, ctx),
        (
            "storage-class-installer",
            Box::pin(volume::ensure_standard(ctx.clone())),
        ),
        one(AggregatedRoles::default(), ctx),
        (garbage::NAME, Box::pin(garbage::run(ctx.clone()))),
        (lost_pods::NAME, Box::pin(lost_pods::run(ctx.clone()))),
        (
            node_lifecycle::NAME,
            Box::pin(node_lifecycle::run(ctx.clone())),
        ),
        (
            ephemeral_volume::NAME,
            Box::pin(ephemeral_volume::run(ctx.clone())),
        ),
        (
            expired_events::NAME,
            Box::pin(expired_events::run(ctx.clone())),
        ),
    ]
}

/// Runs every controller of this crate until the returned future is dropped.
pub async fn run(ctx: Context) {
    join_all(
        controllers(&ctx)
            .into_iter()
            .map(|(_, controller)| controller),
    )
    .await;
}

/// The condition type by which a ReplicaSet, and its Deployment after it, reports failed pods.
fn replica_set_failure() -> &'static str {
    "ReplicaFailure"
}
