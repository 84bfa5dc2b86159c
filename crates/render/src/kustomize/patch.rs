//! Patches: strategic merge and JSON.

use regex::Regex;
use seatrial_schema::Type;
use serde_json::Value;

use super::build::{Here, Item};
use super::kustomization::{Kustomization, Patch, Target};
use crate::object::parse_documents;
use crate::{Error, Object};

pub(crate) fn run(
    here: &Here<'_>,
    kustomization: &Kustomization,
    items: &mut Vec<Item>,
) -> Result<(), Error> {
    for (index, text) in kustomization.patches_strategic_merge.iter().enumerate() {
        let field = format!("patchesStrategicMerge[{index}]");
        // An entry is a file's name, or the patch itself.
        let inline = text.contains('\n');
        let patch = Patch {
            path: (!inline).then(|| text.clone()),
            patch: inline.then(|| text.clone()),
            ..Patch::default()
        };
        apply(here, &field, &patch, items)?;
    }
    for (list, patches) in [
        ("patches", &kustomization.patches),
        ("patchesJson6902", &kustomization.patches_json6902),
    ] {
        for (index, patch) in patches.iter().enumerate() {
            apply(here, &format!("{list}[{index}]"), patch, items)?;
        }
    }
    Ok(())
}

/// The patch's documents and where they stand.
fn read(here: &Here<'_>, field: &str, patch: &Patch) -> Result<(String, Vec<Value>), Error> {
    let (origin, bytes) = match (&patch.path, &patch.patch) {
        (Some(path), None) => here.file(path, &format!("{field}.path"))?,
        (None, Some(text)) => (format!("{} ({field})", here.path), text.as_bytes()),
        _ => return Err(here.invalid(field, "a patch has either a path or a patch")),
    };
    Ok((origin.clone(), parse_documents(&origin, bytes)?))
}

fn apply(here: &Here<'_>, field: &str, patch: &Patch, items: &mut Vec<Item>) -> Result<(), Error> {
    let (origin, documents) = read(here, field, patch)?;
    // Changing name or kind by a patch stays possible only where it is asked for.
    let allowed = |option: &str| patch.options.get(option).copied().unwrap_or(false);
    for document in documents {
        let places = match &patch.target {
            Some(target) => selected(here, field, target, items)?,
            None if document.is_array() => {
                return Err(here.invalid(field, "a JSON patch needs a target"));
            }
            None => named(here, field, &document, items)?,
        };
        let mut removed = Vec::new();
        for place in places {
            let item = &mut items[place];
            let old = item.object.clone();
            let fail = |detail: String| Error::Malformed {
                file: origin.clone(),
                line: None,
                detail: format!("cannot patch {}: {detail}", old.describe()),
            };
            item.object.value = patched(&old, &document).map_err(fail)?;
            if item.object.value.is_null() {
                removed.push(place);
                continue;
            }
            if !allowed("allowNameChange") {
                item.object.set_metadata("name", old.name());
            }
            if !allowed("allowKindChange") {
                item.object.value["kind"] = old.kind().into();
            }
            let name = item.object.name().to_owned();
            item.rename(&name);
        }
        for place in removed.into_iter().rev() {
            items.remove(place);
        }
    }
    Ok(())
}

fn patched(object: &Object, patch: &Value) -> Result<Value, String> {
    if patch["$patch"] == "delete" {
        return Ok(Value::Null);
    }
    let mut value = object.value.clone();
    let kind = Type::built_in(object.group(), object.version(), object.kind());
    match kind {
        _ if patch.is_array() => seatrial_schema::patch::json(&mut value, patch),
        Some(kind) => seatrial_schema::patch::strategic(&mut value, patch, kind.structure()),
        // Nothing says how lists of custom kinds merge, so a list replaces a list.
        None => {
            seatrial_schema::patch::merge(&mut value, patch);
            Ok(())
        }
    }
    .map_err(|error| error.to_string())?;
    Ok(value)
}

/// The places of the objects that a target selects; none is not an error.
fn selected(
    here: &Here<'_>,
    field: &str,
    target: &Target,
    items: &[Item],
) -> Result<Vec<usize>, Error> {
    let expression = |name: &str, text: &Option<String>| match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => Regex::new(&format!("^(?:{text})$"))
            .map(Some)
            .map_err(|error| here.invalid(&format!("{field}.target.{name}"), error.to_string())),
    };
    for (name, selector) in [
        ("labelSelector", &target.label_selector),
        ("annotationSelector", &target.annotation_selector),
    ] {
        check_selector(here, &format!("{field}.target.{name}"), selector.as_deref())?;
    }
    let tests = [
        (expression("group", &target.group)?, "group"),
        (expression("version", &target.version)?, "version"),
        (expression("kind", &target.kind)?, "kind"),
        (expression("namespace", &target.namespace)?, "namespace"),
    ];
    let name = expression("name", &target.name)?;
    let fits = |item: &Item| {
        let object = &item.object;
        let part = |part: &str| match part {
            "group" => object.group(),
            "version" => object.version(),
            "kind" => object.kind(),
            _ => object.namespace(),
        };
        tests
            .iter()
            .all(|(test, of)| test.as_ref().is_none_or(|test| test.is_match(part(of))))
            && name
                .as_ref()
                .is_none_or(|test| item.names.iter().any(|name| test.is_match(name)))
            && matches(
                &object.value["metadata"]["labels"],
                target.label_selector.as_deref(),
            )
            && matches(
                &object.value["metadata"]["annotations"],
                target.annotation_selector.as_deref(),
            )
    };
    Ok(items
        .iter()
        .enumerate()
        .filter(|(_, item)| fits(item))
        .map(|(place, _)| place)
        .collect())
}

/// Equality is enough for what overlays select by; anything else is refused rather than misread.
fn check_selector(here: &Here<'_>, field: &str, selector: Option<&str>) -> Result<(), Error> {
    for term in selector
        .unwrap_or_default()
        .split(',')
        .filter(|term| !term.trim().is_empty())
    {
        if term.contains('(') || term.contains('!') || !term.contains('=') {
            return Err(Error::Unsupported {
                file: here.path.to_owned(),
                field: format!("{field}: {term}"),
                advice: "only key=value terms are".to_owned(),
            });
        }
    }
    Ok(())
}

fn matches(found: &Value, selector: Option<&str>) -> bool {
    selector
        .unwrap_or_default()
        .split(',')
        .filter(|term| !term.trim().is_empty())
        .all(|term| {
            let (key, value) = term.split_once('=').unwrap_or((term, ""));
            found[key.trim()] == value.trim_start_matches('=').trim()
        })
}

/// The place of the object that a strategic patch names itself.
fn named(here: &Here<'_>, field: &str, patch: &Value, items: &[Item]) -> Result<Vec<usize>, Error> {
    let wanted = Object {
        value: patch.clone(),
        origin: String::new(),
    };
    for (name, text) in [("kind", wanted.kind()), ("metadata.name", wanted.name())] {
        if text.is_empty() {
            return Err(here.invalid(field, format!("the patch has no {name} and no target")));
        }
    }
    let fits = |item: &Item| {
        item.object.kind() == wanted.kind()
            && item.object.group() == wanted.group()
            && item.names.iter().any(|name| name == wanted.name())
            && (wanted.namespace().is_empty() || wanted.namespace() == item.object.namespace())
    };
    let places: Vec<usize> = items
        .iter()
        .enumerate()
        .filter(|(_, item)| fits(item))
        .map(|(place, _)| place)
        .collect();
    if places.is_empty() {
        let detail = format!("no object matches the patch for {}", wanted.describe());
        return Err(here.invalid(field, detail));
    }
    Ok(places)
}
