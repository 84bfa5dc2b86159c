//! The parts of the status that follow from a comparison: pure.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use seatrial_controller::Notice;
use seatrial_resources::argoproj::{
    ApplicationCondition, ApplicationStatus, ApplicationSummary, HealthStatus, HealthStatusCode,
    ResourceStatus, SyncStatusCode,
};
use serde_json::Value;

use crate::health;
use crate::live::Pair;
use crate::reference::{annotation, split_version};
use crate::sync_option::SyncOptions;
use crate::target::WAVE;

/// One object as the status lists it.
pub(crate) fn resource(
    pair: &Pair,
    verdict: SyncStatusCode,
    options: &SyncOptions,
) -> ResourceStatus {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let object = pair.target.as_ref().or(pair.live.as_ref());
    let wave = object.and_then(|object| annotation(object, WAVE)?.trim().parse().ok());
    let prunable = pair.target.is_none()
        && !pair
            .live
            .as_ref()
            .is_some_and(|live| options.of(live).never_prune);
    let health = match &pair.live {
        None => Some(HealthStatus {
            status: Some(HealthStatusCode::Missing),
            ..HealthStatus::default()
        }),
        Some(live) if is_exempt(live) => None,
        Some(live) => health::of(live).map(health::Health::status),
    };
    ResourceStatus {
        group: given(&pair.reference.group),
        version: given(split_version(&pair.api_version).1),
        kind: given(&pair.reference.kind),
        namespace: given(&pair.reference.namespace),
        name: given(&pair.reference.name),
        status: Some(verdict),
        health,
        hook: None,
        requires_pruning: prunable.then_some(true),
        requires_deletion_confirmation: None,
        sync_wave: wave.filter(|wave| *wave != 0),
    }
}

fn is_exempt(live: &Value) -> bool {
    annotation(live, "argocd.argoproj.io/ignore-healthcheck") == Some("true")
}

/// The application's health: the worst of its objects'. What is missing counts only where nothing is
/// there at all.
pub(crate) fn overall(
    resources: &[ResourceStatus],
    before: &HealthStatus,
    now: Timestamp,
) -> HealthStatus {
    let code = |one: &ResourceStatus| one.health.as_ref().and_then(|health| health.status);
    let missing = |one: &&ResourceStatus| code(one) == Some(HealthStatusCode::Missing);
    let nothing = !resources.is_empty() && resources.iter().all(|one| missing(&one));
    let worst = resources
        .iter()
        .filter(|one| nothing || !missing(one) && code(one) != Some(HealthStatusCode::Unknown))
        .max_by_key(|one| (code(one), std::cmp::Reverse(one.name.clone())));
    let status = worst.and_then(code).unwrap_or(HealthStatusCode::Healthy);
    let message = worst
        .filter(|_| status == HealthStatusCode::Degraded)
        .and_then(|one| {
            let message = one.health.as_ref()?.message.as_ref()?;
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            Some(format!(
                "{} {}: {message}",
                part(&one.kind),
                part(&one.name)
            ))
        });
    health(status, message, before, now)
}

/// Health with the moment since which it is so.
pub(crate) fn health(
    status: HealthStatusCode,
    message: Option<String>,
    before: &HealthStatus,
    now: Timestamp,
) -> HealthStatus {
    let same = before.status == Some(status);
    let since = before
        .last_transition_time
        .clone()
        .filter(|_| same)
        .unwrap_or(Time(now));
    HealthStatus {
        status: Some(status),
        message,
        last_transition_time: Some(since),
    }
}

/// Conditions, each since when it has been said in these words.
pub(crate) fn conditions(
    said: Vec<(&'static str, String)>,
    before: Option<&Vec<ApplicationCondition>>,
    now: Timestamp,
) -> Option<Vec<ApplicationCondition>> {
    let since = |kind: &str, message: &str| {
        let known = before?
            .iter()
            .find(|one| one.type_ == kind && one.message == message)?;
        known.last_transition_time.clone()
    };
    let conditions: Vec<_> = said
        .into_iter()
        .map(|(kind, message)| ApplicationCondition {
            last_transition_time: Some(since(kind, &message).unwrap_or(Time(now))),
            type_: kind.to_owned(),
            message,
        })
        .collect();
    (!conditions.is_empty()).then_some(conditions)
}

/// What changed for people who look.
pub(crate) fn changes(before: &ApplicationStatus, after: &ApplicationStatus) -> Vec<Notice> {
    let mut notices = Vec::new();
    if before.sync.status != after.sync.status {
        let text = format!(
            "Updated sync status: {:?} -> {:?}",
            before.sync.status, after.sync.status
        );
        notices.push(Notice::normal("ResourceUpdated", text));
    }
    let code = |status: &ApplicationStatus| status.health.status.unwrap_or_default();
    if code(before) != code(after) {
        let text = format!(
            "Updated health status: {:?} -> {:?}",
            code(before),
            code(after)
        );
        notices.push(Notice::normal("ResourceUpdated", text));
    }
    notices
}

/// The images of the containers in an object, wherever they are in it.
pub(crate) fn images_of(object: &Value) -> BTreeSet<String> {
    let mut images = BTreeSet::new();
    collect_images(object, &mut images);
    images
}

fn collect_images(value: &Value, images: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                if matches!(name.as_str(), "containers" | "initContainers") {
                    let containers = inner.as_array().into_iter().flatten();
                    let found = containers.filter_map(|container| container["image"].as_str());
                    images.extend(found.map(str::to_owned));
                }
                collect_images(inner, images);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_images(item, images)),
        _ => {}
    }
}

/// Images and addresses.
pub(crate) fn summary(pairs: &[Pair]) -> ApplicationSummary {
    let (mut images, mut urls) = (BTreeSet::new(), BTreeSet::new());
    for live in pairs.iter().filter_map(|pair| pair.live.as_ref()) {
        images.append(&mut images_of(live));
        urls.extend(annotation(live, "link.argocd.argoproj.io/external-link").map(str::to_owned));
        if live["kind"] == "Ingress" {
            urls.append(&mut hosts(live));
        }
    }
    let given = |set: BTreeSet<String>| (!set.is_empty()).then(|| set.into_iter().collect());
    ApplicationSummary {
        external_urls: given(urls),
        images: given(images),
    }
}

fn hosts(ingress: &Value) -> BTreeSet<String> {
    let list = |pointer| {
        ingress
            .pointer(pointer)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let secure: BTreeSet<&str> = list("/spec/tls")
        .flat_map(|tls| tls["hosts"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    list("/spec/rules")
        .filter_map(|rule| rule["host"].as_str())
        .map(|host| {
            let scheme = if secure.contains(host) {
                "https"
            } else {
                "http"
            };
            format!("{scheme}://{host}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, health: Option<HealthStatusCode>, message: &str) -> ResourceStatus {
        ResourceStatus {
            kind: Some("Rollout".into()),
            name: Some(name.into()),
            health: health.map(|status| HealthStatus {
                status: Some(status),
                message: (!message.is_empty()).then(|| message.to_owned()),
                last_transition_time: None,
            }),
            ..ResourceStatus::default()
        }
    }

    #[test]
    fn the_worst_object_decides_and_says_why() {
        use HealthStatusCode::{Degraded, Healthy, Missing, Progressing};
        let overall = |list: &[ResourceStatus]| {
            super::overall(list, &HealthStatus::default(), Timestamp::UNIX_EPOCH)
        };
        let (well, gone) = (
            listed("a", Some(Healthy), ""),
            listed("b", Some(Missing), ""),
        );
        assert_eq!(overall(&[]).status, Some(Healthy));
        assert_eq!(overall(std::slice::from_ref(&gone)).status, Some(Missing));
        assert_eq!(overall(&[well.clone(), gone.clone()]).status, Some(Healthy));
        let going = listed("c", Some(Progressing), "soon");
        assert_eq!(overall(&[well, going.clone()]).status, Some(Progressing));
        let bad = overall(&[going, gone, listed("web", Some(Degraded), "aborted")]);
        assert_eq!(bad.status, Some(Degraded));
        assert_eq!(bad.message.as_deref(), Some("Rollout web: aborted"));
    }
}
