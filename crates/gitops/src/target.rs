//! Desired objects, made ready for the cluster: where they go and whose they are.

use std::collections::BTreeMap;

use seatrial_render::Object;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Kind, Refusal};
use crate::reference::{Reference, TRACKING, annotation, tracking_id};
use crate::sync::Phase;

/// An object as it shall be.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) reference: Reference,
    pub(crate) api_version: String,
    pub(crate) value: Value,
    /// Nothing where the server does not serve it (yet).
    pub(crate) kind: Option<Kind>,
    /// The phases it runs in, for hooks.
    pub(crate) hooks: Vec<Phase>,
}

/// All desired objects of an application.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets {
    pub(crate) all: Vec<Target>,
    /// Objects that are there more than once, in words.
    pub(crate) repeated: Vec<String>,
}

impl Targets {
    /// The objects that are compared: all but hooks.
    pub(crate) fn compared(&self) -> impl Iterator<Item = &Target> {
        self.all.iter().filter(|target| target.hooks.is_empty())
    }
}

/// Why desired objects are none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API server did not say what kind it is.
    #[error("failed to discover {kind}: {source}")]
    Discover {
        kind: String,
        #[source]
        source: Refusal,
    },
    /// An unknown hook.
    #[error(
        "{object}: the hook {hook:?} is not supported; supported are PreSync, Sync, PostSync, SyncFail and Skip"
    )]
    Hook { object: String, hook: String },
    /// A name is needed.
    #[error("{object}: metadata.generateName works for hooks only; give it a metadata.name")]
    Nameless { object: String },
    /// A wave that is no number.
    #[error("{object}: argocd.argoproj.io/sync-wave {wave:?} is no number")]
    Wave { object: String, wave: String },
}

/// The annotation that makes a hook.
const HOOK: &str = "argocd.argoproj.io/hook";
/// The annotation with the wave.
pub(crate) const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// Readies rendered objects for the namespace they go to.
pub(crate) async fn prepare(
    cluster: &Cluster,
    objects: Vec<Object>,
    namespace: &str,
    instance: &str,
) -> Result<Targets, Error> {
    let defined = defined_kinds(&objects);
    let mut by_place: BTreeMap<Reference, Target> = BTreeMap::new();
    let mut hooks = Vec::new();
    let mut repeated = BTreeMap::<Reference, usize>::new();
    for object in objects {
        let Some(phases) = phases(&object)? else {
            continue;
        };
        check(&object, &phases)?;
        let kind = cluster.kind(object.api_version(), object.kind()).await;
        let kind = kind.map_err(|source| Error::Discover {
            kind: object.kind().to_owned(),
            source,
        })?;
        let namespaced = match &kind {
            Some(kind) => kind.namespaced,
            None => defined
                .get(&(object.group().to_owned(), object.kind().to_owned()))
                .copied()
                .unwrap_or(true),
        };
        let target = ready(object, kind, namespaced, namespace, instance, phases);
        if !target.hooks.is_empty() {
            hooks.push(target);
            continue;
        }
        let reference = target.reference.clone();
        if by_place.insert(reference.clone(), target).is_some() {
            *repeated.entry(reference).or_insert(1) += 1;
        }
    }
    let repeated = repeated
        .iter()
        .map(|(object, count)| {
            format!("Resource {object} appeared {count} times among application resources.")
        })
        .collect();
    let all = by_place.into_values().chain(hooks).collect();
    Ok(Targets { all, repeated })
}

fn ready(
    object: Object,
    kind: Option<Kind>,
    namespaced: bool,
    namespace: &str,
    instance: &str,
    hooks: Vec<Phase>,
) -> Target {
    let namespace = match (namespaced, object.namespace()) {
        (false, _) => "",
        (true, "") if namespace.is_empty() => "default",
        (true, "") => namespace,
        (true, own) => own,
    }
    .to_owned();
    let reference = Reference {
        group: object.group().to_owned(),
        kind: object.kind().to_owned(),
        namespace: namespace.clone(),
        name: object.name().to_owned(),
    };
    let api_version = object.api_version().to_owned();
    let mut value = object.value;
    if let Some(fields) = value.as_object_mut() {
        // What the server reports is not for the repository to say.
        fields.remove("status");
    }
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.retain(|name, value| name != "namespace" && !value.is_null());
        if namespaced {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        annotations[TRACKING] = json!(tracking_id(instance, &reference));
    }
    Target {
        reference,
        api_version,
        value,
        kind,
        hooks,
    }
}

/// The phases of a hook, none for an ordinary object; nothing where it is to be skipped.
fn phases(object: &Object) -> Result<Option<Vec<Phase>>, Error> {
    let mut phases = Vec::new();
    for hook in annotation(&object.value, HOOK)
        .unwrap_or_default()
        .split(',')
    {
        match hook.trim() {
            "" => {}
            "Skip" => return Ok(None),
            hook => phases.push(Phase::parse(hook).ok_or_else(|| Error::Hook {
                object: object.describe(),
                hook: hook.to_owned(),
            })?),
        }
    }
    Ok(Some(phases))
}

fn check(object: &Object, hooks: &[Phase]) -> Result<(), Error> {
    if object.name().is_empty() && hooks.is_empty() {
        return Err(Error::Nameless {
            object: object.describe(),
        });
    }
    match annotation(&object.value, WAVE) {
        Some(wave) if wave.trim().parse::<i64>().is_err() => Err(Error::Wave {
            object: object.describe(),
            wave: wave.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The kinds that definitions among the objects will add, and whether they are namespaced.
fn defined_kinds(objects: &[Object]) -> BTreeMap<(String, String), bool> {
    let definitions = objects
        .iter()
        .filter(|object| object.kind() == "CustomResourceDefinition");
    definitions
        .filter_map(|definition| {
            let spec = definition.value.get("spec")?;
            let text = |pointer: &str| spec.pointer(pointer)?.as_str().map(str::to_owned);
            Some((
                (text("/group")?, text("/names/kind")?),
                text("/scope")? == "Namespaced",
            ))
        })
        .collect()
}
