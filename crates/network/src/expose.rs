//! What of the cluster is on the machine's own loopback: NodePorts and ports of pods at `127.0.0.1` and at the
//! addresses of nodes, LoadBalancers at an address of their own each.
//!
//! ```text
//!   Services, Pods ── plan (pure) ──▶ places to listen at, addresses to give out
//!                                 └▶ listener ── lease ──▶ endpoint ── Dialer ──▶ pod
//! ```
//!
//! **Invariants**
//! - Where to listen and which address a LoadBalancer gets is a pure function of Services and pods.
//! - An address that was given out stays as long as its Service is a LoadBalancer.
//! - A place that cannot be had is an event of its Service.

mod datagrams;
mod host_port;
mod plan;
mod streams;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ObjectReference, Pod, Service};
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource as _};
use seatrial_controller::{Cache, Chain, Change, Changes, Context, Notice, ObjectKey, key_of};
use serde_json::json;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::plan::Range;
use self::plan::{Gift, Goal, Place};
use crate::Gateway;
use crate::log::{Carrier, ConnectionRecord, Noted};
use crate::pods::Dialer;

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
    /// Pods that have ports on their node.
    pods: BTreeMap<ObjectKey, Arc<Pod>>,
    /// For whom a place could not be had, so that it is said once.
    told: BTreeMap<Place, Goal>,
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
        let mut pods = match exposure.behind {
            Behind::Pods => Some(ctx.cache::<Pod>().await.subscribe()),
            Behind::Nobody => None,
        };
        let mut exposed = Self {
            ctx,
            exposure,
            listening: BTreeMap::new(),
            pods: BTreeMap::new(),
            told: BTreeMap::new(),
        };
        loop {
            tokio::select! {
                biased;
                change = changes.recv() => if change.is_none() { return },
                change = next(pods.as_mut()) => if !exposed.note(&change) { continue },
            }
            tokio::time::sleep(SETTLE).await;
            while changes.try_recv().is_ok() {}
            while let Some(Ok(change)) = pods.as_mut().map(Changes::try_recv) {
                exposed.note(&change);
            }
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

    /// Notes a pod; says whether that changes where to listen.
    fn note(&mut self, change: &Change<Pod>) -> bool {
        let pod = change.object();
        let key = key_of(&**pod);
        match change {
            Change::Applied { .. } if host_port::wants(pod) => {
                self.pods.insert(key, pod.clone());
                true
            }
            _ => self.pods.remove(&key).is_some(),
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
        let wanted = plan::places(services, self.pods.values(), &self.exposure.nodes);
        self.listening
            .retain(|place, (target, _)| wanted.get(place) == Some(target));
        self.told
            .retain(|place, goal| wanted.get(place).is_some_and(|it| it.goal == *goal));
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
        let before = self.told.insert(place, target.goal.clone());
        if before.as_ref() == Some(&target.goal) {
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
        if let Some(about) = self.reference(services, &target.goal) {
            let notice = Notice::warning("NotListening", message);
            self.ctx.recorder.publish(&about, &notice).await;
        }
    }

    /// Whose event it is.
    fn reference(&self, services: &[Arc<Service>], goal: &Goal) -> Option<ObjectReference> {
        match goal {
            Goal::Port(name, _) | Goal::Health(name) => {
                let named = |service: &&Arc<Service>| {
                    let metadata = &service.metadata;
                    metadata.namespace.as_deref() == Some(&name.namespace)
                        && metadata.name.as_deref() == Some(&name.name)
                };
                let service = services.iter().find(named)?;
                Some(service.object_ref(&()))
            }
            Goal::Pod(pod, _) => {
                let key = ObjectKey::new(pod.namespace.clone(), pod.name.clone());
                let pod = self.pods.get(&key)?;
                Some(pod.object_ref(&()))
            }
        }
    }
}

/// The next change; none comes where nobody is followed, or nobody is there any more to tell.
async fn next(pods: Option<&mut Changes<Pod>>) -> Change<Pod> {
    if let Some(pods) = pods
        && let Some(change) = pods.recv().await
    {
        return change;
    }
    std::future::pending().await
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
    let (namespace, service) = target.goal.asked();
    record.asked(namespace, service);
    Noted::new(exposure.gateway.log(), record)
}

/// As whom a client is seen by the pod.
fn seen_as(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(_) => Ipv4Addr::LOCALHOST.into(),
    }
}
