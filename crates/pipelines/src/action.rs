//! The built-in actions: one file each, one table.
//!
//! ```text
//!   uses: actions/checkout@v4 ──find──▶ Action ──accept──▶ inputs with defaults ──run──▶ outputs, lines
//!                                                                                └─post─▶ at the job's end
//! ```
//!
//! The version after `@` is not looked at: each action behaves as its newest major version does,
//! as far as its inputs are honoured. An input that is accepted without effect says so in the log.

mod cache;
mod checkout;
mod docker_build_push;
mod docker_login;
mod docker_metadata;
mod docker_setup;
mod download_artifact;
mod sbom;
mod setup_python;
mod trivy;
mod upload_artifact;

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::engine::{JobScope, Session};
use crate::suggest;
use crate::workflow::ActionReference;

/// Every built-in action.
static BUILT_IN: &[&dyn Action] = &[
    &checkout::Checkout,
    &setup_python::SetupPython,
    &docker_setup::SetupBuildx,
    &docker_setup::SetupQemu,
    &docker_login::Login,
    &docker_metadata::Metadata,
    &docker_build_push::BuildPush,
    &trivy::Trivy,
    &sbom::Sbom,
    &upload_artifact::Upload,
    &download_artifact::Download,
    &cache::Cache,
    &cache::Restore,
    &cache::Save,
];

/// Why an action failed. The text is for the user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// An input is wrong, or the action found something wrong.
    #[error("{0}")]
    Refused(String),
    /// The world outside did not do its part.
    #[error("{0}")]
    Port(String, #[source] crate::port::Error),
    /// Artifacts or caches.
    #[error("{0}")]
    Store(String, #[source] crate::store::Error),
    /// A file of the workspace.
    #[error("{0}")]
    File(String, #[source] std::io::Error),
}

impl Error {
    fn refused(message: impl Into<String>) -> Self {
        Self::Refused(message.into())
    }
}

/// One action.
#[async_trait]
pub(crate) trait Action: Sync {
    /// `owner/repository[/path]`.
    fn name(&self) -> &'static str;

    /// The inputs it knows.
    fn inputs(&self) -> &'static [Input];

    /// Does it.
    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error>;

    /// Whether [`Action::post`] is to be called at the end of the job.
    fn has_post(&self) -> bool {
        false
    }

    /// Whether that is so after a failure too.
    fn posts_after_failure(&self) -> bool {
        false
    }

    /// What is left to do at the end of the job; the session holds the outputs of the run.
    async fn post(&self, _call: &mut Call<'_>) -> Result<(), Error> {
        Ok(())
    }
}

/// One input.
#[derive(Debug)]
pub(crate) struct Input {
    name: &'static str,
    kind: Support,
}

#[derive(Debug)]
enum Support {
    /// Honoured, with this value where none is given.
    Default(&'static str),
    /// Honoured, and must be given.
    Required,
    /// Accepted without effect, for this reason.
    Noted(&'static str),
    /// Refused unless it has this value (or none), for this reason.
    Only(&'static str, &'static str),
}

impl Input {
    const fn optional(name: &'static str, default: &'static str) -> Self {
        Self {
            name,
            kind: Support::Default(default),
        }
    }

    const fn required(name: &'static str) -> Self {
        Self {
            name,
            kind: Support::Required,
        }
    }

    const fn noted(name: &'static str, why: &'static str) -> Self {
        Self {
            name,
            kind: Support::Noted(why),
        }
    }

    const fn only(name: &'static str, value: &'static str, why: &'static str) -> Self {
        Self {
            name,
            kind: Support::Only(value, why),
        }
    }
}

/// An action to be called again at the end of the job.
pub(crate) struct Post {
    pub(crate) action: &'static dyn Action,
    pub(crate) inputs: BTreeMap<String, String>,
    pub(crate) outputs: BTreeMap<String, String>,
}

/// One call of an action.
pub(crate) struct Call<'a> {
    /// The inputs, defaults filled in.
    pub(crate) inputs: BTreeMap<String, String>,
    /// The job.
    pub(crate) scope: &'a JobScope,
    /// The step's environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// The step's lines and outputs.
    pub(crate) session: &'a mut Session,
}

impl Call<'_> {
    /// An input's text; empty where it was not given and has no default.
    fn input(&self, name: &str) -> &str {
        self.inputs.get(name).map_or("", |value| value.trim())
    }

    /// An input as a boolean, as YAML 1.2 writes them.
    fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.input(name).to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" | "" => Ok(false),
            other => Err(Error::refused(format!(
                "`{name}` must be true or false, not `{other}`"
            ))),
        }
    }

    /// An input with one item on each line, or separated by commas.
    fn list(&self, name: &str) -> Vec<String> {
        let text = self.inputs.get(name).map_or("", String::as_str);
        text.lines()
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// An input with one item on each line.
    fn lines(&self, name: &str) -> Vec<String> {
        let text = self.inputs.get(name).map_or("", String::as_str);
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// `NAME=value` lines.
    fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, Error> {
        self.lines(name)
            .into_iter()
            .map(|line| match line.split_once('=') {
                Some((key, value)) => Ok((key.trim().to_owned(), value.to_owned())),
                None => Err(Error::refused(format!(
                    "`{name}`: `{line}` is not NAME=value"
                ))),
            })
            .collect()
    }

    /// Where a path of the user's is on this machine.
    fn resolve(&self, path: &str) -> Result<std::path::PathBuf, Error> {
        self.scope.directories.resolve(path).map_err(Error::Refused)
    }
}

/// The action of that name.
pub(crate) fn find(reference: &ActionReference) -> Option<&'static dyn Action> {
    let ActionReference::Repository {
        repository, path, ..
    } = reference
    else {
        return None;
    };
    let name = if path.is_empty() {
        repository.clone()
    } else {
        format!("{repository}/{path}")
    };
    BUILT_IN
        .iter()
        .copied()
        .find(|action| action.name().eq_ignore_ascii_case(&name))
}

/// Whether the action can be run: built in, or of the repository itself (which is seen only when
/// it has been checked out).
pub(crate) fn exists(reference: &ActionReference) -> bool {
    matches!(reference, ActionReference::Local(_)) || find(reference).is_some()
}

/// What is said about an action that is not there.
pub(crate) fn unknown(reference: &ActionReference) -> String {
    let names: Vec<&str> = BUILT_IN.iter().map(|action| action.name()).collect();
    let written = reference.to_string();
    let bare = written.split('@').next().unwrap_or_default();
    let hint = suggest::nearest(bare, &names)
        .map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
    format!("action `{reference}` is not built in{hint}")
}

/// What to do about an action that is not there.
pub(crate) fn advice() -> String {
    let names: Vec<&str> = BUILT_IN.iter().map(|action| action.name()).collect();
    format!(
        "Seatrial downloads no actions: use a `run` step, a composite action of the repository (`uses: ./path`), or a built-in one: {}",
        names.join(", ")
    )
}

/// `1 file`, `2 files`.
fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Checks the inputs given and fills in defaults. An input that the action does not know is a
/// warning, as at GitHub.
pub(crate) fn accept(
    action: &dyn Action,
    mut given: BTreeMap<String, String>,
    session: &Session,
) -> Result<BTreeMap<String, String>, String> {
    // GitHub compares the names of inputs without case.
    let take = |given: &mut BTreeMap<String, String>, name: &str| {
        let key = given
            .keys()
            .find(|key| key.eq_ignore_ascii_case(name))
            .cloned()?;
        given.remove(&key)
    };
    let mut inputs = BTreeMap::new();
    for input in action.inputs() {
        let (name, value) = (input.name, take(&mut given, input.name));
        let value = match (&input.kind, value) {
            (Support::Noted(why), Some(_)) => {
                session.write(
                    crate::port::Kind::Notice,
                    &format!("`{name}` has no effect here: {why}"),
                );
                continue;
            }
            (Support::Noted(_), None) => continue,
            (Support::Only(only, why), Some(value)) if !value.is_empty() && value != *only => {
                return Err(format!("`{name}: {value}` is not supported: {why}"));
            }
            (Support::Required, None) => {
                let action = action.name();
                return Err(format!(
                    "{action} needs the input `{name}`: give it in `with`"
                ));
            }
            (Support::Default(default) | Support::Only(default, _), None) => (*default).to_owned(),
            (_, Some(value)) => value,
        };
        inputs.insert(name.to_owned(), value);
    }
    let known: Vec<&str> = action.inputs().iter().map(|input| input.name).collect();
    for name in given.keys() {
        let hint = suggest::hint(name, known.iter().copied());
        session.warn(&format!("{} has no input `{name}`{hint}", action.name()));
    }
    Ok(inputs)
}
