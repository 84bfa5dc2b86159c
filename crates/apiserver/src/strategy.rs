//! What is special about some kinds: the hooks through which the generic verbs reach it.

mod access;
mod definition;
mod job;
mod namespace;
mod node;
mod pod;
mod policy;
mod secret;
mod service;
mod signing_request;

pub(crate) use access::Access;
pub(crate) use definition::{CLEANUP, Definition};
pub(crate) use job::Job;
pub(crate) use namespace::Namespace;
pub(crate) use node::Node;
pub(crate) use pod::Pod;
pub(crate) use policy::Policy;
pub(crate) use secret::Secret;
pub(crate) use service::Service;
pub(crate) use signing_request::SigningRequest;

use crate::failure::{Cause, Failure};
use crate::identity::Identity;
use crate::object::Object;
use crate::registry::Kind;
use crate::state::State;

/// The hooks of a kind. Every one has the plain behaviour as its default.
pub trait Strategy: Sync + std::fmt::Debug {
    /// Sets what a new object of this kind always has. The status has been removed already.
    ///
    /// # Errors
    /// Where the object cannot be created at all.
    fn prepare_create(&self, state: &State, object: &mut Object) -> Result<(), Failure> {
        let _ = (state, object);
        Ok(())
    }

    /// Notes in a new object who made it.
    fn sign(&self, object: &mut Object, identity: &Identity) {
        let _ = (object, identity);
    }

    /// Carries over what a changed object keeps from `old`.
    ///
    /// # Errors
    /// Where the change cannot be made at all.
    fn prepare_update(
        &self,
        state: &State,
        object: &mut Object,
        old: &Object,
    ) -> Result<(), Failure> {
        let _ = (state, object, old);
        Ok(())
    }

    /// Whether a new object keeps the status it comes with.
    fn keeps_status(&self) -> bool {
        false
    }

    /// What is wrong with a new or changed object beyond what its schema says.
    fn validate(&self, object: &Object) -> Vec<Cause> {
        let _ = object;
        Vec::new()
    }

    /// What is wrong with the change from `old` beyond what the schema says.
    fn validate_update(&self, object: &Object, old: &Object) -> Vec<Cause> {
        let _ = (object, old);
        Vec::new()
    }

    /// How long the object may take to go when it is deleted, in seconds; 0 for at once.
    fn grace(&self, object: &Object, asked: Option<i64>) -> i64 {
        let _ = (object, asked);
        0
    }

    /// Why the object may not be deleted, if it may not.
    fn immortal(&self, object: &Object) -> Option<&'static str> {
        let _ = object;
        None
    }

    /// Marks the object for deletion, where that means more than a timestamp.
    fn prepare_delete(&self, object: &mut Object) {
        let _ = object;
    }

    /// Whether something beside its finalizers keeps a deleted object from going.
    fn held(&self, object: &Object) -> bool {
        let _ = object;
        false
    }

    /// Told when a prepared object was not stored after all (a dry run, a conflict, a refusal).
    fn abandoned(&self, state: &State, object: &Object, old: Option<&Object>) {
        let _ = (state, object, old);
    }

    /// Told after a change was committed. `object` is `None` for a deletion.
    fn committed(&self, state: &State, kind: &Kind, object: Option<&Object>, old: Option<&Object>) {
        let _ = (state, kind, object, old);
    }
}

/// A kind about which nothing is special.
#[derive(Debug)]
pub(crate) struct Plain;

impl Strategy for Plain {}
