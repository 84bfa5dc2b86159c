//! `seatrial demo`: a real application from `git push` to production, three times.
//!
//! ```text
//!   v1 good   push ─ pipeline ─ staging ─ production
//!   v2 good   push ─ pipeline ─ staging ─ canary 10, 30, 50, 100   no request may fail
//!   v3 bad    push ─ pipeline ─ staging ─ canary, analysis fails, back to v2
//! ```
//!
//! Everything that is said was observed: through the API, and by a client of the gateway.

mod observe;
mod report;
mod repository;
mod screen;
mod traffic;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use kube::Api;
use kube::api::PostParams;
use seatrial_node::runtime::sandbox::detect::{self, Settings, Status};
use seatrial_resources::seatrial_dev::{Repository, SYSTEM_NAMESPACE};
use serde_json::json;

use crate::arguments::{Demo, Output};
use crate::cluster::{self, Cluster, Configuration, Data, Ports, RuntimeChoice};
use observe::Observer;
use report::{Release, Report};
use screen::Screen;
use traffic::Traffic;

include!(concat!(env!("OUT_DIR"), "/shop.rs"));

/// The host that the example's route answers to.
const HOST: &str = "shop.localhost";
/// The longest that one release may take.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) async fn run(demo: Demo) -> Result<ExitCode> {
    if demo.runtime == RuntimeChoice::Simulated {
        bail!(
            "a demo answers real requests, which simulated pods cannot: use auto, container or process"
        );
    }
    let temporary = tempfile::Builder::new()
        .prefix("seatrial-demo-")
        .tempdir()?;
    let root = demo
        .data_dir
        .clone()
        .unwrap_or_else(|| temporary.path().join("cluster"));
    let data = Data::open(std::path::absolute(root)?)?;
    check_machine(&data).await?;
    let mut screen = Screen::new(demo.output);
    let configuration = Configuration {
        name: "demo".to_owned(),
        runtime: demo.runtime,
        nodes: 1,
        pods_per_node: None,
        host_paths: seatrial_node::agent::HostPaths::Refused,
        ports: Ports {
            any: true,
            ..Ports::default()
        },
        advisories: None,
        admission: None,
        audit: cluster::Auditing::default(),
    };
    let cluster = Cluster::start(configuration, data).await?;
    cluster.nodes_ready(1, Duration::from_secs(30)).await?;
    cluster::write(cluster.data(), "demo", &cluster.endpoints.api, None)?;
    screen.event("cluster", &format!("ready; {}", cluster.runtime));
    let told = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        told = story(&demo, &cluster, temporary.path(), &mut screen) => told,
    };
    screen.done();
    let code = match &told {
        Ok(report) => {
            report.print(demo.output, &cluster)?;
            if report.is_as_promised() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(_) => ExitCode::FAILURE,
    };
    if demo.keep && told.is_ok() {
        keep(&cluster, &demo).await?;
    }
    cluster.stop().await?;
    told.map(|_| code)
}

/// What the story needs must be there before it begins.
async fn check_machine(data: &Data) -> Result<()> {
    let settings = Settings {
        directory: data.folder("runtime")?,
        executable: None,
    };
    let checks = detect::report(&settings).await;
    if let Some(check) = checks.iter().find(|check| check.status == Status::Failed) {
        let hint = check.hint.as_deref().unwrap_or("see `seatrial doctor`");
        bail!("{}: {}; {hint}", check.name, check.detail);
    }
    Ok(())
}

async fn story(
    demo: &Demo,
    cluster: &Cluster,
    folder: &std::path::Path,
    screen: &mut Screen,
) -> Result<Report> {
    let secrets = cluster.data().secrets()?;
    let mut shop = repository::WorkingCopy::new(
        folder.join("shop"),
        &format!("{}/shop.git", cluster.endpoints.git),
        &secrets.git_token,
    );
    shop.fill(demo.source.as_deref(), SHOP)?;
    prepare(cluster).await?;
    let traffic = Traffic::new(&cluster.endpoints.gateway, HOST);
    let mut observer = Observer::new(cluster.client.clone());
    let mut report = Report::new(cluster.runtime.clone());
    for (version, expected) in [
        ("v1", Release::Promoted),
        ("v2", Release::Promoted),
        ("v3", Release::RolledBack),
    ] {
        let (commit, subject) = shop.release(version).await?;
        screen.begin(&format!("{version}: {subject}"));
        let failed_before = traffic.failed();
        let pushed = tokio::time::Instant::now();
        shop.push().await?;
        let watch = observer.follow(version, &commit, pushed, &traffic, screen);
        let seen = tokio::time::timeout(PATIENCE, watch)
            .await
            .with_context(|| {
                format!("{version} was neither promoted nor rolled back in {PATIENCE:?}")
            })??;
        let failed = traffic.failed() - failed_before;
        report.add(version, &commit, expected, seen, failed);
    }
    // A moment more of traffic shows that the rollback holds.
    let before = traffic.failed();
    tokio::time::sleep(Duration::from_secs(2)).await;
    report.failed_after_rollback = traffic.failed() - before;
    traffic.stop().await;
    report.count(&cluster.requests, traffic.sent(), traffic.failed());
    Ok(report)
}

/// The repository, before the first push; the pipeline brings the Applications.
async fn prepare(cluster: &Cluster) -> Result<()> {
    let repositories: Api<Repository> = Api::namespaced(cluster.client.clone(), SYSTEM_NAMESPACE);
    let repository: Repository = serde_json::from_value(json!({
        "apiVersion": "seatrial.dev/v1alpha1",
        "kind": "Repository",
        "metadata": { "name": "shop" },
        "spec": { "defaultBranch": "main", "standsInFor": ["https://github.com/acme/shop.git"] },
    }))?;
    match repositories
        .create(&PostParams::default(), &repository)
        .await
    {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        outcome => drop(outcome.context("cannot make the repository")?),
    }
    Ok(())
}

/// Leaves the cluster up until Ctrl-C.
async fn keep(cluster: &Cluster, demo: &Demo) -> Result<()> {
    if demo.output == Output::Text {
        println!(
            "\nthe cluster stays up until Ctrl-C: kubectl --kubeconfig {} -n production get rollouts,pods",
            cluster.data().root().join("kubeconfig").display()
        );
        println!(
            "  the shop: curl -H 'Host: {HOST}' {}",
            cluster.endpoints.gateway
        );
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}
