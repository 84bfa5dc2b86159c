//! `seatrial pipeline`: runs of workflows.

mod logs;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use kube::Api;
use kube::api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use seatrial_resources::seatrial_dev::{PipelineRun, RunPhase};
use serde_json::json;

use super::State;
use super::connect::{Connection, Preference, Session, explain, failed, is_missing, said};
use super::output::{Output, encoded, list, object};

/// The label with the push that started a run; a run started again has none.
const PUSH: &str = "seatrial.dev/push";

/// Pipeline runs: workflows of repositories and what became of them
#[derive(Args, Debug, Clone)]
#[command(after_help = "\
Examples:
  seatrial pipeline list
  seatrial pipeline logs -f            the newest run, as it goes
  seatrial pipeline get shop-ci-3
  seatrial pipeline rerun shop-ci-3")]
pub(crate) struct PipelineCommand {
    #[command(flatten)]
    connection: Connection,
    /// The namespace of the runs [default: all]
    #[arg(long, short = 'n', global = true)]
    namespace: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug, Clone)]
enum Action {
    /// List runs, newest first
    #[command(visible_alias = "ls")]
    List {
        /// Only those of this repository
        #[arg(long, short = 'r')]
        repository: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Show a run with its jobs and steps
    Get {
        /// The run [default: the newest]
        name: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Print a run's log; with -f, exit code 1 where the run fails
    Logs {
        /// The run [default: the newest]
        name: Option<String>,
        /// Stay until the run ends
        #[arg(long, short = 'f')]
        follow: bool,
        /// Only the lines of this job
        #[arg(long, short = 'j')]
        job: Option<String>,
        /// With the time of each line
        #[arg(long)]
        timestamps: bool,
        /// The folder with the logs [default: that of the running cluster]
        #[arg(long, hide = true)]
        log_directory: Option<PathBuf>,
    },
    /// Stop a run
    Cancel {
        /// The run
        name: String,
    },
    /// Run the same workflow on the same commit again
    Rerun {
        /// The run
        name: String,
    },
}

impl PipelineCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// What went wrong, with the object and the next step.
    pub(crate) async fn run(self, state: State) -> anyhow::Result<ExitCode> {
        let session = self.connection.open(Preference::Seatrial).await?;
        let done = self.execute(&session, state).await;
        done.map_err(|error| explain(error, &session.place))
    }

    /// Runs the command in a session.
    pub(crate) async fn execute(self, session: &Session, state: State) -> anyhow::Result<ExitCode> {
        let runs = Runs {
            session,
            namespace: self.namespace.as_deref(),
        };
        match self.action {
            Action::List { repository, output } => {
                let all = runs.newest_first(repository.as_deref()).await?;
                let text = match encoded(output.form, &list(&all))? {
                    Some(text) => text,
                    None => view::list(
                        &all,
                        output.form,
                        session.screen.paint(),
                        session.clock.now(),
                    ),
                };
                session.screen.print(&text);
            }
            Action::Get { name, output } => {
                let run = runs.find(name.as_deref()).await?;
                let text = match encoded(output.form, &object(&run))? {
                    Some(text) => text,
                    None => view::details(&run, session.screen.paint(), session.clock.now()),
                };
                session.screen.print(&text);
            }
            Action::Logs {
                name,
                follow,
                job,
                timestamps,
                log_directory,
            } => {
                let Some(directory) = log_directory.or(state.log_directory) else {
                    bail!(
                        "the logs are in the data directory of the cluster, and none runs on this \
                         machine: start it with `seatrial up`, or name the folder with \
                         --log-directory"
                    );
                };
                let run = runs.find(name.as_deref()).await?;
                let options = logs::Options {
                    directory,
                    follow,
                    job,
                    timestamps,
                };
                return logs::print(&runs, &run, &options).await;
            }
            Action::Cancel { name } => runs.cancel(&name).await?,
            Action::Rerun { name } => runs.rerun(&name).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The runs of a namespace, or of all.
struct Runs<'a> {
    session: &'a Session,
    namespace: Option<&'a str>,
}

impl Runs<'_> {
    fn everywhere(&self) -> Api<PipelineRun> {
        match self.namespace {
            Some(namespace) => Api::namespaced(self.session.client.clone(), namespace),
            None => Api::all(self.session.client.clone()),
        }
    }

    /// The API of the namespace that a run is in.
    fn beside(&self, run: &PipelineRun) -> Api<PipelineRun> {
        let namespace = run.metadata.namespace.as_deref().unwrap_or_default();
        Api::namespaced(self.session.client.clone(), namespace)
    }

    async fn newest_first(&self, repository: Option<&str>) -> anyhow::Result<Vec<PipelineRun>> {
        let mut runs = match self.everywhere().list(&ListParams::default()).await {
            Ok(list) => list.items,
            Err(error) if is_missing(&error) => bail!(
                "{} does not know PipelineRuns (seatrial.dev/v1alpha1): {}",
                self.session.place,
                said(&error)
            ),
            Err(error) => return Err(failed(error, "listing pipeline runs")),
        };
        runs.retain(|run| repository.is_none_or(|wanted| run.spec.repository == wanted));
        runs.sort_by_key(|run| {
            let made = run.metadata.creation_timestamp.as_ref().map(|time| time.0);
            std::cmp::Reverse((made, run.spec.run_number, run.metadata.name.clone()))
        });
        Ok(runs)
    }

    /// The run of this name, or the newest.
    async fn find(&self, name: Option<&str>) -> anyhow::Result<PipelineRun> {
        let mut runs = self.newest_first(None).await?;
        let Some(name) = name else {
            return if runs.is_empty() {
                bail!("there are no pipeline runs yet: push a commit with a workflow")
            } else {
                Ok(runs.remove(0))
            };
        };
        match runs
            .iter()
            .position(|run| run.metadata.name.as_deref() == Some(name))
        {
            Some(index) => Ok(runs.swap_remove(index)),
            None => bail!("pipeline run {name} does not exist; see `seatrial pipeline list`"),
        }
    }

    async fn cancel(&self, name: &str) -> anyhow::Result<()> {
        let run = self.find(Some(name)).await?;
        let phase = run
            .status
            .as_ref()
            .map(|status| status.phase)
            .unwrap_or_default();
        if phase.is_final() {
            bail!("pipeline run {name} has ended already ({phase:?})");
        }
        let patch = Patch::Merge(json!({ "spec": { "cancel": true } }));
        let written = self
            .beside(&run)
            .patch(name, &PatchParams::default(), &patch)
            .await;
        written.map_err(|error| failed(error, &format!("cancelling pipeline run {name}")))?;
        self.session
            .screen
            .line(format!("pipeline run {name} is asked to stop"));
        Ok(())
    }

    async fn rerun(&self, name: &str) -> anyhow::Result<()> {
        let run = self.find(Some(name)).await?;
        let phase = run
            .status
            .as_ref()
            .map(|status| status.phase)
            .unwrap_or_default();
        if !phase.is_final() {
            bail!(
                "pipeline run {name} has not ended ({phase:?}): stop it first with `seatrial \
                 pipeline cancel {name}`"
            );
        }
        let api = self.beside(&run);
        let (base, first) = attempt(name);
        for number in first.. {
            let again = again(&run, &format!("{base}-attempt-{number}"));
            match api.create(&PostParams::default(), &again).await {
                Ok(made) => {
                    let made = made.metadata.name.unwrap_or_default();
                    self.session.screen.line(format!(
                        "pipeline run {made} is made; follow it: seatrial pipeline logs -f {made}"
                    ));
                    return Ok(());
                }
                Err(kube::Error::Api(status)) if status.is_already_exists() => {}
                Err(error) => return Err(failed(error, &format!("running {name} again"))),
            }
        }
        Ok(())
    }
}

/// The name without `-attempt-N`, and the number of the next attempt.
fn attempt(name: &str) -> (&str, u32) {
    let parts = name.rsplit_once("-attempt-");
    match parts.and_then(|(base, number)| Some((base, number.parse::<u32>().ok()?))) {
        Some((base, number)) => (base, number.saturating_add(1)),
        None => (name, 2),
    }
}

fn again(run: &PipelineRun, name: &str) -> PipelineRun {
    let mut labels = run.metadata.labels.clone().unwrap_or_default();
    labels.remove(PUSH);
    let mut again = PipelineRun {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: run.metadata.namespace.clone(),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        spec: run.spec.clone(),
        status: None,
    };
    again.spec.cancel = false;
    again
}

fn phase(run: &PipelineRun) -> RunPhase {
    run.status
        .as_ref()
        .map(|status| status.phase)
        .unwrap_or_default()
}
