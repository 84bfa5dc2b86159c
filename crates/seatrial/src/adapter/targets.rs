//! What the scraper looks at: the gateway, and pods that ask for it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::Cache;
use seatrial_network::fetch::fetch;
use seatrial_network::{PodAddress, RequestLog};
use seatrial_telemetry::Labels;
use seatrial_telemetry::scrape::{
    Conflicts, FetchError, PodTarget, Rendered, Source, Target, Targets as Port, pod_targets,
};

use super::Reach;

/// How long a pod may take to show its metrics.
const LIMIT: Duration = Duration::from_secs(1);

/// The gateway's own page, and annotated pods.
pub(crate) struct Targets {
    pub(crate) requests: Arc<RequestLog>,
    pub(crate) pods: Cache<Pod>,
    pub(crate) reach: Reach,
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
        let pods = pod_targets(&self.pods.all())
            .into_iter()
            .map(|target| Target {
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
