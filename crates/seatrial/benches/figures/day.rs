//! A day of churn in virtual time, and what it leaves in memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use seatrial_network::{DirectConnector, Gateway, RequestLog};
use seatrial_testkit::Cluster;
use serde_json::{Value, json};

use crate::{Figures, Goal, hour};

const NAMESPACE: &str = "churn";
const HOURS: u32 = 24;
/// After so many everything that is kept for a while is there: Events for an hour, changes for minutes.
const SETTLED: u32 = 3;
/// How long changes are kept, as in the program.
const STEP: Duration = Duration::from_mins(5);
/// ConfigMaps made and deleted every hour, and pods replaced.
const MAPS: usize = 200;
const PODS: usize = 50;

/// What a day took, and by how many bytes the process has grown since [`SETTLED`].
pub(crate) struct Day {
    took: Duration,
    growth: Option<i64>,
}

pub(crate) fn live() -> Result<Day> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    let begun = Instant::now();
    let growth = runtime.block_on(churn())?;
    Ok(Day {
        took: begun.elapsed(),
        growth,
    })
}

impl Day {
    pub(crate) fn report(&self, figures: &mut Figures) {
        let what = "24 virtual hours of churn";
        figures.add(what, self.took.as_secs_f64(), "s", &Goal::AtMost(60.0));
        let what = "growth of memory from its third hour to its last";
        match self.growth {
            Some(bytes) => figures.add(what, bytes as f64 / 1e6, "MB", &Goal::AtMost(5.0)),
            None => Figures::skip(what, "this machine has no /proc"),
        }
    }
}

async fn churn() -> Result<Option<i64>> {
    let cluster = seatrial_testkit::seeded(9).await;
    let gateway = Gateway::new(Arc::new(DirectConnector), RequestLog::new());
    let mut parts = hour::start_parts(&cluster, &gateway);
    cluster.namespace(NAMESPACE).await?;
    let mut settled = None;
    for hour in 1..=HOURS {
        one_hour(&cluster, hour).await?;
        if hour == SETTLED {
            settled = resident();
        }
    }
    let growth = resident().zip(settled);
    parts.shutdown().await;
    cluster.server.stop();
    Ok(growth.map(|(last, first)| last - first))
}

/// A release, its pods replaced one after the other, and small objects that come and go.
async fn one_hour(cluster: &Cluster, hour: u32) -> Result<()> {
    cluster.apply(deployment(hour)).await?;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let mut seen = VecDeque::new();
    for step in 0..12 {
        for number in 0..MAPS / 12 {
            let name = format!("map-{hour}-{step}-{number}");
            cluster
                .apply(json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"churn": "yes"}},
                    "data": {"filler": "x".repeat(900)},
                }))
                .await?;
        }
        tokio::time::sleep(STEP).await;
        let all = ListParams::default().labels("churn=yes");
        maps.delete_collection(&DeleteParams::default(), &all)
            .await?;
        let store = &cluster.server.state().store;
        seen.push_back(store.revision());
        if seen.len() > 1
            && let Some(revision) = seen.pop_front()
        {
            store.compact(revision);
        }
    }
    let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web");
    let request = http::Request::get(path).body(Vec::new())?;
    let found: Value = cluster.client.request(request).await?;
    anyhow::ensure!(
        found["status"]["updatedReplicas"] == PODS && found["status"]["readyReplicas"] == PODS,
        "the release of hour {hour} is not out: {}",
        found["status"]
    );
    Ok(())
}

fn deployment(version: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {
            "replicas": PODS, "revisionHistoryLimit": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": format!("web:{version}")}]},
            },
        },
    })
}

/// The resident memory of this process in bytes.
fn resident() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: i64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
