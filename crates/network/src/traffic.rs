//! Turns and loads: which destination and which pod is next, and which pods are leaving.
//!
//! Everything is under one lock, so that choosing a pod, counting the request in, and closing a pod
//! that is being drained happen one after the other and never half.

mod split;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use self::split::Turns;
use crate::route::{Destination, Split};
use crate::table::{BackendPort, Endpoint, Table};

/// How many tables a pod's entry outlives the pod's last appearance in one.
const REMEMBERED_TABLES: u32 = 16;

/// The gateway's memory about requests under way.
#[derive(Debug, Default)]
pub struct Traffic {
    state: Mutex<State>,
    /// Woken when a table is published and when a pod that is leaving has no request left.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    splits: BTreeMap<Arc<str>, Turns>,
    pods: BTreeMap<Arc<str>, PodLoad>,
    /// Counts picks per Service port, so that equally loaded pods take turns.
    cursor: usize,
}

#[derive(Debug, Default)]
struct PodLoad {
    in_flight: u64,
    phase: Phase,
    absent: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Gets requests.
    #[default]
    Open,
    /// Gets requests only where no open pod is left.
    Draining,
    /// Gets none.
    Closed,
}

/// A request's hold on a pod: as long as it lives the request counts as in flight.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) endpoint: Arc<Endpoint>,
    traffic: Arc<Traffic>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.traffic.release(&self.endpoint.pod.uid);
    }
}

impl Traffic {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next turn of a split.
    ///
    /// Smooth weighted round robin, as nginx does it: each destination gains its weight, the
    /// richest serves and pays the sum. Of any consecutive requests whose number is the sum of the
    /// weights (reduced by their common divisor), each destination gets exactly its weight.
    pub fn choose<'s>(&self, split: &'s Split) -> &'s Destination {
        if let [only] = split.destinations.as_slice() {
            return only;
        }
        let mut state = self.lock();
        let turns = state.splits.entry(split.key.clone()).or_default();
        &split.destinations[turns.next(&split.destinations)]
    }

    /// Picks the endpoint with the fewest requests in flight; equals take turns. Endpoints in
    /// `tried` are left out. Pods that are leaving are used only when no other is left, and never
    /// after they were closed.
    pub(crate) fn lease(
        self: &Arc<Self>,
        port: &BackendPort,
        tried: &[Arc<Endpoint>],
    ) -> Option<Lease> {
        let mut state = self.lock();
        let start = state.cursor;
        state.cursor = state.cursor.wrapping_add(1);
        let open = state.least_loaded(&port.endpoints, Phase::Open, start, tried);
        let endpoint = open
            .or_else(|| state.least_loaded(&port.endpoints, Phase::Draining, start, tried))
            .or_else(|| state.least_loaded(&port.terminating, Phase::Draining, start, tried))?;
        state
            .pods
            .entry(endpoint.pod.uid.clone())
            .or_default()
            .in_flight += 1;
        drop(state);
        Some(Lease {
            endpoint,
            traffic: self.clone(),
        })
    }

    fn release(&self, uid: &str) {
        let mut state = self.lock();
        let Some(pod) = state.pods.get_mut(uid) else {
            return;
        };
        pod.in_flight = pod.in_flight.saturating_sub(1);
        let leaving = pod.in_flight == 0 && pod.phase != Phase::Open;
        if pod.in_flight == 0 && pod.phase == Phase::Open {
            state.pods.remove(uid);
        }
        drop(state);
        if leaving {
            self.changed.notify_waiters();
        }
    }

    /// The number of requests now in flight to a pod.
    pub fn in_flight(&self, uid: &str) -> u64 {
        self.lock().pods.get(uid).map_or(0, |pod| pod.in_flight)
    }

    /// Tells that a new table holds, and forgets pods that are long gone.
    pub(crate) fn table_published(&self, table: &Table) {
        let mut state = self.lock();
        state.pods.retain(|uid, pod| {
            pod.absent = if table.pods.contains_key(uid) {
                0
            } else {
                pod.absent + 1
            };
            pod.in_flight > 0 || pod.absent < REMEMBERED_TABLES
        });
        drop(state);
        self.changed.notify_waiters();
    }

    pub(crate) fn mark_draining(&self, uid: &Arc<str>) {
        let mut state = self.lock();
        let pod = state.pods.entry(uid.clone()).or_default();
        pod.phase = pod.phase.max(Phase::Draining);
    }

    /// Closes a leaving pod if no request is in flight to it; from then on none will be.
    pub(crate) fn close_if_idle(&self, uid: &str) -> bool {
        let mut state = self.lock();
        let Some(pod) = state.pods.get_mut(uid) else {
            return true;
        };
        if pod.in_flight == 0 {
            pod.phase = Phase::Closed;
        }
        pod.in_flight == 0
    }

    /// Closes a leaving pod whatever is in flight, and says how much that is.
    pub(crate) fn close(&self, uid: &Arc<str>) -> u64 {
        let mut state = self.lock();
        let pod = state.pods.entry(uid.clone()).or_default();
        pod.phase = Phase::Closed;
        pod.in_flight
    }

    /// Waits until `holds` is true, asking again at every change, at most for `limit`.
    pub(crate) async fn wait_until(&self, limit: Duration, holds: impl Fn() -> bool) -> bool {
        let wait = async {
            loop {
                // Subscribed before the question, so that no change falls between.
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if holds() {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(limit, wait).await.is_ok()
    }
}

impl State {
    fn least_loaded(
        &self,
        endpoints: &[Arc<Endpoint>],
        worst: Phase,
        start: usize,
        tried: &[Arc<Endpoint>],
    ) -> Option<Arc<Endpoint>> {
        let count = endpoints.len();
        let mut best: Option<(u64, &Arc<Endpoint>)> = None;
        for offset in 0..count {
            let endpoint = &endpoints[(start % count + offset) % count];
            let (in_flight, phase) = match self.pods.get(&endpoint.pod.uid) {
                Some(pod) => (pod.in_flight, pod.phase),
                None => (0, Phase::Open),
            };
            let is_tried = tried.iter().any(|other| Arc::ptr_eq(other, endpoint));
            if phase > worst || is_tried || best.is_some_and(|(least, _)| least <= in_flight) {
                continue;
            }
            best = Some((in_flight, endpoint));
        }
        best.map(|(_, endpoint)| endpoint.clone())
    }
}
