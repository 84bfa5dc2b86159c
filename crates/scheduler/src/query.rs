//! Which pods a constraint means: by namespace and label, in a form that can be compared, so that
//! pods with the same constraint share one count.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::PodAffinityTerm;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::pod::Demand;

/// Labels by name.
pub(crate) type Labels = BTreeMap<String, String>;

/// A label selector: all requirements hold. Without any it selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Selection(BTreeSet<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Test {
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Exists,
    DoesNotExist,
    /// An operator that the API should have refused.
    Unknown,
}

impl Test {
    fn of(operator: &str, values: Option<Vec<String>>) -> Self {
        let values = || values.unwrap_or_default().into_iter().collect();
        match operator {
            "In" => Self::In(values()),
            "NotIn" => Self::NotIn(values()),
            "Exists" => Self::Exists,
            "DoesNotExist" => Self::DoesNotExist,
            _ => Self::Unknown,
        }
    }

    fn holds(&self, value: Option<&String>) -> bool {
        match self {
            Self::In(values) => value.is_some_and(|value| values.contains(value)),
            Self::NotIn(values) => !value.is_some_and(|value| values.contains(value)),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
            Self::Unknown => false,
        }
    }
}

impl Selection {
    pub(crate) fn of(selector: LabelSelector) -> Self {
        let mut selection = Self::equal(selector.match_labels.unwrap_or_default());
        for wanted in selector.match_expressions.into_iter().flatten() {
            selection.0.insert(Requirement {
                key: wanted.key,
                test: Test::of(&wanted.operator, wanted.values),
            });
        }
        selection
    }

    /// Pods with exactly these values of these labels.
    pub(crate) fn equal(labels: Labels) -> Self {
        let mut selection = Self::default();
        for (key, value) in labels {
            selection.require(key, value);
        }
        selection
    }

    /// Asks for one more label.
    pub(crate) fn require(&mut self, key: String, value: String) {
        let test = Test::In([value].into());
        self.0.insert(Requirement { key, test });
    }

    fn exclude(&mut self, key: String, value: String) {
        let test = Test::NotIn([value].into());
        self.0.insert(Requirement { key, test });
    }

    /// Takes over the requirements of another.
    pub(crate) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.0
            .iter()
            .all(|wanted| wanted.test.holds(labels.get(&wanted.key)))
    }

    /// The labels without which nothing matches.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|wanted| match &wanted.test {
            Test::In(values) if values.len() == 1 => {
                Some((wanted.key.as_str(), values.first()?.as_str()))
            }
            _ => None,
        })
    }
}

/// Some pods: those in the namespaces that are named or selected, whose labels match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PodTerm {
    namespaces: BTreeSet<String>,
    /// Namespaces by their own labels; one without requirements selects all.
    selected: Option<Selection>,
    /// No selector means no pod.
    labels: Option<Selection>,
}

impl PodTerm {
    /// The pods of one namespace.
    pub(crate) fn within(namespace: &str, labels: Option<Selection>) -> Self {
        Self {
            namespaces: [namespace.to_owned()].into(),
            selected: None,
            labels,
        }
    }

    /// What an affinity term of a pod with these labels in `namespace` means. Label keys to match
    /// become requirements with the pod's own values, unless the API has done that.
    pub(crate) fn of(term: PodAffinityTerm, namespace: &str, own: &Labels) -> Self {
        let mut namespaces: BTreeSet<String> = term.namespaces.into_iter().flatten().collect();
        let selected = term.namespace_selector.map(Selection::of);
        if namespaces.is_empty() && selected.is_none() {
            namespaces.insert(namespace.to_owned());
        }
        let mut labels = term.label_selector.map(Selection::of);
        if let Some(labels) = &mut labels {
            for key in term.match_label_keys.into_iter().flatten() {
                if let Some(value) = own.get(&key) {
                    labels.require(key, value.clone());
                }
            }
            for key in term.mismatch_label_keys.into_iter().flatten() {
                if let Some(value) = own.get(&key) {
                    labels.exclude(key, value.clone());
                }
            }
        }
        Self {
            namespaces,
            selected,
            labels,
        }
    }

    /// Whether a pod is meant; `home` are the labels of its namespace.
    pub(crate) fn matches(&self, pod: &Demand, home: &Labels) -> bool {
        let here = self.namespaces.contains(&pod.namespace)
            || self
                .selected
                .as_ref()
                .is_some_and(|selected| selected.matches(home));
        here && self
            .labels
            .as_ref()
            .is_some_and(|labels| labels.matches(&pod.labels))
    }
}

/// Whether pods on their way out count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leaving {
    /// They still keep others near and away.
    Counted,
    /// They no longer take part in an even spread.
    Skipped,
}

/// Pods that match every one of some terms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PodQuery {
    pub(crate) terms: Vec<PodTerm>,
    pub(crate) leaving: Leaving,
}

impl PodQuery {
    pub(crate) fn matches(&self, pod: &Demand, home: &Labels) -> bool {
        let leaves = pod.leaving && self.leaving == Leaving::Skipped;
        !leaves && self.terms.iter().all(|term| term.matches(pod, home))
    }

    /// Labels without which no pod matches.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.terms
            .iter()
            .filter_map(|term| term.labels.as_ref())
            .flat_map(Selection::pairs)
    }
}
