//! ResourceQuota: what a namespace may use is reserved in the commit that uses it.
//!
//! Flow: the change's use is worked out, for each quota that covers it added to `status.used`, and
//! compared with `status.hard`; the new `status.used` is written in the same commit as the object.
//! Guarantees: two requests never share what is left, since both would write the same quota; what is
//! deleted is given back at once; a SIGKILL cannot part object and quota. Assumption: a controller fills
//! `status.hard`, and counts again what happened past the chain. Messages are upstream's
//! (`apiserver/pkg/admission/plugin/resourcequota`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use seatrial_schema::amount::Amount;
use seatrial_schema::quota::{self, Usage, amounts, difference};
use seatrial_store::{Change as StoreChange, Expect, Record, Write};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex as Gate;

use super::reading::listed;
use super::{Admission, Change, Operation, Reservation};
use crate::failure::Failure;
use crate::object::Object;

const RESOURCE: &str = "resourcequotas";

/// The step.
#[derive(Default)]
pub(super) struct Quota {
    /// One gate per namespace with quotas: whoever passes writes all its quotas, so passing one after
    /// the other is faster than failing together.
    gates: Mutex<BTreeMap<String, Arc<Gate<()>>>>,
}

/// A stored quota.
struct Stored {
    record: Arc<Record>,
    object: Object,
    hard: Usage,
    used: Usage,
}

impl Stored {
    fn read(record: &Arc<Record>) -> Option<Self> {
        let object = Object::decode(&record.bytes).ok()?;
        Some(Self {
            record: Arc::clone(record),
            hard: amounts(object.at(&["status", "hard"])),
            used: amounts(object.at(&["status", "used"])),
            object,
        })
    }

    fn name(&self) -> &str {
        &self.record.key.name
    }

    /// The write that makes `used` the quota's status.
    fn write(&self, used: &Usage) -> Write {
        let mut object = self.object.clone();
        let used = used
            .iter()
            .map(|(name, amount)| (name.clone(), json!(amount.to_string())));
        let used: Map<String, Value> = used.collect();
        object
            .section("status")
            .insert("used".to_owned(), Value::Object(used));
        Write {
            key: self.record.key.clone(),
            expect: Expect::Revision(self.record.revision),
            change: StoreChange::Put {
                metadata: self.record.metadata.clone(),
                draft: object.draft(),
            },
        }
    }
}

impl Quota {
    fn gate(&self, namespace: &str) -> Arc<Gate<()>> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(namespace.to_owned()).or_default())
    }
}

#[async_trait]
impl Admission for Quota {
    fn handles(&self, change: &Change<'_>) -> bool {
        // Quotas do not count what happens to themselves, or they could never be deleted.
        !change.namespace.is_empty()
            && change.operation != Operation::Connect
            && *change.kind.resource != *RESOURCE
            && !listed(change.state, RESOURCE, Some(change.namespace)).is_empty()
    }

    async fn reserve(
        &self,
        change: &Change<'_>,
        object: Option<&Object>,
    ) -> Result<Reservation, Failure> {
        let (before, after) = (change.old.map(value), object.map(value));
        let use_of = |object: &Option<Value>| {
            let kind = change.kind;
            let counted = object.as_ref();
            counted
                .map(|object| quota::usage(&kind.group, &kind.plural, object))
                .unwrap_or_default()
        };
        let (used_before, used_after) = (use_of(&before), use_of(&after));
        let scoped = matches!(
            change.kind.plural.as_str(),
            "pods" | "persistentvolumeclaims"
        );
        if difference(&used_after, &used_before).is_empty() && !scoped {
            return Ok(Reservation::default());
        }
        let gate = self.gate(change.namespace).lock_owned().await;
        let mut writes = Vec::new();
        for record in listed(change.state, RESOURCE, Some(change.namespace)) {
            let Some(stored) = Stored::read(&record) else {
                continue;
            };
            let scopes = quota::scopes_for(&Value::Object(stored.object.0.clone()));
            let counted = |object: &Option<Value>, usage: &Usage| {
                let kind = change.kind;
                let covered =
                    |object: &Value| quota::covers(&scopes, &kind.group, &kind.plural, object);
                if object.as_ref().is_some_and(covered) {
                    usage.clone()
                } else {
                    Usage::new()
                }
            };
            let (from, to) = (counted(&before, &used_before), counted(&after, &used_after));
            if to.is_empty() && from.is_empty() {
                continue;
            }
            if change.operation == Operation::Create
                && let Some(pod) = &after
                && !to.is_empty()
            {
                is_stated(change, &stored, pod)?;
            }
            let delta = difference(&to, &from);
            if let Some(used) = charged(change, &stored, &delta)? {
                writes.push(stored.write(&used));
            }
        }
        if writes.is_empty() {
            return Ok(Reservation::default());
        }
        Ok(Reservation {
            writes,
            held: Some(Box::new(gate)),
        })
    }
}

fn value(object: &Object) -> Value {
    Value::Object(object.0.clone())
}

/// A quota over what containers ask for can only be kept where they say it.
fn is_stated(change: &Change<'_>, stored: &Stored, pod: &Value) -> Result<(), Failure> {
    if !change.is_about("pods") {
        return Ok(());
    }
    let limited: BTreeSet<String> = stored.hard.keys().cloned().collect();
    let missing = quota::missing_requirements(pod, &limited);
    if missing.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "failed quota: {}: must specify {}",
        stored.name(),
        missing.join("; ")
    );
    Err(change.forbidden(&detail))
}

/// What the quota has given out after the change; `None` where that stays as it is.
fn charged(change: &Change<'_>, stored: &Stored, delta: &Usage) -> Result<Option<Usage>, Failure> {
    let limited = delta
        .iter()
        .filter(|(name, _)| stored.hard.contains_key(*name));
    let requested: Usage = limited
        .map(|(name, amount)| (name.clone(), *amount))
        .collect();
    if requested.is_empty() {
        return Ok(None);
    }
    let unknown: Vec<&str> = requested
        .keys()
        .filter(|name| !stored.used.contains_key(*name))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        if requested.values().all(|amount| amount.is_negative()) {
            return Ok(None);
        }
        let names = unknown.join(",");
        let detail = format!(
            "status unknown for quota: {}, resources: {names}",
            stored.name()
        );
        return Err(change.forbidden(&detail));
    }
    let mut used = stored.used.clone();
    let mut exceeded = BTreeSet::new();
    for (name, amount) in &requested {
        let sum = used
            .get(name)
            .copied()
            .unwrap_or(Amount::ZERO)
            .plus(*amount);
        let most = stored.hard.get(name).copied().unwrap_or(Amount::ZERO);
        if sum > most && !amount.is_negative() {
            exceeded.insert(name.clone());
        }
        // Only what happened past the chain can make it less than nothing.
        used.insert(
            name.clone(),
            if sum.is_negative() { Amount::ZERO } else { sum },
        );
    }
    if exceeded.is_empty() {
        return Ok(Some(used));
    }
    let only = |usage: &Usage| {
        let part = usage.iter().filter(|(name, _)| exceeded.contains(*name));
        quota::text(&part.map(|(name, amount)| (name.clone(), *amount)).collect())
    };
    Err(change.forbidden(&format!(
        "exceeded quota: {}, requested: {}, used: {}, limited: {}",
        stored.name(),
        only(&requested),
        only(&stored.used),
        only(&stored.hard)
    )))
}
