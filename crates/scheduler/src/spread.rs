//! Topology spread constraints: what they ask for, read once per pod.

use std::sync::Arc;

use k8s_openapi::api::core::v1::TopologySpreadConstraint;

use crate::query::{Labels, Leaving, PodQuery, PodTerm, Selection};

/// One constraint.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Constraint {
    pub(crate) topology: String,
    pub(crate) most: i64,
    pub(crate) force: Force,
    /// Fewer values than this count as if there were an empty one.
    pub(crate) least_domains: i64,
    /// The pods that are to be spread.
    pub(crate) query: Arc<PodQuery>,
    /// Whether the pod itself is one of them: 1 or 0.
    pub(crate) own: i64,
    /// Whether nodes that the pod's selector and affinity rule out count.
    pub(crate) affinity: Policy,
    /// Whether nodes with taints that the pod does not tolerate count.
    pub(crate) taints: Policy,
}

/// What happens where a constraint cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    /// The pod waits.
    Must,
    /// The pod goes where it holds best.
    Should,
    /// As `Should`, and nodes without the label take part too: a default of the scheduler's own.
    Default,
}

/// Whether a constraint leaves out nodes that cannot take the pod anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Honor,
    Ignore,
}

impl Policy {
    fn of(text: Option<&str>, otherwise: Self) -> Self {
        match text {
            Some("Honor") => Self::Honor,
            Some("Ignore") => Self::Ignore,
            _ => otherwise,
        }
    }
}

impl Constraint {
    pub(crate) fn of(
        constraint: &TopologySpreadConstraint,
        namespace: &str,
        labels: &Labels,
    ) -> Self {
        let mut selection = constraint.label_selector.clone().map(Selection::of);
        if let Some(selection) = &mut selection {
            for key in constraint.match_label_keys.iter().flatten() {
                if let Some(value) = labels.get(key) {
                    selection.require(key.clone(), value.clone());
                }
            }
        }
        let own = selection
            .as_ref()
            .is_some_and(|selection| selection.matches(labels));
        Self {
            topology: constraint.topology_key.clone(),
            most: i64::from(constraint.max_skew),
            force: match constraint.when_unsatisfiable.as_str() {
                "ScheduleAnyway" => Force::Should,
                _ => Force::Must,
            },
            least_domains: i64::from(constraint.min_domains.unwrap_or(1)),
            query: spread(namespace, selection),
            own: i64::from(own),
            affinity: Policy::of(constraint.node_affinity_policy.as_deref(), Policy::Honor),
            taints: Policy::of(constraint.node_taints_policy.as_deref(), Policy::Ignore),
        }
    }

    /// What the scheduler asks for where the pod says nothing: pods of one service and one
    /// controller are spread over nodes and zones (upstream's system defaults).
    pub(crate) fn defaults(namespace: &str, selection: Selection) -> Vec<Self> {
        let query = spread(namespace, Some(selection));
        [
            ("kubernetes.io/hostname", 3),
            ("topology.kubernetes.io/zone", 5),
        ]
        .map(|(topology, most)| Self {
            topology: topology.to_owned(),
            most,
            force: Force::Default,
            least_domains: 1,
            query: query.clone(),
            own: 1,
            affinity: Policy::Honor,
            taints: Policy::Ignore,
        })
        .to_vec()
    }
}

fn spread(namespace: &str, selection: Option<Selection>) -> Arc<PodQuery> {
    Arc::new(PodQuery {
        terms: vec![PodTerm::within(namespace, selection)],
        leaving: Leaving::Skipped,
    })
}
