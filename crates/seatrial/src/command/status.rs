//! `seatrial status` and `seatrial kubeconfig`.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use seatrial_resources::argoproj::{Application, Rollout};
use seatrial_resources::seatrial_dev::PipelineRun;
use serde_json::json;

use crate::arguments::{Output, Which};

pub(crate) async fn run(which: Which) -> Result<ExitCode> {
    let data = super::data(&which)?;
    let Some(state) = data.state() else {
        if which.output == Output::Json {
            println!("{}", json!({ "running": false, "data": data.root() }));
        } else {
            println!(
                "cluster {} is not running; start it with `seatrial up`",
                which.name
            );
        }
        return Ok(ExitCode::FAILURE);
    };
    let kubeconfig = Kubeconfig::read_from(data.root().join("kubeconfig"))
        .context("the cluster's kubeconfig cannot be read")?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    let count = async |name| -> Result<usize> {
        let all = ListParams::default();
        Ok(match name {
            "nodes" => Api::<Node>::all(client.clone())
                .list_metadata(&all)
                .await?
                .items
                .len(),
            "pods" => Api::<Pod>::all(client.clone())
                .list_metadata(&all)
                .await?
                .items
                .len(),
            "applications" => Api::<Application>::all(client.clone())
                .list_metadata(&all)
                .await?
                .items
                .len(),
            "rollouts" => Api::<Rollout>::all(client.clone())
                .list_metadata(&all)
                .await?
                .items
                .len(),
            _ => Api::<PipelineRun>::all(client.clone())
                .list_metadata(&all)
                .await?
                .items
                .len(),
        })
    };
    let mut counts = serde_json::Map::new();
    for name in ["nodes", "pods", "applications", "rollouts", "pipelineruns"] {
        let number = count(name)
            .await
            .context("the cluster's API does not answer")?;
        counts.insert(name.to_owned(), number.into());
    }
    if which.output == Output::Json {
        println!(
            "{}",
            json!({ "running": true, "state": state, "objects": counts })
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!("cluster {} runs (process {})", state.name, state.pid);
    println!("  {}", state.runtime);
    let ends = &state.endpoints;
    for (name, value) in [
        ("Kubernetes API", &ends.api),
        ("gateway", &ends.gateway),
        ("git", &ends.git),
        ("registry", &ends.registry),
        ("metrics", &ends.metrics),
    ] {
        println!("  {name:<15} {value}");
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    println!("  {}", counts.join(", "));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn kubeconfig(which: &Which) -> Result<ExitCode> {
    let data = super::data(which)?;
    let path = data.root().join("kubeconfig");
    match std::fs::read_to_string(&path) {
        Ok(text) => print!("{text}"),
        Err(_) => bail!(
            "cluster {} was never started; start it with `seatrial up`",
            which.name
        ),
    }
    Ok(ExitCode::SUCCESS)
}
