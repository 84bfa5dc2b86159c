//! What a workflow file says, with every expression already read.

use crate::expression::Template;

use super::{Position, Triggers};

/// Names and templates in the order of the file.
pub type Pairs = Vec<(String, Template)>;

/// One workflow file.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// The file's path in the repository.
    pub path: String,
    /// `name`.
    pub name: Option<String>,
    /// `run-name`.
    pub run_name: Option<Template>,
    /// `on`.
    pub on: Triggers,
    /// `env`.
    pub env: Pairs,
    /// `defaults.run`.
    pub defaults: RunDefaults,
    /// `concurrency`.
    pub concurrency: Option<Concurrency>,
    /// `jobs` in the order of the file.
    pub jobs: Vec<Job>,
}

impl Workflow {
    /// The name for people: `name`, else the path.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.path)
    }

    /// The job of that id.
    pub fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }
}

/// `defaults.run`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunDefaults {
    /// `shell`.
    pub shell: Option<Template>,
    /// `working-directory`.
    pub working_directory: Option<Template>,
}

/// `concurrency`: at most one run (or job) of a group at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Concurrency {
    /// `group`.
    pub group: Template,
    /// `cancel-in-progress`; false where absent.
    pub cancel_in_progress: Option<Template>,
}

/// One job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its key.
    pub id: String,
    /// Where the key stands.
    pub at: Position,
    /// `name`.
    pub name: Option<Template>,
    /// `needs`, in the order written.
    pub needs: Vec<String>,
    /// `if`.
    pub condition: Option<Template>,
    /// `runs-on`, its labels. Seatrial runs everything on this machine and says so.
    pub runs_on: Vec<Template>,
    /// `env`.
    pub env: Pairs,
    /// `outputs`.
    pub outputs: Pairs,
    /// `strategy`.
    pub strategy: Strategy,
    /// `timeout-minutes`; 360 where absent, as at GitHub.
    pub timeout_minutes: Option<Template>,
    /// `continue-on-error`.
    pub continue_on_error: Option<Template>,
    /// `environment`, its name.
    pub environment: Option<Template>,
    /// `concurrency`.
    pub concurrency: Option<Concurrency>,
    /// `defaults.run`.
    pub defaults: RunDefaults,
    /// `steps`.
    pub steps: Vec<Step>,
}

/// `strategy`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Strategy {
    /// `matrix`.
    pub matrix: Option<Matrix>,
    /// `fail-fast`; true where absent.
    pub fail_fast: Option<Template>,
    /// `max-parallel`.
    pub max_parallel: Option<Template>,
}

/// `strategy.matrix`.
#[derive(Debug, Clone, PartialEq)]
pub enum Matrix {
    /// The whole matrix is an expression, such as `${{ fromJSON(needs.plan.outputs.matrix) }}`.
    Expression(Template),
    /// Axes with values.
    Axes {
        /// The axes in the order of the file.
        axes: Vec<(String, Data)>,
        /// `include`.
        include: Option<Data>,
        /// `exclude`.
        exclude: Option<Data>,
    },
}

/// Structured values with templates at the leaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// null, a boolean or a number.
    Plain(serde_json::Value),
    /// A string, which may hold expressions.
    Text(Template),
    /// A list.
    List(Vec<Data>),
    /// A mapping.
    Map(Vec<(String, Data)>),
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// `id`.
    pub id: Option<String>,
    /// Where the step begins.
    pub at: Position,
    /// `name`.
    pub name: Option<Template>,
    /// `if`.
    pub condition: Option<Template>,
    /// `env`.
    pub env: Pairs,
    /// `timeout-minutes`.
    pub timeout_minutes: Option<Template>,
    /// `continue-on-error`.
    pub continue_on_error: Option<Template>,
    /// `run` or `uses`.
    pub work: Work,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// `run`.
    Run {
        /// The script.
        script: Template,
        /// `shell`.
        shell: Option<Template>,
        /// `working-directory`.
        working_directory: Option<Template>,
    },
    /// `uses`.
    Uses {
        /// The action.
        action: ActionReference,
        /// Where `uses` stands.
        at: Position,
        /// `with`.
        with: Pairs,
    },
}

/// What `uses` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionReference {
    /// `owner/repository[/path]@ref`.
    Repository {
        /// `owner/repository`.
        repository: String,
        /// The path below it; empty for none.
        path: String,
        /// The tag, branch or commit.
        version: String,
    },
    /// `./path`: an action in the repository itself.
    Local(String),
}

impl std::fmt::Display for ActionReference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Repository {
                repository,
                path,
                version,
            } if path.is_empty() => {
                write!(formatter, "{repository}@{version}")
            }
            Self::Repository {
                repository,
                path,
                version,
            } => {
                write!(formatter, "{repository}/{path}@{version}")
            }
            Self::Local(path) => formatter.write_str(path),
        }
    }
}

impl Data {
    /// Adds every template in it to `found`.
    pub(crate) fn templates<'a>(&'a self, found: &mut Vec<&'a Template>) {
        match self {
            Self::Plain(_) => {}
            Self::Text(template) => found.push(template),
            Self::List(items) => items.iter().for_each(|item| item.templates(found)),
            Self::Map(entries) => entries.iter().for_each(|(_, value)| value.templates(found)),
        }
    }
}
