//! What is new about an operation, line by line. Pure.

use std::collections::BTreeMap;

use seatrial_resources::argoproj::OperationState;

use super::state;
use crate::client::style::Paint;

/// Remembers what was said of each object.
pub(super) struct Progress {
    paint: Paint,
    message: String,
    said: BTreeMap<String, String>,
}

impl Progress {
    pub(super) fn new(paint: Paint) -> Self {
        Self {
            paint,
            message: String::new(),
            said: BTreeMap::new(),
        }
    }

    /// The lines that are new.
    pub(super) fn news(&mut self, operation: &OperationState) -> Vec<String> {
        let mut lines = Vec::new();
        let message = operation.message.as_deref().unwrap_or_default();
        if !state::is_final(operation.phase) && message != self.message {
            message.clone_into(&mut self.message);
            lines.push(format!(
                "{}: {message}",
                self.paint.word(&format!("{:?}", operation.phase))
            ));
        }
        let results = operation
            .sync_result
            .as_ref()
            .and_then(|result| result.resources.as_deref());
        for result in results.unwrap_or_default() {
            let phase = result.hook_phase.map(|phase| format!("{phase:?}"));
            let word = result.status.clone().or(phase).unwrap_or_default();
            let name = match result.namespace.as_str() {
                "" => format!("{} {}", result.kind, result.name),
                namespace => format!("{} {namespace}/{}", result.kind, result.name),
            };
            let message = result.message.as_deref().unwrap_or_default();
            let news = format!("{word:<10} {name}  {message}");
            if self.said.get(&name) != Some(&news) {
                lines.push(format!(
                    "  {}{} {name}  {message}",
                    self.paint.word(&word),
                    " ".repeat(10_usize.saturating_sub(word.len()))
                ));
                self.said.insert(name, news);
            }
        }
        lines
    }
}
