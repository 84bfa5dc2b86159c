//! The replica sets of a deployment while a plan is being made.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use seatrial_controller::{Notice, owner_reference};

use super::limits::Limits;
use crate::template::{self, HASH_LABEL};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MOST: &str = "deployment.kubernetes.io/max-replicas";
/// Annotations of the deployment that its replica sets do not inherit.
const NOT_INHERITED: [&str; 5] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MOST,
];

/// One replica set and what the plan has made of it so far.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// As observed, or as it will be created.
    pub(super) set: Arc<ReplicaSet>,
    /// Whether it exists.
    pub(super) exists: bool,
    /// The planned size.
    pub(super) replicas: i32,
    /// Annotations to set.
    pub(super) annotations: BTreeMap<String, String>,
    /// `minReadySeconds` to set.
    pub(super) min_ready_seconds: Option<i32>,
}

impl Member {
    pub(super) fn existing(set: Arc<ReplicaSet>) -> Self {
        let replicas = set
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(1);
        Self {
            set,
            exists: true,
            replicas,
            annotations: BTreeMap::new(),
            min_ready_seconds: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        self.set.metadata.name.as_deref().unwrap_or_default()
    }

    pub(super) fn created(&self) -> Option<Timestamp> {
        self.set
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|time| time.0)
    }

    /// The size as observed.
    pub(super) fn size(&self) -> i32 {
        if self.exists {
            self.set
                .spec
                .as_ref()
                .and_then(|spec| spec.replicas)
                .unwrap_or(1)
        } else {
            0
        }
    }

    /// How many pods it reported.
    pub(super) fn pods(&self) -> i32 {
        self.set.status.as_ref().map_or(0, |status| status.replicas)
    }

    pub(super) fn ready(&self) -> i32 {
        self.set
            .status
            .as_ref()
            .and_then(|status| status.ready_replicas)
            .unwrap_or(0)
    }

    pub(super) fn available(&self) -> i32 {
        self.set
            .status
            .as_ref()
            .and_then(|status| status.available_replicas)
            .unwrap_or(0)
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations
            .get(name)
            .or_else(|| self.set.metadata.annotations.as_ref()?.get(name))
            .map(String::as_str)
    }

    pub(super) fn revision(&self) -> i64 {
        self.annotation(REVISION)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }

    /// The deployment's size when this set was last scaled.
    pub(super) fn desired(&self) -> Option<i32> {
        self.annotation(DESIRED)?.parse().ok()
    }

    /// The most pods the deployment allowed when this set was last scaled.
    pub(super) fn most(&self) -> Option<i32> {
        self.annotation(MOST)?.parse().ok().filter(|most| *most > 0)
    }

    fn annotate(&mut self, name: &str, value: String) {
        if self.annotation(name) != Some(&value) {
            self.annotations.insert(name.to_owned(), value);
        }
    }

    /// Plans a size, and notes the deployment's own for later proportional scaling. Returns the
    /// event to emit where the size changes.
    pub(super) fn scale(&mut self, to: i32, limits: Limits) -> Option<Notice> {
        let from = std::mem::replace(&mut self.replicas, to);
        self.annotate(DESIRED, limits.replicas.to_string());
        self.annotate(MOST, limits.most().to_string());
        let direction = if to > from { "up" } else { "down" };
        let name = self.name();
        (to != from).then(|| {
            let text = format!("Scaled {direction} replica set {name} from {from} to {to}");
            Notice::normal("ScalingReplicaSet", text)
        })
    }

    /// Brings the annotations in line: the deployment's own are copied, and a set that becomes the
    /// newest again gets a new revision, with its old ones in the history.
    pub(super) fn sync(&mut self, deployment: &Deployment, revision: i64) {
        for (name, value) in deployment.metadata.annotations.iter().flatten() {
            if !NOT_INHERITED.contains(&name.as_str()) {
                self.annotate(name, value.clone());
            }
        }
        let old = self.revision();
        if old < revision {
            if old > 0 {
                let history = match self.annotation(HISTORY) {
                    Some(history) if !history.is_empty() => format!("{history},{old}"),
                    _ => old.to_string(),
                };
                self.annotate(HISTORY, history);
            }
            self.annotate(REVISION, revision.to_string());
        }
        let wanted = deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.min_ready_seconds)
            .unwrap_or(0);
        let has = self
            .set
            .spec
            .as_ref()
            .and_then(|spec| spec.min_ready_seconds)
            .unwrap_or(0);
        if self.exists && wanted != has {
            self.min_ready_seconds = Some(wanted);
        }
    }

    pub(super) fn is_changed(&self) -> bool {
        self.replicas != self.size()
            || !self.annotations.is_empty()
            || self.min_ready_seconds.is_some()
    }
}

/// The replica sets of one deployment.
#[derive(Debug, Clone)]
pub(super) struct Fleet {
    /// The one of the present template, if it exists or is to be created.
    pub(super) new: Option<Member>,
    /// The others, oldest first.
    pub(super) old: Vec<Member>,
}

impl Fleet {
    /// Sorts the sets by whether they have the deployment's template. Where several have it, the
    /// oldest is the one.
    pub(super) fn of(deployment: &Deployment, sets: &[Arc<ReplicaSet>]) -> Self {
        let wanted = deployment
            .spec
            .as_ref()
            .map(|spec| template::fingerprint(&spec.template));
        let fingerprint = |set: &ReplicaSet| {
            let template = set.spec.as_ref().and_then(|spec| spec.template.as_ref());
            template.map(template::fingerprint)
        };
        let new = sets.iter().position(|set| fingerprint(set) == wanted);
        let mut members: Vec<_> = sets.iter().cloned().map(Member::existing).collect();
        Self {
            new: new.map(|index| members.remove(index)),
            old: members,
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Member> {
        self.old.iter().chain(&self.new)
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.old.iter_mut().chain(&mut self.new)
    }

    /// The planned number of pods of all sets.
    pub(super) fn total(&self) -> i32 {
        self.all().map(|member| member.replicas).sum()
    }

    /// How many pods of all sets are available.
    pub(super) fn available(&self) -> i32 {
        self.all().map(Member::available).sum()
    }

    /// The revision of the newest template: one more than the highest among the others.
    pub(super) fn next_revision(&self) -> i64 {
        self.old.iter().map(Member::revision).max().unwrap_or(0) + 1
    }

    /// The set for a template that has none yet, with no pods.
    pub(super) fn fresh(deployment: &Deployment) -> Member {
        let spec = deployment.spec.clone().unwrap_or_default();
        let collisions = deployment
            .status
            .as_ref()
            .and_then(|status| status.collision_count);
        let hash = template::hash(&spec.template, collisions);
        let mut template = spec.template;
        let meta = template.metadata.get_or_insert_default();
        meta.labels = Some(template::with_label(
            meta.labels.as_ref(),
            HASH_LABEL,
            &hash,
        ));
        let labels = meta.labels.clone();
        let matching = spec.selector.match_labels.as_ref();
        let selector = LabelSelector {
            match_labels: Some(template::with_label(matching, HASH_LABEL, &hash)),
            match_expressions: spec.selector.match_expressions,
        };
        let name = deployment.metadata.name.as_deref().unwrap_or_default();
        let set = ReplicaSet {
            metadata: ObjectMeta {
                name: Some(format!("{name}-{hash}")),
                namespace: deployment.metadata.namespace.clone(),
                labels,
                owner_references: Some(vec![owner_reference(deployment)]),
                ..ObjectMeta::default()
            },
            spec: Some(ReplicaSetSpec {
                replicas: Some(0),
                min_ready_seconds: spec.min_ready_seconds,
                selector,
                template: Some(template),
            }),
            status: None,
        };
        Member {
            set: Arc::new(set),
            exists: false,
            replicas: 0,
            annotations: BTreeMap::new(),
            min_ready_seconds: None,
        }
    }
}
