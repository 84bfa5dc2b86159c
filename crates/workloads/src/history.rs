//! ControllerRevisions: the templates that a StatefulSet or a DaemonSet had, by number, so that
//! `kubectl rollout history` can show them and `kubectl rollout undo` can go back to one.
//!
//! A revision's data is a strategic merge patch that replaces the template, as upstream writes it.
//! Going back to a template that is still kept gives its revision the newest number.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use kube::api::Patch;
use kube::core::{ObjectMeta, Selector};
use seatrial_controller::{Context, Static, is_controlled_by, key_of, owner_reference, write};
use seatrial_resources::pod_template;
use serde_json::{Value, json};

use crate::{ownership, template};

/// The label by which pods name their revision: a StatefulSet's by name, a DaemonSet's by hash.
pub(crate) const REVISION_LABEL: &str = "controller-revision-hash";
/// The label by which a StatefulSet's revisions carry their hash.
pub(crate) const HASH_LABEL: &str = "controller.kubernetes.io/hash";

/// The revisions that concern one owner.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Owned, oldest number first.
    pub(crate) owned: Vec<Arc<ControllerRevision>>,
    /// Matching, and nobody's.
    pub(crate) orphans: Vec<Arc<ControllerRevision>>,
}

/// What has to be written so that the newest template has a revision.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// It is the newest already.
    Keep,
    /// It was an earlier one and becomes the newest.
    Renumber(i64),
    /// It is new.
    Create,
}

/// The revision of the newest template.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub(crate) revision: ControllerRevision,
    pub(crate) step: Step,
}

impl Update {
    pub(crate) fn name(&self) -> &str {
        name(&self.revision)
    }
}

pub(crate) fn name(revision: &ControllerRevision) -> &str {
    revision.metadata.name.as_deref().unwrap_or_default()
}

/// The value of a label of a revision.
pub(crate) fn label<'a>(revision: &'a ControllerRevision, label: &str) -> Option<&'a str> {
    let labels = revision.metadata.labels.as_ref()?;
    labels.get(label).map(String::as_str)
}

/// What the cache has of one owner.
pub(crate) async fn observe<O: Static>(owner: &O, selector: &Selector, ctx: &Context) -> History {
    let cache = ctx.cache::<ControllerRevision>().await;
    let family = ownership::family(owner, selector, &cache);
    // Labels of a revision are its owner's business only: strays are ours as well.
    let mut owned = [family.owned, family.strays].concat();
    owned.sort_by(|one, other| (one.revision, name(one)).cmp(&(other.revision, name(other))));
    History {
        owned,
        orphans: family.orphans,
    }
}

/// The data of a revision: a patch that replaces the template.
fn data(template: &PodTemplateSpec) -> Value {
    let mut template = serde_json::to_value(template).unwrap_or_default();
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

/// The template that a revision stands for; none where its data is something else.
pub(crate) fn template_of(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let mut template = revision.data.as_ref()?.0.pointer("/spec/template")?.clone();
    template.as_object_mut()?.remove("$patch");
    serde_json::from_value(template).ok()
}

/// Which revision the template is. Pure.
pub(crate) fn newest<O: Static>(
    owner: &O,
    template: &PodTemplateSpec,
    hash_label: &str,
    collisions: Option<i32>,
    history: &[Arc<ControllerRevision>],
) -> Update {
    let wanted = template::fingerprint(template);
    let is_same = |revision: &&Arc<ControllerRevision>| {
        template_of(revision).is_some_and(|one| template::fingerprint(&one) == wanted)
    };
    let last = history.last().map_or(0, |revision| revision.revision);
    if let Some(same) = history.iter().rev().find(is_same) {
        let step = if same.revision == last {
            Step::Keep
        } else {
            Step::Renumber(last + 1)
        };
        return Update {
            revision: ControllerRevision::clone(same),
            step,
        };
    }
    Update {
        revision: fresh(owner, template, hash_label, collisions, last + 1),
        step: Step::Create,
    }
}

fn fresh<O: Static>(
    owner: &O,
    template: &PodTemplateSpec,
    hash_label: &str,
    collisions: Option<i32>,
    number: i64,
) -> ControllerRevision {
    let hash = pod_template::hash(&template::fingerprint(template), collisions);
    let meta = owner.meta();
    let parent: String = meta
        .name
        .iter()
        .flat_map(|name| name.chars())
        .take(223)
        .collect();
    let labels = template
        .metadata
        .as_ref()
        .and_then(|meta| meta.labels.as_ref());
    ControllerRevision {
        metadata: ObjectMeta {
            name: Some(format!("{parent}-{hash}")),
            namespace: meta.namespace.clone(),
            labels: Some(template::with_label(labels, hash_label, &hash)),
            annotations: meta.annotations.clone(),
            owner_references: Some(vec![owner_reference(owner)]),
            ..ObjectMeta::default()
        },
        data: Some(RawExtension(data(template))),
        revision: number,
    }
}

/// Whether writing the newest revision came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    /// The revision is there.
    Done,
    /// Its name is taken by one with another template: hash again, with a salt.
    Collided,
}

/// Takes orphans over and writes the newest revision.
pub(crate) async fn note<O: Static>(
    owner: &O,
    history: &History,
    update: &Update,
    ctx: &Context,
) -> Result<Noted, write::Error> {
    let objects = ctx.objects::<ControllerRevision>();
    for orphan in &history.orphans {
        ownership::adopt(&objects, &**orphan, &owner_reference(owner)).await?;
    }
    match &update.step {
        Step::Keep => {}
        Step::Renumber(number) => {
            let patch = Patch::Merge(json!({"revision": number}));
            objects.patch(&key_of(&update.revision), &patch).await?;
        }
        Step::Create => match objects.create(&update.revision).await {
            Err(error) if error.is_already_exists() => {
                let present = objects.get(&key_of(&update.revision)).await?;
                let same = is_controlled_by(&present, owner)
                    && template_of(&present) == template_of(&update.revision);
                return Ok(if same { Noted::Done } else { Noted::Collided });
            }
            other => {
                other?;
            }
        },
    }
    Ok(Noted::Done)
}

/// The oldest revisions beyond the limit that nothing uses. Pure.
pub(crate) fn surplus(
    history: &[Arc<ControllerRevision>],
    live: &BTreeSet<&str>,
    limit: Option<i32>,
) -> Vec<Arc<ControllerRevision>> {
    let idle: Vec<_> = history
        .iter()
        .filter(|revision| !live.contains(name(revision)))
        .collect();
    let keep = usize::try_from(limit.unwrap_or(10)).unwrap_or(0);
    let count = idle.len().saturating_sub(keep);
    idle.into_iter().take(count).cloned().collect()
}

/// Removes revisions.
pub(crate) async fn forget(
    revisions: &[Arc<ControllerRevision>],
    ctx: &Context,
) -> Result<(), write::Error> {
    for revision in revisions {
        ctx.objects::<ControllerRevision>().delete(revision).await?;
    }
    Ok(())
}
