//! The replica sets of a rollout and their roles.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use seatrial_controller::owner_reference;
use seatrial_resources::argoproj::Rollout;
use seatrial_resources::pod_template;

/// The label that tells pods and replica sets of one version from those of another.
pub(super) const HASH: &str = "rollouts-pod-template-hash";
/// The annotation that numbers versions.
pub(super) const REVISION: &str = "rollout.argoproj.io/revision";
/// The annotation that says when an old replica set may lose its pods.
pub(super) const SCALE_DOWN_DEADLINE: &str = "scale-down-deadline";

/// One replica set and the size it shall have.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) set: Arc<ReplicaSet>,
    /// The planned size.
    pub(super) replicas: i32,
}

impl Member {
    fn new(set: &Arc<ReplicaSet>) -> Self {
        let member = Self {
            set: Arc::clone(set),
            replicas: 0,
        };
        Self {
            replicas: member.size(),
            ..member
        }
    }

    pub(super) fn name(&self) -> &str {
        self.set.metadata.name.as_deref().unwrap_or_default()
    }

    pub(super) fn hash(&self) -> &str {
        let labels = self.set.metadata.labels.as_ref();
        labels
            .and_then(|labels| labels.get(HASH))
            .map_or("", String::as_str)
    }

    /// The size it was asked to have.
    pub(super) fn size(&self) -> i32 {
        self.set
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(1)
    }

    fn count(&self, of: impl Fn(&k8s_openapi::api::apps::v1::ReplicaSetStatus) -> i32) -> i32 {
        self.set.status.as_ref().map_or(0, of)
    }

    pub(super) fn pods(&self) -> i32 {
        self.count(|status| status.replicas)
    }

    pub(super) fn ready(&self) -> i32 {
        self.count(|status| status.ready_replicas.unwrap_or(0))
    }

    pub(super) fn available(&self) -> i32 {
        self.count(|status| status.available_replicas.unwrap_or(0))
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.set
            .metadata
            .annotations
            .as_ref()?
            .get(name)
            .map(String::as_str)
    }

    pub(super) fn revision(&self) -> i64 {
        self.annotation(REVISION)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }

    /// When it may lose its pods, where that has been said.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.annotation(SCALE_DOWN_DEADLINE)?.parse().ok()
    }
}

/// The replica sets by role.
#[derive(Debug, Clone)]
pub(super) struct Fleet {
    /// That of the newest template, if it exists.
    pub(super) new: Option<Member>,
    /// That of the version known to be good, if it is another.
    pub(super) stable: Option<Member>,
    /// All others, oldest first.
    pub(super) others: Vec<Member>,
}

impl Fleet {
    pub(super) fn of(rollout: &Rollout, sets: &[Arc<ReplicaSet>]) -> Self {
        let print = |set: &ReplicaSet| {
            let template = set.spec.as_ref().and_then(|spec| spec.template.as_ref());
            template.map(fingerprint)
        };
        let wanted = rollout.spec.template.as_ref().map(fingerprint);
        let stable_hash = rollout
            .status
            .as_ref()
            .and_then(|status| status.stable_rs.as_deref());
        let mut others: Vec<Member> = sets.iter().map(Member::new).collect();
        let position = others
            .iter()
            .position(|member| print(&member.set) == wanted);
        let new = position.map(|position| others.remove(position));
        let position = others
            .iter()
            .position(|member| Some(member.hash()) == stable_hash);
        let stable = position.map(|position| others.remove(position));
        Self {
            new,
            stable,
            others,
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Member> {
        self.others.iter().chain(&self.stable).chain(&self.new)
    }

    pub(super) fn sum(&self, of: impl Fn(&Member) -> i32) -> i32 {
        self.all().map(of).fold(0, i32::saturating_add)
    }

    /// The number of the newest version: its own, or one more than the highest.
    pub(super) fn revision(&self) -> i64 {
        let own = self.new.as_ref().map_or(0, Member::revision);
        let highest = self
            .others
            .iter()
            .chain(&self.stable)
            .map(Member::revision)
            .max();
        // An old template that comes back gets a new number, as with Deployments.
        if own > highest.unwrap_or(0) {
            own
        } else {
            highest.unwrap_or(0) + 1
        }
    }
}

/// The hash of the newest template, as the replica set that has it carries it.
pub(super) fn current_hash(rollout: &Rollout, fleet: &Fleet) -> String {
    match &fleet.new {
        Some(member) => member.hash().to_owned(),
        None => fresh_hash(rollout),
    }
}

fn fresh_hash(rollout: &Rollout) -> String {
    let print = rollout
        .spec
        .template
        .as_ref()
        .map(fingerprint)
        .unwrap_or_default();
    let collisions = rollout
        .status
        .as_ref()
        .and_then(|status| status.collision_count);
    pod_template::hash(&print, collisions)
}

/// A template's text with the defaults that the API server sets in a ReplicaSet, but not in a custom
/// kind such as Rollout.
fn fingerprint(template: &PodTemplateSpec) -> String {
    // Serialising a plain struct into a tree cannot fail; an empty text would merely never match.
    let mut value = serde_json::to_value(template).unwrap_or_default();
    seatrial_schema::defaults::pod_template(&mut value);
    pod_template::fingerprint(value, HASH)
}

/// The hash of the steps: changed steps start anew.
pub(super) fn step_hash(rollout: &Rollout) -> String {
    let steps = rollout
        .spec
        .strategy
        .canary
        .as_ref()
        .and_then(|canary| canary.steps.as_ref());
    pod_template::hash(&serde_json::to_string(&steps).unwrap_or_default(), None)
}

/// A replica set for the newest template, with this many pods.
pub(super) fn fresh(rollout: &Rollout, replicas: i32, revision: i64) -> ReplicaSet {
    let hash = fresh_hash(rollout);
    let with_hash = |labels: Option<&BTreeMap<String, String>>| {
        let mut labels = labels.cloned().unwrap_or_default();
        labels.insert(HASH.to_owned(), hash.clone());
        Some(labels)
    };
    let mut template = rollout.spec.template.clone().unwrap_or_default();
    let metadata = template.metadata.get_or_insert_default();
    metadata.labels = with_hash(metadata.labels.as_ref());
    let selector = rollout.spec.selector.clone().unwrap_or_default();
    let selector = LabelSelector {
        match_labels: with_hash(selector.match_labels.as_ref()),
        match_expressions: selector.match_expressions,
    };
    let name = rollout.metadata.name.as_deref().unwrap_or_default();
    let mut annotations = rollout.metadata.annotations.clone().unwrap_or_default();
    annotations.retain(|key, _| key != REVISION && !key.starts_with("kubectl.kubernetes.io/"));
    annotations.insert(REVISION.to_owned(), revision.to_string());
    ReplicaSet {
        metadata: ObjectMeta {
            name: Some(format!("{name}-{hash}")),
            namespace: rollout.metadata.namespace.clone(),
            labels: template
                .metadata
                .as_ref()
                .and_then(|metadata| metadata.labels.clone()),
            annotations: Some(annotations),
            owner_references: Some(vec![owner_reference(rollout)]),
            ..ObjectMeta::default()
        },
        spec: Some(ReplicaSetSpec {
            replicas: Some(replicas),
            min_ready_seconds: rollout.spec.min_ready_seconds,
            selector,
            template: Some(template),
        }),
        status: None,
    }
}
