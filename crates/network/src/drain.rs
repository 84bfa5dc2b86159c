//! Draining: how a pod leaves without a request being lost.
//!
//! Flow of a pod's end, with the node agent on the left and the gateway on the right:
//!
//! ```text
//!   sees deletionTimestamp
//!   drain(pod) ───────────────▶ prefers other pods from this moment on
//!                               waits until its own table knows the deletion
//!                               waits until nothing is in flight to the pod
//!                               closes the pod: nothing will be sent again
//!   preStop, SIGTERM ◀───────── Drained::Empty
//! ```
//!
//! **Guarantee:** after `Drained::Empty` no request is in flight to the pod and none will be sent to
//! it. A pod whose successor became ready before its deletion was asked for (every rolling update
//! with `maxUnavailable: 0`) is closed only when the table knows that successor, because both
//! changes arrive through the same watch in their order. So no request fails on account of the update.
//!
//! **Assumptions:** the node agent awaits `drain` before it signals the pod, with a limit below
//! the pod's grace period; and the gateway is the way in. Connections that bypass it are not seen.
//!
//! **Caveats:** at the limit the pod is closed with requests in flight (`Drained::Cut`); long
//! streams and upgraded connections end that way, and have the rest of the grace period to finish.

use std::time::Duration;

use crate::PodAddress;
use crate::gateway::Gateway;
use crate::table::PodState;

/// How long the last pod of a Service stays reachable after its deletion was noticed, for changes
/// of other kinds (a Service's selector, a VirtualService) that were made before but arrive by
/// other watches.
const LAST_ENDPOINT_LINGERS: Duration = Duration::from_millis(200);

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Nothing is in flight, and nothing will be.
    Empty,
    /// The limit passed first. Nothing new will be sent.
    Cut {
        /// Requests still in flight.
        in_flight: u64,
    },
}

impl Gateway {
    /// Stops sending requests to a pod and waits, at most for `limit`, until those in flight are
    /// done. Safe to call more than once. See the [module](crate::drain) for the guarantee.
    pub async fn drain(&self, pod: &PodAddress, limit: Duration) -> Drained {
        let traffic = self.traffic();
        traffic.mark_draining(&pod.uid);
        let orderly = async {
            let noticed = || self.table().pods.get(&pod.uid) != Some(&PodState::Live);
            traffic.wait_until(limit, noticed).await;
            if self.table().is_last_endpoint(pod) {
                tokio::time::sleep(LAST_ENDPOINT_LINGERS).await;
            }
            traffic
                .wait_until(limit, || traffic.close_if_idle(&pod.uid))
                .await;
        };
        let _ = tokio::time::timeout(limit, orderly).await;
        let in_flight = traffic.close(&pod.uid);
        self.pool().forget(&pod.uid);
        if in_flight == 0 {
            Drained::Empty
        } else {
            Drained::Cut { in_flight }
        }
    }
}
