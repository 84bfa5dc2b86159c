//! Which pod a client stays with (`sessionAffinity: ClientIP`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::view::Front;
use crate::ServiceName;

/// Above this many, those that are over are looked for.
const MANY: usize = 1024;

type Kept = BTreeMap<(ServiceName, IpAddr), (Arc<str>, Instant)>;

/// Clients and their pods.
#[derive(Debug, Default)]
pub(super) struct Affinity(Mutex<Kept>);

impl Affinity {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The uid of the pod that a client was with, if that is not too long ago.
    pub(super) fn kept(&self, front: &Front, client: IpAddr, now: Instant) -> Option<Arc<str>> {
        front.affinity?;
        let kept = self.lock();
        let (pod, until) = kept.get(&(front.name.clone(), client))?;
        (*until > now).then(|| pod.clone())
    }

    /// Notes that a client is with a pod.
    pub(super) fn keep(&self, front: &Front, client: IpAddr, pod: &Arc<str>, now: Instant) {
        let Some(patience) = front.affinity else {
            return;
        };
        let mut kept = self.lock();
        if kept.len() >= MANY {
            kept.retain(|_, (_, until)| *until > now);
        }
        let key = (front.name.clone(), client);
        kept.insert(key, (pod.clone(), now + patience));
    }
}
