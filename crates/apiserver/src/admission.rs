//! The port for whoever wants to see objects before they are stored: policies, quotas, webhooks.

use async_trait::async_trait;

use crate::failure::Failure;
use crate::identity::Identity;
use crate::object::Object;
use crate::registry::Kind;

/// What a request is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Store a new object.
    Create,
    /// Change an object.
    Update,
    /// Remove an object.
    Delete,
}

/// A change on its way to the store.
pub struct Change<'a> {
    /// What is being done.
    pub operation: Operation,
    /// To which kind.
    pub kind: &'a Kind,
    /// To which part of the object, such as `status`; empty for the object itself.
    pub subresource: &'a str,
    /// By whom.
    pub identity: &'a Identity,
    /// The object as it is stored now.
    pub old: Option<&'a Object>,
    /// Whether nothing will be stored in the end.
    pub dry_run: bool,
}

/// A step of the admission chain. Each object passes `mutate` of all steps in order, then is
/// validated, then passes `validate` of all steps in order.
#[async_trait]
pub trait Admission: Send + Sync {
    /// May change the object. Returns warnings for the client.
    ///
    /// # Errors
    /// The refusal, as the client shall see it.
    async fn mutate(
        &self,
        change: &Change<'_>,
        object: &mut Object,
    ) -> Result<Vec<String>, Failure> {
        let _ = (change, object);
        Ok(Vec::new())
    }

    /// May refuse the object. For a deletion `object` is the one that would go. Returns warnings for
    /// the client.
    ///
    /// # Errors
    /// The refusal, as the client shall see it.
    async fn validate(&self, change: &Change<'_>, object: &Object) -> Result<Vec<String>, Failure> {
        let _ = (change, object);
        Ok(Vec::new())
    }
}
