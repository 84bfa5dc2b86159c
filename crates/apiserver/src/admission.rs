//! The admission chain: whoever wants to see objects before they are stored.
//!
//! ```text
//!   request ─▶ mutate: plugins ─▶ policies ─▶ webhooks ─┐ once more, if a late step changed something
//!                 ▲                                      │
//!                 └──────────────────────────────────────┘
//!           ─▶ validation by schema
//!           ─▶ validate: plugins ─▶ policies ─▶ webhooks
//!           ─▶ reserve: quota, in one commit with the object
//! ```
//!
//! The order is upstream's (`AllOrderedPlugins`). Further steps come from outside by
//! [`crate::State::admit_with`].
//!
//! **Invariants**
//! - A step that has nothing to say about a request costs one call of [`Admission::handles`].
//! - What a quota grants is stored in the same commit as the object that uses it.

mod chain;
mod expression;
mod ingress;
mod lifecycle;
mod limits;
mod matching;
mod node_taint;
mod pod_security;
mod policy;
pub(crate) mod priority;
mod quota;
mod reading;
mod review;
mod runtime_class;
mod service_account;
mod storage;
mod toleration;
mod webhook;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use seatrial_store::Write;

pub(crate) use chain::{Chain, Passage, conclude};
pub use pod_security::{Configuration as PodSecurity, Error as PodSecurityError};
pub(crate) use policy::type_warnings;

use crate::failure::Failure;
use crate::identity::Identity;
use crate::object::Object;
use crate::registry::{Kind, Version};
use crate::state::State;

/// What a request is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Store a new object.
    Create,
    /// Change an object.
    Update,
    /// Remove an object.
    Delete,
    /// Open a stream to an object.
    Connect,
}

impl Operation {
    /// As rules and reviews name it, such as `CREATE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// A change on its way to the store.
pub struct Change<'a> {
    /// What every request shares.
    pub state: &'a Arc<State>,
    /// What is being done.
    pub operation: Operation,
    /// To which kind.
    pub kind: &'a Kind,
    /// In which of its versions the client speaks. The objects are in the stored form all the same.
    pub version: &'a Version,
    /// To which part of the object, such as `status`; empty for the object itself.
    pub subresource: &'a str,
    /// In which namespace; empty for cluster-scoped kinds.
    pub namespace: &'a str,
    /// To which object.
    pub name: &'a str,
    /// By whom.
    pub identity: &'a Identity,
    /// The object as it is stored now.
    pub old: Option<&'a Object>,
    /// Whether nothing will be stored in the end.
    pub dry_run: bool,
    /// What the steps say beside yes and no.
    pub notes: &'a Notes,
}

impl Change<'_> {
    /// Whether the change is about objects of a kind themselves, given as `plural` or `plural.group`.
    pub fn is_about(&self, resource: &str) -> bool {
        self.subresource.is_empty() && *self.kind.resource == *resource
    }

    /// Refuses in upstream's form: `pods "x" is forbidden: …`.
    pub fn forbidden(&self, detail: &str) -> Failure {
        Failure::forbidden(self.kind, self.name, detail)
    }
}

/// Which time the mutating steps see the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// The first.
    First,
    /// Once more, since a step after the plugins has changed it.
    Again,
}

/// What the steps of one passage say beside yes and no.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    warnings: Vec<String>,
    annotations: BTreeMap<String, String>,
    again: bool,
    round: Option<Round>,
    called: Called,
}

/// What the mutating webhooks and policies remember from one round to the next.
#[derive(Debug, Default)]
pub(crate) struct Called {
    /// Those that want to be called again and were not since something changed.
    pub(crate) earlier: std::collections::BTreeSet<String>,
    /// Those that are due in the next round.
    pub(crate) due: std::collections::BTreeSet<String>,
    /// The object as each step left it.
    pub(crate) left: BTreeMap<&'static str, Object>,
}

impl Called {
    /// Something has changed: whoever was called before it and wants to see that is due.
    fn changed(&mut self) {
        let earlier = std::mem::take(&mut self.earlier);
        self.due.extend(earlier);
    }
}

impl Notes {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Warns the client; each warning is said once.
    pub fn warn(&self, text: impl Into<String>) {
        let text = text.into();
        let mut inner = self.lock();
        if !inner.warnings.contains(&text) {
            inner.warnings.push(text);
        }
    }

    /// Annotates the audit event of the request. The first value of a key stays, as upstream.
    pub fn annotate(&self, key: impl Into<String>, value: impl Into<String>) {
        let mut inner = self.lock();
        inner.annotations.entry(key.into()).or_insert(value.into());
    }

    /// Asks for another round of all mutating steps.
    pub fn see_again(&self) {
        self.lock().again = true;
    }

    /// Which round this is.
    pub fn round(&self) -> Round {
        self.lock().round.unwrap_or(Round::First)
    }

    pub(crate) fn called<T>(&self, act: impl FnOnce(&mut Called) -> T) -> T {
        act(&mut self.lock().called)
    }

    /// Whether another round was asked for; begins it.
    fn begin_again(&self) -> bool {
        let mut inner = self.lock();
        if inner.again {
            inner.round = Some(Round::Again);
        }
        inner.again
    }

    fn into_parts(self) -> (Vec<String>, BTreeMap<String, String>) {
        let inner = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        (inner.warnings, inner.annotations)
    }
}

/// Annotations for the audit event of a request. Whoever writes the audit log puts one into the
/// request's extensions and reads it when the request is done.
#[derive(Debug, Default, Clone)]
pub struct Annotations(Arc<Mutex<BTreeMap<String, String>>>);

impl Annotations {
    fn extend(&self, more: BTreeMap<String, String>) {
        if !more.is_empty() {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.extend(more);
        }
    }

    /// What has been said so far.
    pub fn get(&self) -> BTreeMap<String, String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What must be stored together with the object, and what is held until it is.
#[derive(Default)]
pub struct Reservation {
    /// Further writes of the same commit.
    pub writes: Vec<Write>,
    /// Held until the commit is done.
    pub held: Option<Box<dyn Send + Sync>>,
}

/// A step of the admission chain. Each object passes `mutate` of all steps in order, then is
/// validated by its schema, then passes `validate` of all steps in order; then each may `reserve`.
#[async_trait]
pub trait Admission: Send + Sync {
    /// Whether the step has anything to say about the change. Asked first and for every change, so it
    /// must be quick.
    fn handles(&self, change: &Change<'_>) -> bool;

    /// May change the object. For a deletion it sees what would go, and changes nothing by changing it.
    ///
    /// # Errors
    /// The refusal, as the client shall see it.
    async fn mutate(&self, change: &Change<'_>, object: &mut Object) -> Result<(), Failure> {
        let _ = (change, object);
        Ok(())
    }

    /// May refuse the object. For a deletion `object` is the one that would go.
    ///
    /// # Errors
    /// The refusal, as the client shall see it.
    async fn validate(&self, change: &Change<'_>, object: &Object) -> Result<(), Failure> {
        let _ = (change, object);
        Ok(())
    }

    /// Says what else must be stored in the same commit. Asked right before the commit, and again where
    /// the commit failed because of what was asked for. `object` is `None` where it is about to go.
    ///
    /// # Errors
    /// The refusal, as the client shall see it.
    async fn reserve(
        &self,
        change: &Change<'_>,
        object: Option<&Object>,
    ) -> Result<Reservation, Failure> {
        let _ = (change, object);
        Ok(Reservation::default())
    }
}
