//! What the scraper looks at: the gateway, and pods that ask for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::{Cache, Change, Changes, ObjectKey};
use seatrial_network::fetch::fetch;
use seatrial_network::{PodAddress, RequestLog};
use seatrial_telemetry::Labels;
use seatrial_telemetry::scrape::{
    Conflicts, FetchError, PodTarget, Rendered, Source, Target, Targets as Port, pod_target,
};

use super::Reach;

/// The annotation of pods that ask to be scraped.
const SCRAPE: &str = "prometheus.io/scrape";

/// How long a pod may take to show its metrics.
const LIMIT: Duration = Duration::from_secs(1);

/// The gateway's own page, and annotated pods.
pub(crate) struct Targets {
    requests: Arc<RequestLog>,
    pods: Mutex<Annotated>,
    reach: Reach,
}

/// The pods that ask to be scraped. They are picked out as they change: to ask every pod each time
/// would be most of what an idle cluster with many pods does.
struct Annotated {
    changes: Changes<Pod>,
    known: BTreeMap<ObjectKey, PodTarget>,
}

impl Annotated {
    fn newest(&mut self) -> Vec<PodTarget> {
        while let Ok(news) = self.changes.try_news() {
            // Most pods ask for nothing, and their text says so.
            let change = news.mentions(SCRAPE).then(|| news.read()).flatten();
            let target = match change {
                Some(Change::Applied { object, .. }) => pod_target(&object),
                Some(Change::Removed(_)) | None => None,
            };
            match target {
                Some(target) => self.known.insert(news.key().clone(), target),
                None => self.known.remove(news.key()),
            };
        }
        self.known.values().cloned().collect()
    }
}

impl Targets {
    pub(crate) fn new(requests: Arc<RequestLog>, pods: &Cache<Pod>, reach: Reach) -> Self {
        let pods = Annotated {
            changes: pods.subscribe(),
            known: BTreeMap::new(),
        };
        Self {
            requests,
            pods: Mutex::new(pods),
            reach,
        }
    }
}

struct PodPage {
    target: PodTarget,
    reach: Reach,
}

#[async_trait]
impl Source for PodPage {
    async fn page(&self) -> Result<String, FetchError> {
        let PodTarget {
            namespace,
            name,
            uid,
            ip,
            port,
            path,
            ..
        } = &self.target;
        let address = PodAddress {
            namespace: namespace.as_str().into(),
            name: name.as_str().into(),
            uid: uid.as_str().into(),
            ip: ip.as_str().into(),
        };
        let bytes = fetch(&self.reach, &address, *port, path, LIMIT).await?;
        Ok(String::from_utf8(bytes.to_vec())?)
    }
}

#[async_trait]
impl Port for Targets {
    async fn targets(&self) -> Vec<Target> {
        let log = Arc::clone(&self.requests);
        let gateway = Target {
            labels: Labels::new([("job", "gateway"), ("instance", "gateway")]),
            conflicts: Conflicts::PageHolds,
            source: Arc::new(Rendered(move || log.render())),
        };
        let pods = self
            .pods
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .newest();
        let pods = pods.into_iter().map(|target| Target {
            labels: target.labels.clone(),
            conflicts: Conflicts::TargetHolds,
            source: Arc::new(PodPage {
                target,
                reach: self.reach.clone(),
            }),
        });
        std::iter::once(gateway).chain(pods).collect()
    }
}
