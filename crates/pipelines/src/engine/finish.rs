//! What happens after a job's last step: what actions left for the end, and the outputs.

use std::collections::BTreeMap;

use super::context::JobScope;
use super::session::Session;
use super::state::{self, State, Workspace};
use crate::action::Call;
use crate::expression::{Scope, Status, text};
use crate::port::chain;

/// What actions left for the end of the job, the last one first.
pub(super) async fn posts(scope: &JobScope, state: &mut State) {
    while let Some(post) = state.posts.pop() {
        if state.status != Status::Success && !post.action.posts_after_failure() {
            continue;
        }
        let name = format!("Post {}", post.action.name());
        let number = scope.job.steps.len() + 1;
        let mut session = Session::new(scope.run.sink(&scope.instance.id), number, &name);
        session.outputs = post.outputs;
        let mut call = Call {
            inputs: post.inputs,
            scope,
            environment: state.environment.clone(),
            session: &mut session,
        };
        if let Err(error) = post.action.post(&mut call).await {
            let text = chain(&error);
            session.warn(&text);
        }
    }
}

pub(super) fn outputs(scope: &JobScope, state: &State) -> BTreeMap<String, String> {
    let contexts = state.contexts(scope, &state.visible);
    let files = Workspace(scope.directories.workspace());
    let values = Scope {
        contexts: &contexts,
        status: state.status,
        files: Some(&files),
    };
    let session = Session::new(scope.run.sink(&scope.instance.id), 0, "Outputs");
    let mut outputs = BTreeMap::new();
    for (name, template) in &scope.job.outputs {
        match template.value(&values) {
            Ok(value) => {
                let value = text(&value);
                if scope.run.masks.apply(&value) == value {
                    outputs.insert(name.clone(), value);
                } else {
                    session.warn(&format!(
                        "output `{name}` is not passed on: it holds a secret"
                    ));
                }
            }
            Err(error) => session.warn(&state::located(scope, template, &error)),
        }
    }
    outputs
}

pub(super) fn tolerated(scope: &JobScope, state: &State) -> bool {
    let contexts = state.contexts(scope, &state.visible);
    let values = Scope {
        contexts: &contexts,
        status: state.status,
        files: None,
    };
    let template = scope.job.continue_on_error.as_ref();
    template
        .and_then(|t| t.value(&values).ok())
        .is_some_and(|value| state::is_true(&value))
}
