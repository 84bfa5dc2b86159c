//! Requests and their numbers: the gateway and the metrics.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use seatrial_network::{Gateway, RequestLog};
use seatrial_telemetry::scrape::Rhythm;
use seatrial_telemetry::{Limits, Telemetry};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::Parts;
use crate::adapter::{Reach, Targets};

/// How often everything is scraped. Short, so that a demo of seconds has numbers.
const RHYTHM: Rhythm = Rhythm {
    interval: Duration::from_secs(1),
    timeout: Duration::from_secs(1),
};

/// The running gateway and metrics.
pub(crate) struct Traffic {
    pub(crate) gateway: Gateway,
    pub(crate) requests: Arc<RequestLog>,
    pub(crate) telemetry: Telemetry,
}

pub(crate) fn start(
    parts: &Parts,
    reach: Reach,
    listener: TcpListener,
    metrics: TcpListener,
    tasks: &mut JoinSet<()>,
) -> Traffic {
    let requests = RequestLog::new();
    let gateway = Gateway::new(Arc::new(reach.clone()), Arc::clone(&requests));
    let (following, ctx, stop) = (gateway.clone(), parts.ctx.clone(), parts.stop.clone());
    tasks.spawn(async move { seatrial_network::follow(&ctx, &following, stop).await });
    let (serving, stop) = (gateway.clone(), parts.stop.clone());
    tasks.spawn(async move { serving.serve(listener, stop).await });

    let telemetry = Telemetry::new(parts.clock.clone(), Limits::default());
    let pods = parts.ctx.caches.of::<Pod>();
    let targets = Targets::new(Arc::clone(&requests), &pods, reach);
    tasks.spawn(seatrial_telemetry::scrape::run(
        telemetry.clone(),
        Arc::new(targets),
        RHYTHM,
    ));
    let router = seatrial_telemetry::http::router(telemetry.clone());
    let stop = parts.stop.clone();
    tasks.spawn(async move {
        let served = axum::serve(metrics, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "the metrics server stopped");
        }
    });
    Traffic {
        gateway,
        requests,
        telemetry,
    }
}
