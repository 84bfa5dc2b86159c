//! Which pod a client stays with (`sessionAffinity: ClientIP`), by whichever of a Service's addresses it comes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceSpec;
use tokio::time::Instant;

use crate::ServiceName;
use crate::table::Endpoint;

/// How long a client stays with a pod where its Service does not say.
const USUAL: Duration = Duration::from_hours(3);
/// Above this many, those that are over are looked for.
const MANY: usize = 1024;

type Kept = BTreeMap<(ServiceName, IpAddr), (Arc<str>, Instant)>;

/// Clients and their pods.
#[derive(Debug, Default)]
pub(crate) struct Affinity(Mutex<Kept>);

/// A client that comes to a Service now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit<'a> {
    pub(crate) service: &'a ServiceName,
    pub(crate) client: IpAddr,
    /// How long it stays with a pod; nothing is kept without.
    pub(crate) patience: Option<Duration>,
    pub(crate) now: Instant,
}

/// How long the clients of a Service stay with a pod, where they do.
pub(crate) fn patience(spec: &ServiceSpec) -> Option<Duration> {
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return None;
    }
    let config = spec.session_affinity_config.as_ref();
    let seconds = config.and_then(|config| config.client_ip.as_ref()?.timeout_seconds);
    Some(seconds.map_or(USUAL, |it| Duration::from_secs(it.unsigned_abs().into())))
}

impl Affinity {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The endpoint that the client was with, if that is not too long ago and it is still among these.
    pub(crate) fn kept<'e>(
        &self,
        visit: Visit<'_>,
        endpoints: impl IntoIterator<Item = &'e Arc<Endpoint>>,
    ) -> Option<Arc<Endpoint>> {
        visit.patience?;
        let kept = self.lock();
        let (pod, until) = kept.get(&(visit.service.clone(), visit.client))?;
        let mut endpoints = endpoints.into_iter();
        let found = endpoints.find(|endpoint| endpoint.pod.uid == *pod)?;
        (*until > visit.now).then(|| found.clone())
    }

    /// Notes that the client is with an endpoint.
    pub(crate) fn keep(&self, visit: Visit<'_>, endpoint: &Endpoint) {
        let Some(patience) = visit.patience else {
            return;
        };
        let mut kept = self.lock();
        if kept.len() >= MANY {
            kept.retain(|_, (_, until)| *until > visit.now);
        }
        let key = (visit.service.clone(), visit.client);
        kept.insert(key, (endpoint.pod.uid.clone(), visit.now + patience));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::PodAddress;

    fn endpoint(uid: &str) -> Arc<Endpoint> {
        Arc::new(Endpoint {
            pod: PodAddress {
                namespace: "shop".into(),
                name: uid.into(),
                uid: uid.into(),
                ip: "10.0.0.1".into(),
            },
            port: 80,
            version: "unknown".into(),
            node: "".into(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_stays_with_its_pod_for_as_long_as_the_service_says() {
        let (affinity, service) = (Affinity::default(), ServiceName::new("shop", "web"));
        let endpoints = [endpoint("a"), endpoint("b")];
        let visit = |patience: Option<u64>, client: u8| Visit {
            service: &service,
            client: Ipv4Addr::new(10, 1, 0, client).into(),
            patience: patience.map(Duration::from_secs),
            now: Instant::now(),
        };
        affinity.keep(visit(Some(60), 1), &endpoints[1]);
        affinity.keep(visit(None, 2), &endpoints[1]);
        let kept = |visit, endpoints: &[Arc<Endpoint>]| {
            let kept = affinity.kept(visit, endpoints);
            kept.map(|endpoint| endpoint.pod.uid.to_string())
        };
        assert_eq!(kept(visit(Some(60), 1), &endpoints).as_deref(), Some("b"));
        assert_eq!(
            kept(visit(None, 1), &endpoints),
            None,
            "affinity was taken back"
        );
        assert_eq!(kept(visit(Some(60), 2), &endpoints), None, "another client");
        assert_eq!(
            kept(visit(Some(60), 1), &endpoints[..1]),
            None,
            "its pod is gone"
        );
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(kept(visit(Some(60), 1), &endpoints), None, "too long ago");
    }
}
