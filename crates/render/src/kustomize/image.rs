//! Other images for containers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A name of an image, and what to put in its place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ImageTransform {
    /// The name that is looked for.
    pub name: String,
    /// The new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_name: Option<String>,
    /// The new tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_tag: Option<String>,
    /// The new digest, `sha256:…`; wins over a tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Goes behind the tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag_suffix: Option<String>,
}

/// Changes the images of all containers, wherever in the object they are: custom kinds carry pod
/// templates in places of their own.
pub(crate) fn run(transform: &ImageTransform, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if let ("containers" | "initContainers", Some(containers)) =
                    (name.as_str(), field.as_array_mut())
                {
                    for container in containers {
                        change(transform, container);
                    }
                }
                run(transform, field);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| run(transform, item)),
        _ => {}
    }
}

fn change(transform: &ImageTransform, container: &mut Value) {
    let Some(image) = container.get("image").and_then(Value::as_str) else {
        return;
    };
    let (name, tag, digest) = split(image);
    if name != transform.name {
        return;
    }
    let name = transform.new_name.as_deref().unwrap_or(name);
    let new = match (&transform.digest, &transform.new_tag) {
        (Some(digest), _) => format!("{name}@{digest}"),
        (None, Some(tag)) => format!("{name}:{tag}"),
        (None, None) => {
            let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
            let digest = digest
                .map(|digest| format!("@{digest}"))
                .unwrap_or_default();
            format!("{name}{tag}{digest}")
        }
    };
    let suffix = transform.tag_suffix.as_deref().unwrap_or_default();
    container["image"] = format!("{new}{suffix}").into();
}

/// Name, tag and digest. A colon before the last slash belongs to the registry's port.
pub(crate) fn split(image: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    match rest
        .rfind(':')
        .filter(|colon| !rest[*colon..].contains('/'))
    {
        Some(colon) => (&rest[..colon], Some(&rest[colon + 1..]), digest),
        None => (rest, None, digest),
    }
}
