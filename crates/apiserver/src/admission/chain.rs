//! One change's way through the chain.

use std::sync::Arc;

use seatrial_store::{Record, Write};

use super::{
    Admission, Change, Notes, Operation, ingress, lifecycle, limits, node_taint, pod_security,
    policy, priority, quota, runtime_class, service_account, storage, toleration, webhook,
};
use crate::call::Call;
use crate::failure::{Cause, Failure, Reason};
use crate::object::Object;
use crate::state::Commit;

/// How often a commit is tried again where what a step reserved was in the way.
const ATTEMPTS: usize = 20;

/// The built-in steps, in upstream's order, around those from outside.
pub(crate) struct Chain {
    before: Vec<Arc<dyn Admission>>,
    outside: Vec<Arc<dyn Admission>>,
    after: Vec<Arc<dyn Admission>>,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            before: vec![
                Arc::new(lifecycle::Lifecycle),
                Arc::new(crate::access::NodeRestriction),
                Arc::new(limits::Limits::default()),
                Arc::new(service_account::ServiceAccounts),
                Arc::new(node_taint::NewNodes),
                Arc::new(pod_security::PodSecurity),
                Arc::new(priority::Priority::default()),
                Arc::new(toleration::Tolerations),
                Arc::new(storage::DefaultStorageClass),
                Arc::new(storage::InUseProtection),
                Arc::new(storage::Resize),
                Arc::new(runtime_class::RuntimeClass),
                Arc::new(ingress::DefaultIngressClass),
                Arc::new(crate::access::Guard),
                Arc::new(crate::certificate::Approval),
                Arc::new(policy::Definitions),
                Arc::new(policy::Mutating::default()),
                Arc::new(webhook::Mutating::default()),
                Arc::new(policy::Validating::default()),
                Arc::new(webhook::Validating::default()),
            ],
            outside: Vec::new(),
            after: vec![Arc::new(quota::Quota::default())],
        }
    }
}

impl Chain {
    /// The chain with another step from outside: after the webhooks, before the quota.
    pub(crate) fn with(&self, step: Arc<dyn Admission>) -> Self {
        let mut outside = self.outside.clone();
        outside.push(step);
        Self {
            before: self.before.clone(),
            outside,
            after: self.after.clone(),
        }
    }

    fn steps(&self) -> impl Iterator<Item = &Arc<dyn Admission>> {
        self.before.iter().chain(&self.outside).chain(&self.after)
    }
}

/// A change before the chain, with the steps that have something to say about it.
pub(crate) struct Passage<'a> {
    change: Change<'a>,
    steps: Vec<Arc<dyn Admission>>,
}

impl<'a> Passage<'a> {
    /// The change that `call` makes to `name`.
    pub(crate) fn begin(
        call: &'a Call,
        operation: Operation,
        name: &'a str,
        old: Option<&'a Object>,
        dry_run: bool,
        notes: &'a Notes,
    ) -> Self {
        let change = Change {
            state: &call.state,
            operation,
            kind: call.kind(),
            version: call.version(),
            subresource: match operation {
                Operation::Delete => "",
                _ => &call.target.subresource,
            },
            namespace: &call.target.namespace,
            name,
            identity: &call.identity,
            old,
            dry_run,
            notes,
        };
        let chain = call.state.admission();
        let steps = chain.steps().filter(|step| step.handles(&change));
        let steps = steps.cloned().collect();
        Self { change, steps }
    }

    /// Passes `object` through the chain, with the validation of its kind in the middle.
    pub(crate) async fn admit(
        &self,
        object: &mut Object,
        check: impl FnOnce(&mut Object) -> Vec<Cause>,
    ) -> Result<(), Failure> {
        let before = (!self.steps.is_empty()).then(|| Named::of(object));
        self.mutate(object).await?;
        if let Some(before) = before {
            before.is_still(object)?;
        }
        let causes = check(object);
        if !causes.is_empty() {
            return Err(Failure::invalid(self.change.kind, object.name(), causes));
        }
        self.validate(object).await
    }

    /// Whether the object may go.
    pub(crate) async fn admit_deletion(&self, object: &Object) -> Result<(), Failure> {
        if self.steps.is_empty() {
            return Ok(());
        }
        // Upstream shows deletions to mutating steps too; nothing comes of their changes.
        self.mutate(&mut object.clone()).await?;
        self.validate(object).await
    }

    async fn mutate(&self, object: &mut Object) -> Result<(), Failure> {
        for step in &self.steps {
            step.mutate(&self.change, object).await?;
        }
        if self.change.notes.begin_again() {
            for step in &self.steps {
                step.mutate(&self.change, object).await?;
            }
        }
        Ok(())
    }

    async fn validate(&self, object: &Object) -> Result<(), Failure> {
        for step in &self.steps {
            step.validate(&self.change, object).await?;
        }
        Ok(())
    }

    /// Commits `write` together with what the steps reserve for it. `object` is `None` where the
    /// write removes it.
    pub(crate) async fn commit(
        &self,
        write: Write,
        object: Option<&Object>,
    ) -> Result<Arc<Record>, Failure> {
        let (state, kind) = (self.change.state, self.change.kind);
        if self.steps.is_empty() {
            return state.commit(kind, write).await;
        }
        for _ in 0..ATTEMPTS {
            let (others, _held) = self.reserve(object).await?;
            if let Commit::Done(record) = state.commit_with(kind, write.clone(), others).await? {
                return Ok(record);
            }
        }
        let message =
            "what the object needs beside itself is being changed all the time; try again";
        Err(Failure::new(Reason::ServiceUnavailable, message))
    }

    async fn reserve(
        &self,
        object: Option<&Object>,
    ) -> Result<(Vec<Write>, Vec<Box<dyn Send + Sync>>), Failure> {
        let (mut writes, mut held) = (Vec::new(), Vec::new());
        for step in &self.steps {
            let reservation = step.reserve(&self.change, object).await?;
            writes.extend(reservation.writes);
            held.extend(reservation.held);
        }
        Ok((writes, held))
    }

    /// Whether a dry run could be committed as far as the steps know.
    pub(crate) async fn rehearse(&self, object: Option<&Object>) -> Result<(), Failure> {
        self.reserve(object).await.map(|_| ())
    }
}

/// Which object it is. Webhooks and policies may change anything else.
#[derive(PartialEq)]
struct Named([String; 5]);

const NAMED: [&[&str]; 5] = [
    &["apiVersion"],
    &["kind"],
    &["metadata", "namespace"],
    &["metadata", "name"],
    &["metadata", "uid"],
];

impl Named {
    fn of(object: &Object) -> Self {
        Self(NAMED.map(|path| object.text(path).to_owned()))
    }

    /// Refuses what has become another object on its way: it would be stored where it does not belong.
    fn is_still(&self, object: &Object) -> Result<(), Failure> {
        for (path, before) in NAMED.iter().zip(&self.0) {
            let now = object.text(path);
            if now != before {
                return Err(Failure::internal(format!(
                    "admission has changed {} from {before:?} to {now:?}, which is not supported",
                    path.join(".")
                )));
            }
        }
        Ok(())
    }
}

/// What the steps said: the warnings for the client; the annotations go to the audit of the call.
pub(crate) fn conclude(call: &Call, notes: Notes) -> Vec<String> {
    let (warnings, annotations) = notes.into_parts();
    call.annotations.extend(annotations);
    warnings
}
