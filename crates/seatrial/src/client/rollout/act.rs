//! The verbs: the same patches as the upstream plugin writes, so that either controller acts on them.

use anyhow::{Context as _, bail};
use kube::api::{Patch, PatchParams};
use seatrial_resources::argoproj::{PauseReason, Rollout, RolloutStatus};
use serde_json::{Value, json};

use super::Place;
use crate::client::connect::{Session, failed};

/// How far to promote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promotion {
    /// To the next step.
    Next,
    /// To the end.
    Full,
}

/// What a verb writes: to the object, and to its status.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Patches {
    pub(super) object: Option<Value>,
    pub(super) status: Option<Value>,
}

/// The patches of a promotion.
pub(super) fn promotion(rollout: &Rollout, how: Promotion) -> Patches {
    let status = rollout.status.clone().unwrap_or_default();
    if how == Promotion::Full {
        let update = status.current_pod_hash != status.stable_rs;
        let patch = json!({ "status": { "promoteFull": true } });
        return Patches {
            object: None,
            status: update.then_some(patch),
        };
    }
    let paused = rollout.spec.paused == Some(true);
    let conditions = status.pause_conditions.as_deref().unwrap_or_default();
    let inconclusive = conditions
        .iter()
        .any(|condition| condition.reason == PauseReason::InconclusiveAnalysisRun);
    let patch = if inconclusive && let Some(next) = next_step(rollout, &status) {
        // Or a pause step that comes next would be taken for the one that was just ended.
        Some(json!({ "status": {
            "pauseConditions": null, "controllerPause": false, "currentStepIndex": next,
        } }))
    } else if !conditions.is_empty() {
        Some(json!({ "status": { "pauseConditions": null } }))
    } else {
        // In the middle of an analysis or of scaling: go on to the next step.
        next_step(rollout, &status)
            .map(|next| json!({ "status": { "pauseConditions": null, "currentStepIndex": next } }))
    };
    Patches {
        object: paused.then(|| json!({ "spec": { "paused": false } })),
        status: patch,
    }
}

/// The step after the present one, where there is one and an update is under way.
fn next_step(rollout: &Rollout, status: &RolloutStatus) -> Option<i32> {
    let steps = rollout.spec.strategy.canary.as_ref()?.steps.as_ref()?.len() as i32;
    let index = status.current_step_index.unwrap_or(0);
    (status.current_pod_hash != status.stable_rs && index < steps).then_some(index + 1)
}

async fn write(place: &Place, verb: &str, patches: &Patches) -> anyhow::Result<()> {
    let parameters = PatchParams::default();
    let what = || format!("{verb} {}", place.describe());
    if let Some(patch) = &patches.object {
        let patch = Patch::Merge(patch);
        let written = place.api.patch(&place.name, &parameters, &patch).await;
        written.map_err(|error| failed(error, &what()))?;
    }
    if let Some(patch) = &patches.status {
        let patch = Patch::Merge(patch);
        let written = place
            .api
            .patch_status(&place.name, &parameters, &patch)
            .await;
        written.map_err(|error| failed(error, &what()))?;
    }
    Ok(())
}

/// `promote`.
pub(super) async fn promote(
    session: &Session,
    place: &Place,
    how: Promotion,
) -> anyhow::Result<()> {
    let rollout = place.settled().await?;
    let status = rollout.status.clone().unwrap_or_default();
    if status.abort {
        bail!(
            "{} was aborted: try its update again with `seatrial rollout retry {} -n {}`",
            place.describe(),
            place.name,
            place.namespace
        );
    }
    let patches = promotion(&rollout, how);
    if patches == Patches::default() {
        session
            .screen
            .line(format!("rollout '{}' has nothing to promote", place.name));
        return Ok(());
    }
    write(place, "promoting", &patches).await?;
    let word = if how == Promotion::Full {
        "fully promoted"
    } else {
        "promoted"
    };
    session
        .screen
        .line(format!("rollout '{}' {word}", place.name));
    Ok(())
}

/// `abort`.
pub(super) async fn abort(session: &Session, place: &Place) -> anyhow::Result<()> {
    let rollout = place.settled().await?;
    let status = rollout.status.unwrap_or_default();
    if status.stable_rs.is_none() || status.current_pod_hash == status.stable_rs {
        bail!(
            "{} has no update under way: there is nothing to abort",
            place.describe()
        );
    }
    let patches = Patches {
        object: None,
        status: Some(json!({ "status": { "abort": true } })),
    };
    write(place, "aborting", &patches).await?;
    session
        .screen
        .line(format!("rollout '{}' aborted", place.name));
    Ok(())
}

/// `retry`.
pub(super) async fn retry(session: &Session, place: &Place) -> anyhow::Result<()> {
    let rollout = place.settled().await?;
    if !rollout.status.unwrap_or_default().abort {
        bail!(
            "{} was not aborted: there is nothing to try again",
            place.describe()
        );
    }
    let patches = Patches {
        object: None,
        status: Some(json!({ "status": { "abort": false } })),
    };
    write(place, "retrying", &patches).await?;
    session
        .screen
        .line(format!("rollout '{}' retried", place.name));
    Ok(())
}

/// `pause`.
pub(super) async fn pause(session: &Session, place: &Place) -> anyhow::Result<()> {
    place.read().await?;
    let patches = Patches {
        object: Some(json!({ "spec": { "paused": true } })),
        status: None,
    };
    write(place, "pausing", &patches).await?;
    session
        .screen
        .line(format!("rollout '{}' paused", place.name));
    Ok(())
}

/// `restart`.
pub(super) async fn restart(session: &Session, place: &Place) -> anyhow::Result<()> {
    place.read().await?;
    let now = session.clock.now();
    let seconds = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
    let patches = Patches {
        object: Some(json!({ "spec": { "restartAt": seconds } })),
        status: None,
    };
    write(place, "restarting", &patches).await?;
    session
        .screen
        .line(format!("rollout '{}' restarts in 0s", place.name));
    Ok(())
}

/// Reads `container=image`.
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((container, image)) if !container.is_empty() && !image.is_empty() => {
            Ok((container.to_owned(), image.to_owned()))
        }
        _ => Err(format!(
            "`{text}` is not CONTAINER=IMAGE, such as web=registry.local/shop:1.4"
        )),
    }
}

/// `set-image`.
pub(super) async fn set_images(
    session: &Session,
    place: &Place,
    images: &[(String, String)],
) -> anyhow::Result<()> {
    let rollout = place.read().await?;
    let patch = image_patch(&rollout, images)
        .with_context(|| format!("setting images of {}", place.describe()))?;
    if patch.as_array().is_none_or(Vec::is_empty) {
        session
            .screen
            .line(format!("rollout \"{}\" image unchanged", place.name));
        return Ok(());
    }
    let patch: Patch<()> = Patch::Json(serde_json::from_value(patch)?);
    let written = place
        .api
        .patch(&place.name, &PatchParams::default(), &patch)
        .await;
    written.map_err(|error| failed(error, &format!("setting images of {}", place.describe())))?;
    session
        .screen
        .line(format!("rollout \"{}\" image updated", place.name));
    Ok(())
}

/// A JSON patch that sets the images which differ.
pub(super) fn image_patch(rollout: &Rollout, images: &[(String, String)]) -> anyhow::Result<Value> {
    let template = rollout
        .spec
        .template
        .as_ref()
        .and_then(|template| template.spec.as_ref());
    let pod = template.context("it has no spec.template; set the image of its workloadRef")?;
    let lists = [
        ("containers", Some(&pod.containers)),
        ("initContainers", pod.init_containers.as_ref()),
    ];
    let all: Vec<_> = lists
        .into_iter()
        .flat_map(|(field, list)| {
            let containers = list.into_iter().flatten().enumerate();
            containers.map(move |(index, container)| (field, index, container))
        })
        .collect();
    let mut operations = Vec::new();
    for (name, image) in images {
        let matching: Vec<_> = all
            .iter()
            .filter(|(_, _, one)| name == "*" || one.name == *name)
            .collect();
        if matching.is_empty() {
            let names: Vec<_> = all.iter().map(|(_, _, one)| one.name.as_str()).collect();
            bail!(
                "it has no container `{name}`; there are: {}",
                names.join(", ")
            );
        }
        for (field, index, container) in matching {
            if container.image.as_ref() != Some(image) {
                let path = format!("/spec/template/spec/{field}/{index}/image");
                operations.push(json!({ "op": "add", "path": path, "value": image }));
            }
        }
    }
    Ok(Value::Array(operations))
}
