//! Priority: a pod's priority is that of its class.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::reading::{Readings, listed};
use super::{Admission, Change, Operation};
use crate::failure::Failure;
use crate::object::Object;

const RESOURCE: &str = "priorityclasses.scheduling.k8s.io";
const PREEMPT: &str = "PreemptLowerPriority";

/// The classes that every cluster has, with what they are for.
pub(crate) const SYSTEM: [(&str, i64, &str); 2] = [
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
];

/// The step.
#[derive(Default)]
pub(super) struct Priority(Readings<Class>);

#[derive(Debug)]
struct Class {
    name: String,
    value: i64,
    preemption: String,
    default: bool,
}

impl Priority {
    fn classes(&self, change: &Change<'_>) -> Vec<std::sync::Arc<Class>> {
        let records = listed(change.state, RESOURCE, None);
        self.0.of(&records, |class| {
            let preemption = match class.text(&["preemptionPolicy"]) {
                "" => PREEMPT,
                other => other,
            };
            Class {
                name: class.name().to_owned(),
                value: class
                    .at(&["value"])
                    .and_then(Value::as_i64)
                    .unwrap_or_default(),
                preemption: preemption.to_owned(),
                default: class.at(&["globalDefault"]) == Some(&Value::Bool(true)),
            }
        })
    }

    /// The name, value and preemption policy of the pod's class.
    fn resolve(&self, change: &Change<'_>, wanted: &str) -> Result<(String, i64, String), Failure> {
        let classes = self.classes(change);
        let chosen = if wanted.is_empty() {
            // Of several defaults, which only a race can bring about, the lowest counts.
            classes
                .iter()
                .filter(|class| class.default)
                .min_by_key(|class| class.value)
        } else {
            classes.iter().find(|class| class.name == wanted)
        };
        match chosen {
            Some(class) => Ok((class.name.clone(), class.value, class.preemption.clone())),
            None if wanted.is_empty() => Ok((String::new(), 0, PREEMPT.to_owned())),
            None => {
                Err(change.forbidden(&format!("no PriorityClass with name {wanted} was found")))
            }
        }
    }
}

#[async_trait]
impl Admission for Priority {
    fn handles(&self, change: &Change<'_>) -> bool {
        match change.operation {
            Operation::Create => change.is_about("pods") || change.is_about(RESOURCE),
            Operation::Update => change.is_about(RESOURCE),
            _ => false,
        }
    }

    async fn mutate(&self, change: &Change<'_>, pod: &mut Object) -> Result<(), Failure> {
        if !change.is_about("pods") {
            return Ok(());
        }
        let (name, value, preemption) =
            self.resolve(change, pod.text(&["spec", "priorityClassName"]))?;
        let given = pod.at(&["spec", "priority"]).and_then(Value::as_i64);
        if let Some(given) = given.filter(|given| *given != value) {
            return Err(change.forbidden(&format!(
                "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {value} from the given PriorityClass name"
            )));
        }
        let given = pod.text(&["spec", "preemptionPolicy"]);
        if !given.is_empty() && given != preemption {
            return Err(change.forbidden(&format!(
                "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {preemption} from the given PriorityClass name"
            )));
        }
        let spec = pod.section("spec");
        if !name.is_empty() {
            spec.insert("priorityClassName".to_owned(), json!(name));
        }
        spec.insert("priority".to_owned(), json!(value));
        spec.insert("preemptionPolicy".to_owned(), json!(preemption));
        Ok(())
    }

    async fn validate(&self, change: &Change<'_>, class: &Object) -> Result<(), Failure> {
        if !change.is_about(RESOURCE) || class.at(&["globalDefault"]) != Some(&Value::Bool(true)) {
            return Ok(());
        }
        let classes = self.classes(change);
        let other = classes
            .iter()
            .find(|other| other.default && other.name != class.name());
        other.map_or(Ok(()), |other| {
            Err(change.forbidden(&format!(
                "PriorityClass {} is already marked as default. Only one default can exist",
                other.name
            )))
        })
    }
}
