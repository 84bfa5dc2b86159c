//! `kubectl set image` and `kubectl scale`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::kind::Kinds;
use super::target::{Target, Targets};
use crate::client::connect::{Session, failed};

/// Set a field
#[derive(Subcommand, Debug)]
pub(super) enum Set {
    /// Set images: KIND/NAME CONTAINER=IMAGE…
    Image {
        /// KIND/NAME (or KIND NAME), then CONTAINER=IMAGE…; `*` for all containers
        #[arg(required = true, value_name = "KIND/NAME CONTAINER=IMAGE")]
        words: Vec<String>,
        /// All with these labels
        #[arg(long, short = 'l')]
        selector: Option<String>,
        /// All of the kind
        #[arg(long)]
        all: bool,
    },
}

impl Set {
    pub(super) async fn run(
        self,
        session: &Session,
        namespace: Option<&str>,
    ) -> anyhow::Result<ExitCode> {
        let Self::Image {
            words,
            selector,
            all,
        } = self;
        let (images, words): (Vec<String>, Vec<String>) =
            words.into_iter().partition(|word| word.contains('='));
        let images: Vec<(&str, &str)> = images
            .iter()
            .filter_map(|image| image.split_once('='))
            .collect();
        if images.is_empty() {
            bail!("at least one image update is required: CONTAINER=IMAGE");
        }
        let kinds = Kinds::load(&session.client).await?;
        let targets = Targets {
            words,
            selector,
            all,
        };
        let namespace = namespace.unwrap_or(&session.namespace);
        for target in targets.resolve(session, &kinds, namespace).await? {
            set_images(session, &target, &images).await?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn set_images(
    session: &Session,
    target: &Target,
    images: &[(&str, &str)],
) -> anyhow::Result<()> {
    let what = target.describe();
    let object = target
        .api
        .get(&target.name)
        .await
        .map_err(|error| failed(error, &what))?;
    let patch = image_patch(&serde_json::to_value(&object)?, images)
        .with_context(|| format!("setting images of {what}"))?;
    if patch.as_array().is_none_or(Vec::is_empty) {
        return Ok(());
    }
    let patch: Patch<()> = Patch::Json(serde_json::from_value(patch)?);
    let written = target
        .api
        .patch(&target.name, &PatchParams::default(), &patch)
        .await;
    written.map_err(|error| failed(error, &format!("setting images of {what}")))?;
    session.screen.line(format!("{what} image updated"));
    Ok(())
}

/// A JSON patch that sets the images which differ, wherever the kind keeps its pod.
fn image_patch(object: &Value, images: &[(&str, &str)]) -> anyhow::Result<Value> {
    let places = [
        "/spec/template/spec",
        "/spec/jobTemplate/spec/template/spec",
        "/spec",
    ];
    let place = places
        .into_iter()
        .find(|place| object.pointer(&format!("{place}/containers")).is_some());
    let place = place.context("it has no containers")?;
    let mut all = Vec::new();
    for field in ["containers", "initContainers"] {
        let list = object
            .pointer(&format!("{place}/{field}"))
            .and_then(Value::as_array);
        for (index, container) in list.into_iter().flatten().enumerate() {
            let name = container["name"].as_str().unwrap_or_default();
            all.push((
                format!("{place}/{field}/{index}/image"),
                name,
                &container["image"],
            ));
        }
    }
    let mut operations = Vec::new();
    for (name, image) in images {
        let matching: Vec<_> = all
            .iter()
            .filter(|(_, own, _)| *name == "*" || own == name)
            .collect();
        if matching.is_empty() {
            let names: Vec<_> = all.iter().map(|(_, name, _)| *name).collect();
            bail!(
                "unable to find container named \"{name}\"; there are: {}",
                names.join(", ")
            );
        }
        let differing = matching.into_iter().filter(|(_, _, known)| *known != image);
        operations.extend(
            differing.map(|(path, _, _)| json!({ "op": "add", "path": path, "value": image })),
        );
    }
    Ok(Value::Array(operations))
}

/// Set the number of pods
#[derive(Args, Debug)]
pub(super) struct Scale {
    #[command(flatten)]
    targets: Targets,
    /// How many
    #[arg(long)]
    replicas: u32,
    /// Only where there are so many now
    #[arg(long)]
    current_replicas: Option<i32>,
}

impl Scale {
    pub(super) async fn run(
        &self,
        session: &Session,
        namespace: Option<&str>,
    ) -> anyhow::Result<ExitCode> {
        let kinds = Kinds::load(&session.client).await?;
        let namespace = namespace.unwrap_or(&session.namespace);
        for target in self.targets.resolve(session, &kinds, namespace).await? {
            let what = format!("scaling {}", target.describe());
            if let Some(expected) = self.current_replicas {
                let scale = target.api.get_scale(&target.name).await;
                let scale = scale.map_err(|error| failed(error, &what))?;
                let now = scale.spec.and_then(|spec| spec.replicas).unwrap_or(0);
                if now != expected {
                    bail!("{what}: Expected replicas to be {expected}, was {now}");
                }
            }
            let patch = Patch::Merge(json!({ "spec": { "replicas": self.replicas } }));
            let scaled = target
                .api
                .patch_scale(&target.name, &PatchParams::default(), &patch)
                .await;
            scaled.map_err(|error| failed(error, &what))?;
            session.screen.line(format!("{} scaled", target.describe()));
        }
        Ok(ExitCode::SUCCESS)
    }
}
