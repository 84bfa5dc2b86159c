//! Clusters with many pods: how fast they start, and what they weigh.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use http::Method;
use serde_json::{Value, json};

use crate::load::{self, Client, PLAIN, TABLE};
use crate::program::{Access, Program};
use crate::{Figures, Goal, millis};

/// The pods of each Deployment.
const REPLICAS: usize = 100;

/// How many pods to make, on how many nodes, in how many namespaces.
struct Size {
    pods: usize,
    nodes: u16,
    namespaces: usize,
}

/// Ten thousand pods: the next start, the lists, and the memory of each beyond its own bytes.
/// `empty` is the resident memory of a cluster without pods.
pub(crate) async fn ten_thousand(figures: &mut Figures, empty: Option<u64>) -> Result<()> {
    let size = Size {
        pods: 10_000,
        nodes: 100,
        namespaces: 10,
    };
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("cluster");
    let program = Program::start(&data, size.nodes)?;
    let access = program.access()?;
    fill(&access, &size).await?;
    let (took, bytes) = load::list(&access, "/api/v1/pods", PLAIN).await?;
    let what = format!("list of 10,000 pods over TLS ({} MB)", bytes / 1_000_000);
    figures.add(&what, millis(took), "ms", &Goal::AtMost(120.0));
    let (took, _) = load::list(&access, "/api/v1/pods", TABLE).await?;
    let what = "table of 10,000 pods over TLS";
    figures.add(what, millis(took), "ms", &Goal::AtMost(80.0));
    program.stop()?;

    let begun = Instant::now();
    let program = Program::start(&data, size.nodes)?;
    let took = begun.elapsed();
    let what = "process start to ready with these pods stored";
    figures.add(what, millis(took), "ms", &Goal::AtMost(600.0));
    tokio::time::sleep(Duration::from_secs(15)).await;
    let what = "memory of each stored pod above its encoded size, idle";
    match (program.resident(), empty) {
        (Some(full), Some(empty)) => {
            let each = full.saturating_sub(empty) as f64 / size.pods as f64;
            let above = each - bytes as f64 / size.pods as f64;
            figures.add(what, above / 1000.0, "KB", &Goal::AtMost(3.0));
        }
        _ => Figures::skip(what, "this machine has no /proc"),
    }
    program.stop()
}

/// A hundred thousand pods on five thousand nodes.
pub(crate) async fn hundred_thousand(figures: &mut Figures) -> Result<()> {
    let size = Size {
        pods: 100_000,
        nodes: 5_000,
        namespaces: 100,
    };
    let folder = tempfile::tempdir()?;
    let program = Program::start(&folder.path().join("cluster"), size.nodes)?;
    let access = program.access()?;
    let begun = Instant::now();
    fill(&access, &size).await?;
    let rate = size.pods as f64 / begun.elapsed().as_secs_f64();
    let what = "100,000 pods of Deployments on 5,000 nodes, to Ready";
    figures.add(what, rate, "/s", &Goal::AtLeast(500.0));
    tokio::time::sleep(Duration::from_secs(20)).await;
    let what = "memory of that cluster (resident)";
    match program.resident() {
        Some(bytes) => figures.add(what, bytes as f64 / 1e6, "MB", &Goal::AtMost(1_000.0)),
        None => Figures::skip(what, "this machine has no /proc"),
    }
    let (took, _) = load::list(&access, "/api/v1/namespaces/n7/pods", TABLE).await?;
    let what = "the 1,000 pods of one namespace of them, as a table";
    figures.add(what, millis(took), "ms", &Goal::AtMost(100.0));
    program.stop()
}

/// Makes the Deployments and waits until all their pods are ready.
async fn fill(access: &Access, size: &Size) -> Result<()> {
    let mut client = Client::connect(access).await?;
    for namespace in 0..size.namespaces {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("n{namespace}")}});
        client.create("/api/v1/namespaces", &object).await?;
    }
    let deployments = size.pods / REPLICAS;
    for number in 0..deployments {
        let path = deployments_in(&format!("n{}", number % size.namespaces));
        let object = load::deployment_of(&format!("web-{number}"), REPLICAS);
        client.create(&path, &object).await?;
    }
    let limit = Duration::from_mins(10);
    let begun = Instant::now();
    loop {
        let path = "/apis/apps/v1/deployments";
        let (_, said) = client.call(Method::GET, path, String::new()).await?;
        let found: Value = serde_json::from_slice(&said)?;
        let ready = |one: &Value| one["status"]["readyReplicas"].as_u64().unwrap_or_default();
        let ready: u64 = found["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(ready)
            .sum();
        if ready >= size.pods as u64 {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < limit,
            "{ready} pods are ready after {limit:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn deployments_in(namespace: &str) -> String {
    let path = Path::new("/apis/apps/v1/namespaces").join(namespace);
    path.join("deployments").display().to_string()
}
