//! What a reconcile hands back to the kit.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use serde::Serialize;
use serde_json::Value;

/// When the object is to be looked at again, if nothing changes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Everything is as the object asks; wake on a change.
    Settled,
    /// Work is under way elsewhere; a watched change will say when it is done.
    Progressing,
    /// Look again after this long (a timer replaces any earlier one of the same object).
    Waiting(Duration),
}

/// The result of one reconcile: when to look again, and what the kit is to write.
#[derive(Debug)]
pub struct Outcome {
    /// When to look again.
    pub next: Next,
    /// The whole new status; `None` leaves it alone.
    pub status: Option<Result<Value, serde_json::Error>>,
    /// Events to emit, in order.
    pub events: Vec<Notice>,
}

impl Outcome {
    fn new(next: Next) -> Self {
        Self {
            next,
            status: None,
            events: Vec::new(),
        }
    }

    /// The object is as it asks to be.
    pub fn settled() -> Self {
        Self::new(Next::Settled)
    }

    /// Work is under way elsewhere.
    pub fn progressing() -> Self {
        Self::new(Next::Progressing)
    }

    /// Look again after `after`.
    pub fn waiting(after: Duration) -> Self {
        Self::new(Next::Waiting(after))
    }

    /// Sets the whole status to write. Fields absent here are removed from the object.
    #[allow(clippy::needless_pass_by_value)] // Reads as `with_status(status)` at every caller.
    pub fn with_status(mut self, status: impl Serialize) -> Self {
        self.status = Some(serde_json::to_value(&status));
        self
    }

    /// Adds an event to emit.
    pub fn with_event(mut self, notice: Notice) -> Self {
        self.events.push(notice);
        self
    }

    /// Adds events to emit, in order.
    pub fn with_events(mut self, notices: impl IntoIterator<Item = Notice>) -> Self {
        self.events.extend(notices);
        self
    }
}

/// Whether an event reports the expected or a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeKind {
    /// As expected.
    Normal,
    /// Somebody may have to act.
    Warning,
}

impl NoticeKind {
    /// The event's `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// An event to be emitted about an object: what `kubectl describe` shows at its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The event's `type`.
    pub kind: NoticeKind,
    /// Why, in CamelCase.
    pub reason: String,
    /// What happened, for people.
    pub message: String,
    /// What it is about; `None` is the object being reconciled.
    pub about: Option<ObjectReference>,
}

impl Notice {
    /// Something expected happened.
    pub fn normal(reason: impl Into<String>, message: impl Into<String>) -> Self {
        let (reason, message) = (reason.into(), message.into());
        Self {
            kind: NoticeKind::Normal,
            reason,
            message,
            about: None,
        }
    }

    /// Something went wrong.
    pub fn warning(reason: impl Into<String>, message: impl Into<String>) -> Self {
        let (reason, message) = (reason.into(), message.into());
        Self {
            kind: NoticeKind::Warning,
            reason,
            message,
            about: None,
        }
    }

    /// Says what the event is about, where that is not the object being reconciled.
    pub fn about(mut self, reference: ObjectReference) -> Self {
        self.about = Some(reference);
        self
    }
}
