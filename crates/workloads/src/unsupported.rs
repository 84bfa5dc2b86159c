//! Kinds that are stored but not run: whoever makes one is told so, and what to use instead.

use futures::future::join_all;
use futures::{FutureExt, future::BoxFuture};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use seatrial_controller::{Change, Context, Notice, Static};

/// The source of the events.
pub const NAME: &str = "workload-advisor";

/// Emits one `NotSupported` event for each object of a kind that nothing runs, until dropped.
pub async fn run(ctx: Context) {
    let ctx = ctx.named(NAME);
    let watches: [BoxFuture<'_, ()>; 1] =
        [advise::<HorizontalPodAutoscaler>(&ctx, "set the size with kubectl scale").boxed()];
    join_all(watches).await;
}

async fn advise<K: Static>(ctx: &Context, instead: &str) {
    let mut changes = ctx.cache::<K>().await.subscribe();
    while let Some(change) = changes.recv().await {
        if let Change::Applied {
            before: None,
            object,
        } = change
        {
            let kind = K::kind(&());
            let text = format!("This version stores a {kind} but does not act on it: {instead}");
            let notice = Notice::warning("NotSupported", text);
            ctx.recorder.publish(&object.object_ref(&()), &notice).await;
        }
    }
}
