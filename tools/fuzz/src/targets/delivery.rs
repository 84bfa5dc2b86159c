//! Files of repositories, and what images are described by.

use std::collections::BTreeMap;
use std::str::from_utf8;

use seatrial_git::{Name, normalise};
use seatrial_images::dockerfile::{self, expand};
use seatrial_images::image::{ImageConfig, Index, Manifest};
use seatrial_images::{Digest, Reference};
use seatrial_pipelines::expression::{self, Expression, Scope, Template};
use seatrial_pipelines::workflow::{CompositeAction, Event, Pattern, Position, Workflow};
use seatrial_render::{Files, kustomize, parse_manifest, plain, to_yaml};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::parts;

/// Workflow and action files, and the triggers in them.
pub fn workflow(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    match Workflow::parse(".github/workflows/a.yml", text) {
        Ok(workflow) => {
            for reference in ["refs/heads/main", "refs/tags/v1", "HEAD"] {
                workflow.on.starts(Event {
                    name: "push",
                    reference,
                    changed_paths: &["src/a.rs".to_owned()],
                });
            }
        }
        Err(error) => drop(error.to_string()),
    }
    if let Err(error) = CompositeAction::parse("action.yml", text) {
        let _ = error.to_string();
    }
    if let Ok(pattern) = Pattern::parse(text) {
        pattern.covers("src/a/b.rs");
    }
}

/// Expressions and templates of workflows.
pub fn expression(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    let contexts = BTreeMap::from([
        (
            "github",
            json!({"ref": "refs/heads/main", "event": {"commits": [{"id": 1}, {"id": 2}]}}),
        ),
        ("env", json!({"A": "1", "JSON": "{\"a\":[1,2]}"})),
    ]);
    let scope = Scope {
        contexts: &contexts,
        status: expression::Status::Success,
        files: None,
    };
    if let Ok(expression) = Expression::parse(text) {
        let _ = expression
            .evaluate(&scope)
            .map(|value| expression::text(&value));
    }
    let at = Position { line: 1, column: 1 };
    if let Ok(template) = Template::parse(text, at) {
        let _ = template.text(&scope);
        let _ = template.value(&scope);
    }
    if let Ok(template) = Template::condition(text, at) {
        let _ = template.holds(&scope);
    }
}

/// Dockerfiles and the words in them.
pub fn dockerfile(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Err(error) = dockerfile::parse("Dockerfile", text) {
        let _ = error.to_string();
    }
    let _ = dockerfile::parse_trigger(text);
    let value = |name: &str| (name.len() < 3).then(|| "value".to_owned());
    let _ = expand::word(text, '\\', &value);
    let _ = expand::document(text, '`', &value);
}

/// Kustomizations and plain manifests. The input is files: the name up to the first line break, the
/// content behind it. What is rendered can be written and read again.
pub fn kustomize(data: &[u8]) {
    let files = parts(data).filter_map(|part| {
        let end = part.iter().position(|byte| *byte == b'\n')?;
        let name = from_utf8(&part[..end]).ok()?;
        Some((name.to_owned(), part[end + 1..].to_vec()))
    });
    let files: Vec<(String, Vec<u8>)> = files.collect();
    for (name, content) in &files {
        let _ = parse_manifest(name, content);
        if let Ok(text) = from_utf8(content) {
            let _ = kustomize::set_image(name, text, &["shop=registry/shop:2".to_owned()]);
        }
    }
    let files = Files::new(files);
    for folder in ["", "overlay", "../x"] {
        match kustomize::build(&files, folder) {
            Ok(objects) => {
                let values: Vec<_> = objects.iter().map(|object| &object.value).collect();
                let text = to_yaml(values.iter().copied());
                let again = parse_manifest("again.yaml", text.as_bytes()).unwrap();
                let read: Vec<_> = again.iter().map(|object| &object.value).collect();
                assert_eq!(read, values, "{text}");
            }
            Err(error) => drop(error.to_string()),
        }
    }
    let _ = plain::load(&files, "", plain::Depth::All, |_| true);
}

/// Names of images, digests and repositories: what is written again reads as the same.
pub fn reference(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(reference) = text.parse::<Reference>() {
        assert_eq!(reference.to_string().parse::<Reference>(), Ok(reference));
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.hex().len(), 64);
    }
    if let Ok(name) = Name::parse(text) {
        let name = name.as_str();
        assert!(!name.contains('/') && !name.starts_with('.'), "{name}");
    }
    normalise(text);
}

/// Manifests, indexes and configurations of images.
pub fn manifest(data: &[u8]) {
    again::<Manifest>(data);
    again::<Index>(data);
    again::<ImageConfig>(data);
}

fn again<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(data: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(data) {
        let bytes = serde_json::to_vec(&value).unwrap();
        assert_eq!(serde_json::from_slice::<T>(&bytes).unwrap(), value);
    }
}
