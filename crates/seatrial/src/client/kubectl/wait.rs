//! `kubectl wait`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use seatrial_expr::json_path::Path;
use serde_json::Value;
use tokio::time::Instant;

use super::kind::Kinds;
use super::target::{Target, Targets};
use crate::client::connect::{Session, failed, is_missing};
use crate::client::duration;

/// How often an object is looked at.
pub(super) const INTERVAL: Duration = Duration::from_millis(200);

/// Wait for a state of objects
#[derive(Args, Debug)]
pub(super) struct Wait {
    #[command(flatten)]
    targets: Targets,
    /// condition=NAME[=VALUE], jsonpath={PATH}[=VALUE], delete, or create
    #[arg(long = "for", value_name = "STATE", value_parser = state)]
    state: State,
    /// How long
    #[arg(long, value_parser = duration::parse, default_value = "30s")]
    timeout: Duration,
}

/// What to wait for.
#[derive(Debug, Clone, PartialEq)]
enum State {
    Condition { name: String, value: String },
    Value { path: Path, value: Option<String> },
    Deleted,
    Created,
}

fn state(text: &str) -> Result<State, String> {
    match text {
        "delete" => return Ok(State::Deleted),
        "create" => return Ok(State::Created),
        _ => {}
    }
    if let Some(text) = text.strip_prefix("jsonpath=") {
        // A filter in the path has equals signs of its own.
        let (path, value) = match text.rsplit_once("}=") {
            Some((path, value)) => (
                format!("{path}}}"),
                Some(value.trim_matches(['\'', '"']).to_owned()),
            ),
            None => (text.to_owned(), None),
        };
        let path = Path::parse(&path).map_err(|error| error.to_string())?;
        return Ok(State::Value { path, value });
    }
    let Some(condition) = text.strip_prefix("condition=") else {
        return Err(format!(
            "`{text}` cannot be waited for here; write condition=NAME[=VALUE], \
             jsonpath={{PATH}}[=VALUE], delete or create"
        ));
    };
    let (name, value) = condition.split_once('=').unwrap_or((condition, "True"));
    Ok(State::Condition {
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

impl Wait {
    pub(super) async fn run(
        &self,
        session: &Session,
        namespace: Option<&str>,
    ) -> anyhow::Result<ExitCode> {
        let kinds = Kinds::load(&session.client).await?;
        let namespace = namespace.unwrap_or(&session.namespace);
        let targets = self.targets.resolve(session, &kinds, namespace).await?;
        if targets.is_empty() && self.state != State::Deleted {
            bail!("no matching resources found");
        }
        let deadline = Instant::now() + self.timeout;
        for target in &targets {
            self.wait(target, deadline).await?;
            let met = match self.state {
                State::Deleted => "deleted",
                _ => "condition met",
            };
            session.screen.line(format!("{} {met}", target.describe()));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn wait(&self, target: &Target, deadline: Instant) -> anyhow::Result<()> {
        loop {
            let found = match target.api.get(&target.name).await {
                Ok(found) => Some(serde_json::to_value(found)?),
                Err(error) if is_missing(&error) => None,
                Err(error) => return Err(failed(error, &format!("reading {}", target.describe()))),
            };
            match (&self.state, &found) {
                (State::Deleted, None) | (State::Created, Some(_)) => return Ok(()),
                (State::Condition { name, value }, Some(object)) if holds(object, name, value) => {
                    return Ok(());
                }
                (State::Value { path, value }, Some(object))
                    if has(object, path, value.as_deref()) =>
                {
                    return Ok(());
                }
                (State::Condition { .. } | State::Value { .. }, None) => bail!(
                    "{} \"{}\" not found",
                    target.kind.resource.plural,
                    target.name
                ),
                _ => {}
            }
            if Instant::now() >= deadline {
                bail!(
                    "timed out waiting for the condition on {}",
                    target.describe()
                );
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// Whether the path leads to something, or to this value.
fn has(object: &Value, path: &Path, value: Option<&str>) -> bool {
    path.find(object)
        .into_iter()
        .any(|found| match (found, value) {
            (_, None) => true,
            (Value::String(text), Some(value)) => text == value,
            // Numbers and truth values as they are written.
            (other, Some(value)) => {
                let written = other.to_string();
                written == value
            }
        })
}

/// Whether a condition has a value and speaks of the object as it is now.
fn holds(object: &Value, name: &str, value: &str) -> bool {
    let generation = object["metadata"]["generation"].as_i64();
    let mut conditions = object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    conditions.any(|condition| {
        let is = |field: &str, wanted: &str| {
            condition[field]
                .as_str()
                .is_some_and(|text| text.eq_ignore_ascii_case(wanted))
        };
        let observed = condition["observedGeneration"]
            .as_i64()
            .or_else(|| object["status"]["observedGeneration"].as_i64());
        let current = match (observed, generation) {
            (Some(observed), Some(generation)) => observed >= generation,
            _ => true,
        };
        current && is("type", name) && is("status", value)
    })
}
