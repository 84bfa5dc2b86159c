//! The tables of policies, roles, storage and extensions.

use serde_json::{Value, json};

use super::Column;
use crate::object::Object;

pub(super) fn columns(plural: &str) -> Vec<Column> {
    match plural {
        "poddisruptionbudgets" => vec![
            Column::at("Min Available", "string", ".spec.minAvailable", "N/A"),
            Column::at("Max Unavailable", "string", ".spec.maxUnavailable", "N/A"),
            Column::at(
                "Allowed Disruptions",
                "integer",
                ".status.disruptionsAllowed",
                "0",
            ),
            Column::age(),
        ],
        // Upstream shows these as moments, not as ages.
        "roles" | "clusterroles" | "customresourcedefinitions" => {
            vec![Column::at(
                "Created At",
                "string",
                ".metadata.creationTimestamp",
                "",
            )]
        }
        "rolebindings" | "clusterrolebindings" => bindings(),
        "leases" => {
            vec![
                Column::at("Holder", "string", ".spec.holderIdentity", ""),
                Column::age(),
            ]
        }
        "storageclasses" => vec![
            Column::at("Provisioner", "string", ".provisioner", ""),
            Column::at("ReclaimPolicy", "string", ".reclaimPolicy", "Delete"),
            Column::at(
                "VolumeBindingMode",
                "string",
                ".volumeBindingMode",
                "Immediate",
            ),
            Column::at(
                "AllowVolumeExpansion",
                "string",
                ".allowVolumeExpansion",
                "false",
            ),
            Column::age(),
        ],
        "priorityclasses" => vec![
            Column::at("Value", "integer", ".value", "0"),
            Column::at("Global-Default", "string", ".globalDefault", "false"),
            Column::age(),
            Column::at("PreemptionPolicy", "string", ".preemptionPolicy", ""),
        ],
        "mutatingwebhookconfigurations" | "validatingwebhookconfigurations" => vec![
            Column::computed("Webhooks", "integer", |configuration, _| {
                json!(super::built_in::length(configuration, &["webhooks"]))
            })
            .reads(&["webhooks.name"]),
            Column::age(),
        ],
        _ => vec![Column::age()],
    }
}

fn bindings() -> Vec<Column> {
    vec![
        Column::computed("Role", "string", |binding, _| {
            let text = |field: &str| binding.text(&["roleRef", field]);
            json!(format!("{}/{}", text("kind"), text("name")))
        })
        .reads(&["roleRef"]),
        Column::age(),
        Column::computed("Users", "string", |binding, _| {
            subject_names(binding, "User")
        })
        .reads(&["subjects"])
        .wide(),
        Column::computed("Groups", "string", |binding, _| {
            subject_names(binding, "Group")
        })
        .reads(&["subjects"])
        .wide(),
        Column::computed("ServiceAccounts", "string", |binding, _| {
            subject_names(binding, "ServiceAccount")
        })
        .reads(&["subjects"])
        .wide(),
    ]
}

fn subject_names(binding: &Object, kind: &str) -> Value {
    let all = binding
        .at(&["subjects"])
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let names = all
        .filter(|one| one.get("kind") == Some(&json!(kind)))
        .map(|one| {
            let text = |field: &str| one.get(field).and_then(Value::as_str).unwrap_or_default();
            match text("namespace") {
                "" => text("name").to_owned(),
                namespace => format!("{namespace}/{}", text("name")),
            }
        });
    json!(names.collect::<Vec<_>>().join(", "))
}

const MODES: [(&str, &str); 4] = [
    ("ReadWriteOnce", "RWO"),
    ("ReadOnlyMany", "ROX"),
    ("ReadWriteMany", "RWX"),
    ("ReadWriteOncePod", "RWOP"),
];

fn modes(object: &Object, path: &[&str]) -> Value {
    let list = object
        .at(path)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let short = list.filter_map(Value::as_str).map(|mode| {
        MODES
            .iter()
            .find(|(long, _)| *long == mode)
            .map_or(mode, |(_, short)| short)
    });
    json!(short.collect::<Vec<_>>().join(","))
}

pub(super) fn claims() -> Vec<Column> {
    vec![
        Column::at("Status", "string", ".status.phase", ""),
        Column::at("Volume", "string", ".spec.volumeName", ""),
        Column::at("Capacity", "string", ".status.capacity.storage", ""),
        Column::computed("Access Modes", "string", |claim, _| {
            modes(claim, &["status", "accessModes"])
        })
        .reads(&["status.accessModes"]),
        Column::at("StorageClass", "string", ".spec.storageClassName", ""),
        Column::at(
            "VolumeAttributesClass",
            "string",
            ".spec.volumeAttributesClassName",
            "<unset>",
        ),
        Column::age(),
        Column::at("VolumeMode", "string", ".spec.volumeMode", "<unset>").wide(),
    ]
}

pub(super) fn volumes() -> Vec<Column> {
    vec![
        Column::at("Capacity", "string", ".spec.capacity.storage", ""),
        Column::computed("Access Modes", "string", |volume, _| {
            modes(volume, &["spec", "accessModes"])
        })
        .reads(&["spec.accessModes"]),
        Column::at(
            "Reclaim Policy",
            "string",
            ".spec.persistentVolumeReclaimPolicy",
            "",
        ),
        Column::at("Status", "string", ".status.phase", ""),
        Column::computed("Claim", "string", |volume, _| {
            let text = |field: &str| volume.text(&["spec", "claimRef", field]);
            match text("name") {
                "" => json!(""),
                name => json!(format!("{}/{name}", text("namespace"))),
            }
        })
        .reads(&["spec.claimRef"]),
        Column::at("StorageClass", "string", ".spec.storageClassName", ""),
        Column::at(
            "VolumeAttributesClass",
            "string",
            ".spec.volumeAttributesClassName",
            "<unset>",
        ),
        Column::at("Reason", "string", ".status.reason", ""),
        Column::age(),
    ]
}

pub(super) fn quotas() -> Vec<Column> {
    vec![
        Column::computed("Request", "string", |quota, _| {
            json!(used(quota, Part::Requests))
        })
        .reads(&["status.hard", "status.used"]),
        Column::computed("Limit", "string", |quota, _| {
            json!(used(quota, Part::Limits))
        })
        .reads(&["status.hard", "status.used"]),
        Column::age(),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Requests,
    Limits,
}

fn used(quota: &Object, part: Part) -> String {
    let hard = quota.at(&["status", "hard"]).and_then(Value::as_object);
    let amounts = hard.into_iter().flatten().filter_map(|(resource, most)| {
        let of_limits = resource.starts_with("limits.");
        if of_limits != (part == Part::Limits) {
            return None;
        }
        let used = quota
            .at(&["status", "used", resource])
            .and_then(Value::as_str);
        Some(format!(
            "{resource}: {}/{}",
            used.unwrap_or("0"),
            most.as_str().unwrap_or_default()
        ))
    });
    amounts.collect::<Vec<_>>().join(", ")
}
