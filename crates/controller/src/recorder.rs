//! Events, deduplicated as client-go does it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use seatrial_clock::SharedClock;
use serde_json::json;

use crate::{Chain, Notice};

/// A repetition within this time counts up the same Event object.
const MEMORY: SignedDuration = SignedDuration::from_mins(60);
/// How many events, and how many objects, are remembered (as client-go's cache).
const MOST: usize = 4096;
/// One object may cause this many events at once, and one more each [`REFILL`]; the rest is dropped,
/// so that a loop does not flood the cluster (client-go's spam filter).
const BURST: f64 = 25.0;
const REFILL: SignedDuration = SignedDuration::from_mins(5);

/// Emits events in one controller's name. Clones share its memory.
#[derive(Clone)]
pub struct Recorder {
    component: Arc<str>,
    client: Client,
    clock: SharedClock,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    seen: BTreeMap<Identity, Seen>,
    budgets: BTreeMap<String, Budget>,
}

/// What makes two notices the same event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    about: String,
    kind: &'static str,
    reason: String,
    message: String,
}

#[derive(Clone)]
struct Seen {
    name: String,
    count: i32,
    last: Timestamp,
}

struct Budget {
    left: f64,
    at: Timestamp,
}

enum Decision {
    Create(String),
    Count(Seen),
    Drop,
}

impl Memory {
    fn decide(&mut self, identity: &Identity, name: &str, now: Timestamp) -> Decision {
        if !self.spend(&identity.about, now) {
            return Decision::Drop;
        }
        if self.seen.len() >= MOST || self.budgets.len() >= MOST {
            self.shrink();
        }
        match self.seen.get_mut(identity) {
            Some(seen) if now.duration_since(seen.last) < MEMORY => {
                seen.count += 1;
                seen.last = now;
                Decision::Count(seen.clone())
            }
            _ => {
                let name = format!("{name}.{:016x}", fingerprint(identity, now));
                let seen = Seen {
                    name: name.clone(),
                    count: 1,
                    last: now,
                };
                self.seen.insert(identity.clone(), seen);
                Decision::Create(name)
            }
        }
    }

    /// Forgets the older half. So a shrink is rare: each costs a look at everything.
    fn shrink(&mut self) {
        let middle = |mut times: Vec<Timestamp>| {
            let half = times.len() / 2;
            (!times.is_empty()).then(|| *times.select_nth_unstable(half).1)
        };
        let seen = middle(self.seen.values().map(|seen| seen.last).collect());
        self.seen
            .retain(|_, entry| seen.is_none_or(|middle| entry.last > middle));
        let spent = middle(self.budgets.values().map(|budget| budget.at).collect());
        self.budgets
            .retain(|_, entry| spent.is_none_or(|middle| entry.at > middle));
    }

    fn spend(&mut self, about: &str, now: Timestamp) -> bool {
        let budget = self.budgets.entry(about.to_owned()).or_insert(Budget {
            left: BURST,
            at: now,
        });
        let earned = now.duration_since(budget.at).as_secs_f64() / REFILL.as_secs_f64();
        budget.left = (budget.left + earned).min(BURST);
        budget.at = now;
        if budget.left < 1.0 {
            return false;
        }
        budget.left -= 1.0;
        true
    }
}

/// FNV-1a over what makes the event: a name that is unique and the same in every run of one seed.
fn fingerprint(identity: &Identity, now: Timestamp) -> u64 {
    let text = format!("{identity:?}{}", now.as_nanosecond());
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Recorder {
    /// A recorder for the component of this name.
    pub fn new(component: Arc<str>, client: Client, clock: SharedClock) -> Self {
        Self {
            component,
            client,
            clock,
            memory: Arc::default(),
        }
    }

    /// Emits a notice about an object. Failing to is logged, never an error: events are a courtesy.
    ///
    /// The event lives in the object's namespace, or in `default` for cluster-scoped objects.
    pub async fn publish(&self, about: &ObjectReference, notice: &Notice) {
        let about = notice.about.as_ref().unwrap_or(about);
        let now = self.clock.now();
        let identity = Identity {
            about: format!(
                "{}/{}/{}/{}",
                about.kind.as_deref().unwrap_or_default(),
                about.namespace.as_deref().unwrap_or_default(),
                about.name.as_deref().unwrap_or_default(),
                about.uid.as_deref().unwrap_or_default()
            ),
            kind: notice.kind.as_str(),
            reason: notice.reason.clone(),
            message: notice.message.clone(),
        };
        let name = about.name.as_deref().unwrap_or("event");
        let decision = self
            .memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .decide(&identity, name, now);
        let namespace = about
            .namespace
            .as_deref()
            .filter(|namespace| !namespace.is_empty());
        let events: Api<Event> =
            Api::namespaced(self.client.clone(), namespace.unwrap_or("default"));
        let written = match decision {
            Decision::Drop => return,
            Decision::Create(name) => self.create(&events, about, notice, name, now).await,
            Decision::Count(seen) => match count(&events, &seen, now).await {
                // The old event expired: begin anew under the same name.
                Err(kube::Error::Api(status)) if status.code == 404 => {
                    self.create(&events, about, notice, seen.name, now).await
                }
                result => result,
            },
        };
        if let Err(error) = written {
            tracing::debug!(
                component = &*self.component,
                "emit an event: {}",
                Chain(&error)
            );
        }
    }

    async fn create(
        &self,
        events: &Api<Event>,
        about: &ObjectReference,
        notice: &Notice,
        name: String,
        now: Timestamp,
    ) -> Result<(), kube::Error> {
        let namespace = about
            .namespace
            .as_deref()
            .filter(|namespace| !namespace.is_empty());
        let event = Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(namespace.unwrap_or("default").to_owned()),
                ..ObjectMeta::default()
            },
            involved_object: about.clone(),
            type_: Some(notice.kind.as_str().to_owned()),
            reason: Some(notice.reason.clone()),
            message: Some(notice.message.clone()),
            count: Some(1),
            first_timestamp: Some(Time(now)),
            last_timestamp: Some(Time(now)),
            source: Some(EventSource {
                component: Some(self.component.to_string()),
                host: None,
            }),
            reporting_component: Some(self.component.to_string()),
            ..Event::default()
        };
        events
            .create(&PostParams::default(), &event)
            .await
            .map(|_| ())
    }
}

async fn count(events: &Api<Event>, seen: &Seen, now: Timestamp) -> Result<(), kube::Error> {
    let patch = Patch::Merge(json!({"count": seen.count, "lastTimestamp": Time(now)}));
    events
        .patch(&seen.name, &PatchParams::default(), &patch)
        .await
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(message: &str) -> Identity {
        Identity {
            about: "Pod/default/web/1".into(),
            kind: "Warning",
            reason: "Failed".into(),
            message: message.into(),
        }
    }

    #[test]
    fn a_repetition_counts_up_and_an_hour_forgets() {
        let mut memory = Memory::default();
        let start = Timestamp::UNIX_EPOCH;
        let first = memory.decide(&identity("x"), "web", start);
        assert!(matches!(first, Decision::Create(name) if name.starts_with("web.")));
        let again = memory.decide(&identity("x"), "web", start + SignedDuration::from_secs(9));
        assert!(matches!(again, Decision::Count(Seen { count: 2, .. })));
        let later = memory.decide(&identity("x"), "web", start + SignedDuration::from_hours(2));
        assert!(matches!(later, Decision::Create(_)));
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_what_is_new() {
        let mut memory = Memory::default();
        let at = |second: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        for number in 0..20_000 {
            let mut one = identity("x");
            one.about = number.to_string();
            memory.decide(&one, "web", at(number));
            assert!(memory.seen.len() <= MOST && memory.budgets.len() <= MOST);
        }
        let mut newest = identity("x");
        newest.about = "19999".to_owned();
        let again = memory.decide(&newest, "web", at(20_000));
        assert!(matches!(again, Decision::Count(_)));
    }

    #[test]
    fn one_object_cannot_flood() {
        let mut memory = Memory::default();
        let now = Timestamp::UNIX_EPOCH;
        let kept = (0..100)
            .filter(|n| {
                !matches!(
                    memory.decide(&identity(&n.to_string()), "web", now),
                    Decision::Drop
                )
            })
            .count();
        assert_eq!(kept, 25);
    }
}
