//! `spec.source.kustomize`: what Argo CD does with `kustomize edit` before it builds.

use seatrial_render::Files;
use seatrial_render::kustomize::{find, set_image};
use seatrial_resources::argoproj::KustomizeSource;
use serde_json::{Map, Value, json};

use super::Error;

/// The files with the options written into the folder's kustomization.
pub(super) fn with_options(
    options: &KustomizeSource,
    files: &Files,
    folder: &str,
) -> Result<Files, Error> {
    refuse_unsupported(options)?;
    let path = find(files, folder).unwrap_or_default();
    let text = String::from_utf8_lossy(files.get(&path).unwrap_or_default()).into_owned();
    // Images first: that edit keeps to the lines as they are written.
    let text = match &options.images {
        Some(images) => set_image(&path, &text, images)?,
        None => text,
    };
    let text = match edited(options, &text, &path)? {
        Some(value) => serde_json::to_string_pretty(&value).unwrap_or_default(),
        None => text,
    };
    let copy = files.below("").map(|(name, bytes)| {
        let bytes = if name == path {
            text.clone().into_bytes()
        } else {
            bytes.to_vec()
        };
        (name.to_owned(), bytes)
    });
    Ok(Files::new(copy))
}

fn refuse_unsupported(options: &KustomizeSource) -> Result<(), Error> {
    let asked = [
        ("components", options.components.is_some()),
        (
            "ignoreMissingComponents",
            options.ignore_missing_components == Some(true),
        ),
        (
            "commonAnnotationsEnvsubst",
            options.common_annotations_envsubst == Some(true),
        ),
        ("version", options.version.is_some()),
        ("kubeVersion", options.kube_version.is_some()),
        ("apiVersions", options.api_versions.is_some()),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        Some((name, _)) => Err(Error::Unsupported {
            field: format!("spec.source.kustomize.{name}"),
            advice: "write it into the kustomization instead",
        }),
        None => Ok(()),
    }
}

/// The kustomization with the options, where there are others than images.
fn edited(options: &KustomizeSource, text: &str, path: &str) -> Result<Option<Value>, Error> {
    let mut value: Value = serde_saphyr::from_str(text).map_err(|error| {
        Error::Render(seatrial_render::Error::Malformed {
            file: path.to_owned(),
            line: error.location().map(|location| location.line()),
            detail: error.to_string(),
        })
    })?;
    let before = value.clone();
    let Some(fields) = value.as_object_mut() else {
        return Ok(None);
    };
    for (name, text) in [
        ("namePrefix", &options.name_prefix),
        ("nameSuffix", &options.name_suffix),
        ("namespace", &options.namespace),
    ] {
        if let Some(text) = text.as_ref().filter(|text| !text.is_empty()) {
            fields.insert(name.to_owned(), json!(text));
        }
    }
    labels(options, fields)?;
    if let Some(annotations) = &options.common_annotations {
        let forced = options.force_common_annotations == Some(true);
        merge_pairs(fields, "commonAnnotations", annotations, forced)?;
    }
    if let Some(replicas) = &options.replicas {
        set_replicas(fields, replicas)?;
    }
    if let Some(patches) = options.patches.as_ref().and_then(Value::as_array) {
        append(fields, "patches", patches.iter().cloned());
    }
    Ok((value != before).then_some(value))
}

fn labels(options: &KustomizeSource, fields: &mut Map<String, Value>) -> Result<(), Error> {
    let Some(labels) = options
        .common_labels
        .as_ref()
        .filter(|labels| !labels.is_empty())
    else {
        return Ok(());
    };
    if options.label_without_selector == Some(true) {
        let templates = options.label_include_templates == Some(true);
        let entry =
            json!({"pairs": labels, "includeSelectors": false, "includeTemplates": templates});
        append(fields, "labels", [entry]);
        return Ok(());
    }
    merge_pairs(
        fields,
        "commonLabels",
        labels,
        options.force_common_labels == Some(true),
    )
}

fn merge_pairs(
    fields: &mut Map<String, Value>,
    field: &str,
    pairs: &std::collections::BTreeMap<String, String>,
    forced: bool,
) -> Result<(), Error> {
    let slot = fields.entry(field.to_owned()).or_insert_with(|| json!({}));
    for (name, text) in pairs {
        if slot.get(name).is_some_and(|old| old != text.as_str()) && !forced {
            return Err(Error::Invalid {
                field: format!("spec.source.kustomize.{field}"),
                detail: format!(
                    "{name} is set in the kustomization already; set force{}{} to replace it",
                    field[..1].to_uppercase(),
                    &field[1..]
                ),
            });
        }
        slot[name.as_str()] = json!(text);
    }
    Ok(())
}

fn set_replicas(fields: &mut Map<String, Value>, replicas: &Value) -> Result<(), Error> {
    for entry in replicas.as_array().into_iter().flatten() {
        let count = match &entry["count"] {
            Value::String(text) => text.parse::<i64>().ok(),
            other => other.as_i64(),
        };
        let (Some(name), Some(count)) = (entry["name"].as_str(), count) else {
            return Err(Error::Invalid {
                field: "spec.source.kustomize.replicas".to_owned(),
                detail: format!("{entry} needs a name and a count"),
            });
        };
        if let Some(old) = fields.get_mut("replicas").and_then(Value::as_array_mut) {
            old.retain(|one| one["name"] != name);
        }
        append(fields, "replicas", [json!({"name": name, "count": count})]);
    }
    Ok(())
}

fn append(fields: &mut Map<String, Value>, field: &str, items: impl IntoIterator<Item = Value>) {
    let slot = fields.entry(field.to_owned()).or_insert_with(|| json!([]));
    if let Some(list) = slot.as_array_mut() {
        list.extend(items);
    }
}
