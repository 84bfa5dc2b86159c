//! ConfigMaps and Secrets made from literals, files and env files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::build::{Here, Item};
use super::kustomization::{Behavior, Generator, GeneratorOptions, Kustomization};
use crate::object::entry;
use crate::{Error, Object};

pub(crate) fn run(
    here: &Here<'_>,
    kustomization: &Kustomization,
    items: &mut Vec<Item>,
) -> Result<(), Error> {
    let kinds = [
        (
            "ConfigMap",
            "configMapGenerator",
            &kustomization.config_map_generator,
        ),
        ("Secret", "secretGenerator", &kustomization.secret_generator),
    ];
    for (kind, list, generators) in kinds {
        for (index, generator) in generators.iter().enumerate() {
            let field = format!("{list}[{index}]");
            if generator.name.is_empty() {
                return Err(here.invalid(&field, "the name is missing"));
            }
            let object = generate(
                here,
                kind,
                &field,
                generator,
                &kustomization.generator_options,
            )?;
            let hashed = !disabled(&kustomization.generator_options)
                && !generator.options.as_ref().is_some_and(disabled);
            place(here, &field, generator, object, hashed, items)?;
        }
    }
    Ok(())
}

fn disabled(options: &GeneratorOptions) -> bool {
    options.disable_name_suffix_hash
}

/// Adds the object, or joins it with the one it names.
fn place(
    here: &Here<'_>,
    field: &str,
    generator: &Generator,
    object: Object,
    hashed: bool,
    items: &mut Vec<Item>,
) -> Result<(), Error> {
    let known = items.iter_mut().find(|item| {
        item.object.kind() == object.kind()
            && item.names.contains(&generator.name)
            && generator
                .namespace
                .as_deref()
                .is_none_or(|space| space == item.object.namespace())
    });
    match (generator.behavior, known) {
        (Behavior::Create, None) => {
            let mut item = Item::new(object);
            item.hashed = hashed;
            items.push(item);
        }
        (Behavior::Create, Some(known)) => {
            let detail = format!(
                "{} exists already (from {}); use behavior: merge or replace",
                known.object.describe(),
                known.object.origin
            );
            return Err(here.invalid(field, detail));
        }
        (Behavior::Merge | Behavior::Replace, None) => {
            let detail = format!("there is no {} {} to change", object.kind(), generator.name);
            return Err(here.invalid(field, detail));
        }
        (behavior, Some(known)) => {
            join(&mut known.object.value, &object.value, behavior);
            known.hashed |= hashed;
        }
    }
    Ok(())
}

fn join(known: &mut Value, new: &Value, behavior: Behavior) {
    for section in ["data", "binaryData"] {
        if behavior == Behavior::Replace
            && let Some(fields) = known.as_object_mut()
        {
            fields.remove(section);
        }
        merge(known, section, &new[section]);
    }
    for section in ["labels", "annotations"] {
        let more = &new["metadata"][section];
        merge(entry(known, "metadata"), section, more);
    }
}

fn merge(target: &mut Value, section: &str, more: &Value) {
    let Some(more) = more.as_object() else { return };
    if let Some(fields) = entry(target, section).as_object_mut() {
        fields.extend(more.clone());
    }
}

fn generate(
    here: &Here<'_>,
    kind: &str,
    field: &str,
    generator: &Generator,
    shared: &GeneratorOptions,
) -> Result<Object, Error> {
    let mut data = Map::new();
    let mut binary = Map::new();
    for (key, bytes) in pairs(here, field, generator)? {
        if data.contains_key(&key) || binary.contains_key(&key) {
            return Err(here.invalid(field, format!("the key {key} is given twice")));
        }
        match (kind, String::from_utf8(bytes)) {
            ("Secret", Ok(text)) => data.insert(key, STANDARD.encode(text).into()),
            ("Secret", Err(raw)) => data.insert(key, STANDARD.encode(raw.into_bytes()).into()),
            (_, Ok(text)) => data.insert(key, text.into()),
            (_, Err(raw)) => binary.insert(key, STANDARD.encode(raw.into_bytes()).into()),
        };
    }
    let mut value = json!({
        "apiVersion": "v1", "kind": kind, "metadata": { "name": generator.name }
    });
    for (section, content) in [("data", data), ("binaryData", binary)] {
        if !content.is_empty() {
            value[section] = Value::Object(content);
        }
    }
    if kind == "Secret" {
        value["type"] = generator.type_.as_deref().unwrap_or("Opaque").into();
    }
    if let Some(namespace) = &generator.namespace {
        value["metadata"]["namespace"] = namespace.as_str().into();
    }
    for options in [Some(shared), generator.options.as_ref()]
        .into_iter()
        .flatten()
    {
        for (section, more) in [
            ("labels", &options.labels),
            ("annotations", &options.annotations),
        ] {
            if !more.is_empty() {
                merge(entry(&mut value, "metadata"), section, &json!(more));
            }
        }
        if options.immutable {
            value["immutable"] = true.into();
        }
    }
    Ok(Object {
        value,
        origin: here.path.to_owned(),
    })
}

/// The keys and contents that a generator names.
fn pairs(
    here: &Here<'_>,
    field: &str,
    generator: &Generator,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut pairs = Vec::new();
    for env in generator.envs.iter().chain(&generator.env) {
        let (path, bytes) = here.file(env, &format!("{field}.envs"))?;
        let text = String::from_utf8_lossy(bytes);
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = line.split_once('=').ok_or_else(|| Error::Malformed {
                file: path.clone(),
                line: Some(number as u64 + 1),
                detail: "a line of an env file is KEY=value".to_owned(),
            })?;
            pairs.push((key.to_owned(), value.as_bytes().to_vec()));
        }
    }
    for file in &generator.files {
        let (key, name) = file.split_once('=').unwrap_or((base_name(file), file));
        let (_, bytes) = here.file(name, &format!("{field}.files"))?;
        pairs.push((key.to_owned(), bytes.to_vec()));
    }
    for literal in &generator.literals {
        let (key, value) = literal.split_once('=').ok_or_else(|| {
            here.invalid(
                &format!("{field}.literals"),
                format!("{literal:?} is not KEY=value"),
            )
        })?;
        pairs.push((key.to_owned(), unquote(value).as_bytes().to_vec()));
    }
    Ok(pairs)
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Quotes around a whole value are not part of it.
fn unquote(value: &str) -> &str {
    let quoted =
        |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    if quoted('"') || quoted('\'') {
        &value[1..value.len() - 1]
    } else {
        value
    }
}
