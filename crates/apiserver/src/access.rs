//! Who may do what: role-based access control over the stored roles and bindings, the rules for nodes,
//! and the one group that may do everything.
//!
//! ```text
//!   request ─▶ Attributes ─▶ masters? ─▶ node? ─▶ bindings of user and groups ─▶ rules of their roles
//!                                          │                  ▲
//!                                  store: pods of the node    └── Index, changed with each commit
//! ```
//!
//! **Invariants**
//! - The index follows the store: a role that was written is in force before its writer hears of it.
//! - No object is decoded to answer a question about rights, but a node's pods.
//! - Nobody gives rights away that they do not have, unless they were given `escalate` or `bind`.

mod attributes;
mod escalation;
mod impersonation;
mod index;
mod node;
pub(crate) mod policy;
pub(crate) mod rule;

use std::sync::{PoisonError, RwLock};

pub(crate) use attributes::{Asked, Attributes, steps};
pub(crate) use escalation::Guard;
pub(crate) use impersonation::impersonated;
pub(crate) use index::Grant;
pub(crate) use node::NodeRestriction;
pub use policy::knows_controller;

use index::Index;
use rule::Rule;
use seatrial_store::{Page, Store};

use crate::failure::Failure;
use crate::identity::{Identity, MASTERS};
use crate::state::State;

/// The resources that the index follows.
pub(crate) const RESOURCES: [&str; 4] = [
    "clusterroles.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
];

/// The answer to a question about rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Yes, and why.
    Allowed(Grant),
    /// No; what could not be found out, for the client.
    Refused(String),
}

/// The stored roles and bindings, ready to be asked.
#[derive(Debug)]
pub(crate) struct Access {
    index: RwLock<Index>,
    nodes: Vec<Rule>,
}

impl Access {
    /// What is stored now.
    pub(crate) fn over(store: &Store) -> Self {
        let access = Self {
            index: RwLock::default(),
            nodes: policy::node_rules(),
        };
        access.load(store);
        access
    }

    /// What nodes may do, before it is asked whether the object is their business.
    fn node_rules(&self) -> &[Rule] {
        &self.nodes
    }

    /// Reads everything that is stored.
    pub(crate) fn load(&self, store: &Store) {
        for resource in RESOURCES {
            let Ok(listing) = store.list(resource, &Page::default()) else {
                continue;
            };
            for record in listing.records {
                self.follow(store, &record.key);
            }
        }
    }

    /// Takes over the present state of one object. Whoever is last reads last, so that two who write at
    /// the same time leave the newest state behind.
    pub(crate) fn follow(&self, store: &Store, key: &seatrial_store::Key) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let record = store.get(key);
        index.put(key, record.as_deref());
    }

    /// What the stored roles alone say.
    fn by_roles(&self, identity: &Identity, asked: &Asked<'_>) -> Decision {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.authorize(identity, asked)
    }

    /// Every rule that holds for the user in the namespace, and what could not be found out.
    pub(crate) fn rules_of(&self, identity: &Identity, namespace: &str) -> (Vec<Rule>, String) {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.rules_of(identity, namespace)
    }

    /// The rules of a role; of a ClusterRole for an empty namespace.
    fn role(&self, namespace: &str, name: &str) -> Option<std::sync::Arc<[Rule]>> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.role(namespace, name)
    }
}

/// Whether the user may do what is asked.
pub(crate) fn decide(state: &State, identity: &Identity, asked: &Asked<'_>) -> Decision {
    if identity.is_in(MASTERS) {
        return Decision::Allowed(Grant::Masters);
    }
    let node = identity
        .node_name()
        .map(|name| node::decide(state, name, asked));
    if let Some(Ok(())) = node {
        return Decision::Allowed(Grant::Node);
    }
    match (state.access.by_roles(identity, asked), node) {
        (Decision::Refused(errors), Some(Err(why))) if errors.is_empty() => Decision::Refused(why),
        (Decision::Refused(errors), Some(Err(why))) => {
            Decision::Refused(format!("{why}\n{errors}"))
        }
        (decision, _) => decision,
    }
}

/// Refuses, in upstream's words, what the user may not do.
///
/// # Errors
/// Forbidden.
pub(crate) fn require(
    state: &State,
    identity: &Identity,
    asked: &Asked<'_>,
) -> Result<Grant, Failure> {
    match decide(state, identity, asked) {
        Decision::Allowed(grant) => Ok(grant),
        Decision::Refused(reason) => Err(asked.forbidden(identity, &reason)),
    }
}
