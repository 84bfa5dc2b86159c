//! Services on the machine's own loopback: NodePorts at `127.0.0.1` and at the addresses of nodes, LoadBalancers at
//! an address of their own each.
//!
//! ```text
//!   Services ── plan (pure) ──▶ places to listen at, addresses to give out
//!                                 └▶ listener ── lease ──▶ endpoint ── Dialer ──▶ pod
//! ```
//!
//! **Invariants**
//! - Where to listen and which address a LoadBalancer gets is a pure function of the Services.
//! - An address that was given out stays as long as its Service is a LoadBalancer.
//! - A place that cannot be had is an event of its Service.

mod datagrams;
mod plan;
mod streams;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ObjectReference, Service};
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource as _};
use seatrial_controller::{Cache, Chain, Context, Notice};
use serde_json::json;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::plan::Range;
use self::plan::{Gift, Place};
use crate::log::{Carrier, ConnectionRecord, Noted};
use crate::pods::Dialer;
use crate::{Gateway, ServiceName};

/// The name under which addresses are given out.
pub const NAME: &str = "service-controller";

/// Changes within this time are looked at together.
const SETTLE: Duration = Duration::from_millis(5);

/// Whether there is anybody behind a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Processes that can be connected to.
    Pods,
    /// Simulated pods: addresses are given out, but nothing listens there.
    Nobody,
}

/// What is needed to expose Services.
pub struct Exposure {
    /// Chooses among a Service's pods.
    pub gateway: Gateway,
    /// Connects to them.
    pub dialer: Arc<dyn Dialer>,
    /// Where the addresses of LoadBalancers come from.
    pub range: Range,
    /// The addresses of nodes, where NodePorts are besides `127.0.0.1`.
    pub nodes: Vec<Ipv4Addr>,
    /// Whether to listen.
    pub behind: Behind,
}

/// Exposes Services until `stop`.
pub async fn run(ctx: Context, exposure: Exposure, stop: CancellationToken) {
    let ctx = ctx.named(NAME);
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = Exposed::follow(ctx, Arc::new(exposure)) => {}
    }
}

struct Exposed {
    ctx: Context,
    exposure: Arc<Exposure>,
    listening: BTreeMap<Place, (plan::Target, Listening)>,
    /// What was said about a place, so that it is said once.
    told: BTreeSet<(Place, ServiceName)>,
}

/// Ends with its task.
struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Exposed {
    async fn follow(ctx: Context, exposure: Arc<Exposure>) {
        let services: Cache<Service> = ctx.cache().await;
        let mut changes = services.subscribe();
        let mut exposed = Self {
            ctx,
            exposure,
            listening: BTreeMap::new(),
            told: BTreeSet::new(),
        };
        while changes.recv().await.is_some() {
            tokio::time::sleep(SETTLE).await;
            while changes.try_recv().is_ok() {}
            let all = services.all();
            let failures = exposed.give(&all).await;
            exposed.listen(&all).await;
            if failures > 0 {
                // The server could not be reached: all is looked at once more.
                changes = services.subscribe();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    /// Gives addresses to LoadBalancers, and takes them from Services that are none any more. Says how often
    /// that failed.
    async fn give(&self, services: &[Arc<Service>]) -> usize {
        let mut failures = 0;
        for gift in plan::gifts(services, self.exposure.range) {
            if let Err(error) = self.write(&gift).await {
                let Gift { service, .. } = &gift;
                tracing::warn!(%service, "an address is not given out: {}", Chain(&error));
                failures += 1;
            }
        }
        failures
    }

    async fn write(&self, gift: &Gift) -> Result<(), kube::Error> {
        let api: Api<Service> = Api::namespaced(self.ctx.client.clone(), &gift.service.namespace);
        let ingress = match gift.address {
            Some(address) => json!([{ "ip": address, "ipMode": "VIP" }]),
            None => json!(null),
        };
        let patch = json!({ "status": { "loadBalancer": { "ingress": ingress } } });
        let written = api
            .patch_status(
                &gift.service.name,
                &PatchParams::default(),
                &Patch::Merge(patch),
            )
            .await;
        match written {
            // It was deleted meanwhile.
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other.map(|_| ()),
        }
    }

    async fn listen(&mut self, services: &[Arc<Service>]) {
        if self.exposure.behind == Behind::Nobody {
            return;
        }
        let wanted = plan::places(services, &self.exposure.nodes);
        self.listening
            .retain(|place, (target, _)| wanted.get(place) == Some(target));
        self.told
            .retain(|(place, service)| wanted.get(place).is_some_and(|it| it.service == *service));
        for (place, target) in wanted {
            if self.listening.contains_key(&place) {
                continue;
            }
            match open(place, &target, &self.exposure).await {
                Ok(task) => {
                    self.listening.insert(place, (target, task));
                }
                Err(error) => self.tell(services, place, &target, &error).await,
            }
        }
    }

    async fn tell(
        &mut self,
        services: &[Arc<Service>],
        place: Place,
        target: &plan::Target,
        error: &io::Error,
    ) {
        if !self.told.insert((place, target.service.clone())) {
            return;
        }
        let what_to_do = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there",
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 are root's: run as root, choose another port, or set net.ipv4.ip_unprivileged_port_start"
            }
            io::ErrorKind::AddrNotAvailable => {
                "the address is not there: on macOS, sudo ifconfig lo0 alias it"
            }
            _ => "it is tried again when a Service changes",
        };
        let message = format!("cannot listen on {place}: {error}; {what_to_do}");
        let named = |service: &&Arc<Service>| {
            service.metadata.namespace.as_deref() == Some(&target.service.namespace)
                && service.metadata.name.as_deref() == Some(&target.service.name)
        };
        if let Some(service) = services.iter().find(named) {
            let about: ObjectReference = service.object_ref(&());
            let notice = Notice::warning("NotListening", message);
            self.ctx.recorder.publish(&about, &notice).await;
        }
    }
}

/// Listens at a place, and serves there until the result is dropped.
async fn open(
    place: Place,
    target: &plan::Target,
    exposure: &Arc<Exposure>,
) -> io::Result<Listening> {
    let (target, exposure) = (target.clone(), exposure.clone());
    let task = match place.carrier {
        Carrier::Tcp => {
            let listener = TcpListener::bind(place.address).await?;
            tokio::spawn(streams::serve(listener, target, exposure))
        }
        Carrier::Udp => {
            let socket = UdpSocket::bind(place.address).await?;
            tokio::spawn(datagrams::serve(socket, target, exposure))
        }
    };
    Ok(Listening(task))
}

/// The record of what comes from the machine to a Service.
fn note(target: &plan::Target, exposure: &Exposure, carrier: Carrier) -> Noted {
    let mut record = ConnectionRecord::new(carrier, "", "");
    record.asked(&target.service.namespace, &target.service.name);
    Noted::new(exposure.gateway.log(), record)
}

/// As whom a client is seen by the pod.
fn seen_as(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(_) => Ipv4Addr::LOCALHOST.into(),
    }
}
