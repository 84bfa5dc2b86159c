//! How long one change takes to reach a thousand watchers, each with a connection of its own.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use http_body_util::BodyExt as _;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::sync::mpsc;

use crate::load::{Client, PLAIN};
use crate::program::Program;
use crate::{Figures, Goal, millis};

const WATCHERS: usize = 1_000;
/// How many changes are timed.
const CHANGES: usize = 20;
const PATH: &str = "/api/v1/namespaces/default/configmaps";

pub(crate) async fn fan_out(figures: &mut Figures) -> Result<()> {
    let what = "one change to 1,000 watchers over TLS, 99th percentile";
    // Both ends of each connection are files, of this process and of its child.
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files)?;
    if files.current.is_some_and(|most| most < 2 * WATCHERS as u64) {
        Figures::skip(what, "too few files may be open (ulimit -n)");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let program = Program::start(&folder.path().join("cluster"), 1)?;
    let access = program.access()?;
    let (sender, mut arrivals) = mpsc::unbounded_channel();
    for _ in 0..WATCHERS {
        let mut client = Client::connect(&access).await?;
        let path = format!("{PATH}?watch=true&labelSelector=timed%3Dyes");
        let mut body = client.read(&path, PLAIN).await?.into_body();
        let sender = sender.clone();
        tokio::spawn(async move {
            // Kept, or the connection ends.
            let _client = client;
            while let Some(Ok(frame)) = body.frame().await {
                if frame.data_ref().is_some_and(|data| data.ends_with(b"\n")) {
                    let _ = sender.send(Instant::now());
                }
            }
        });
    }
    let mut writer = Client::connect(&access).await?;
    let mut delays = Vec::with_capacity(WATCHERS * CHANGES);
    for number in 0..CHANGES {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"filler": "x".repeat(900)},
            "metadata": {"name": format!("c-{number}"), "labels": {"timed": "yes"}},
        });
        let begun = Instant::now();
        writer.create(PATH, &object).await?;
        for _ in 0..WATCHERS {
            let limit = Duration::from_secs(10);
            let arrived = tokio::time::timeout(limit, arrivals.recv()).await;
            let arrived = arrived.context("a watcher heard nothing")?;
            delays.push(arrived.context("no watcher is left")?.duration_since(begun));
        }
    }
    delays.sort();
    ensure!(!delays.is_empty(), "nothing was measured");
    let last = delays[delays.len() * 99 / 100];
    figures.add(what, millis(last), "ms", &Goal::AtMost(60.0));
    program.stop()
}
