//! `seatrial rollout`: Rollouts, with the verbs of the `kubectl argo rollouts` plugin.

mod act;
mod gather;
mod info;
mod pods;
mod status;
mod tree;
mod undo;
mod view;
mod watch;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use kube::Api;
use seatrial_resources::argoproj::Rollout;
use tokio::time::Instant;

use super::connect::{self, Connection, Preference, Session, explain, failed, is_missing};
use super::duration;
use super::output::{Format, Output, encoded, list};

/// How often a rollout is looked at.
const INTERVAL: Duration = Duration::from_millis(200);

/// How long a verb waits for the controller to have seen what was changed before.
const PATIENCE: Duration = Duration::from_secs(5);

/// Rollouts: versions that take over step by step
#[derive(Args, Debug, Clone)]
#[command(after_help = "\
Examples:
  seatrial rollout list
  seatrial rollout get shop -n production -w
  seatrial rollout promote shop -n production
  seatrial rollout promote shop -n production --full
  seatrial rollout abort shop -n production
  seatrial rollout undo shop -n production --to-revision 3
  seatrial rollout set-image shop web=registry.local/shop:1.4 -n production
  seatrial rollout status shop -n production --timeout 5m")]
pub(crate) struct RolloutCommand {
    #[command(flatten)]
    connection: Connection,
    /// The namespace [default: the context's]
    #[arg(long, short = 'n', global = true)]
    namespace: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug, Clone)]
enum Action {
    /// List rollouts
    #[command(visible_alias = "ls")]
    List {
        /// In all namespaces
        #[arg(long, short = 'A')]
        all_namespaces: bool,
        /// Only these, by label
        #[arg(long, short = 'l')]
        selector: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Show a rollout with its revisions, pods and analyses
    Get {
        /// The rollout
        name: String,
        /// Stay, and draw anew whenever something changes
        #[arg(long, short = 'w')]
        watch: bool,
        #[command(flatten)]
        output: Output,
    },
    /// End the present pause or step
    Promote {
        /// The rollout
        name: String,
        /// Skip all that is left: steps, pauses and analyses
        #[arg(long)]
        full: bool,
    },
    /// Give the update up and return to the stable version
    Abort {
        /// The rollout
        name: String,
    },
    /// Try an aborted update again
    Retry {
        /// The rollout
        name: String,
    },
    /// Go back to an earlier revision
    Undo {
        /// The rollout
        name: String,
        /// The revision [default: the one before the present one]
        #[arg(long, default_value_t, hide_default_value = true)]
        to_revision: i64,
    },
    /// Stop at the present step until promoted
    Pause {
        /// The rollout
        name: String,
    },
    /// Replace all pods by new ones of the same version
    Restart {
        /// The rollout
        name: String,
    },
    /// Set images of containers, which starts an update
    #[command(visible_alias = "set")]
    SetImage {
        /// The rollout
        name: String,
        /// CONTAINER=IMAGE; `*` for all containers
        #[arg(required = true, value_name = "CONTAINER=IMAGE", value_parser = act::assignment)]
        images: Vec<(String, String)>,
    },
    /// Wait until a rollout is healthy; exit code 1 where it is degraded
    Status {
        /// The rollout
        name: String,
        /// How long to wait; 0 without end
        #[arg(long, value_parser = duration::parse, default_value = "0")]
        timeout: Duration,
        /// Only say how it stands now
        #[arg(long)]
        no_watch: bool,
    },
}

impl RolloutCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// What went wrong, with the object and the next step.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let session = self.connection.open(Preference::Seatrial).await?;
        let done = self.execute(&session).await;
        done.map_err(|error| explain(error, &session.place))
    }

    /// Runs the command in a session.
    pub(crate) async fn execute(self, session: &Session) -> anyhow::Result<ExitCode> {
        let namespace = self.namespace.unwrap_or_else(|| session.namespace.clone());
        let place = |name: &str| Place::of(session, name, &namespace);
        match self.action {
            Action::List {
                all_namespaces,
                selector,
                output,
            } => {
                let namespace = (!all_namespaces).then_some(namespace.as_str());
                return list_all(session, namespace, selector.as_deref(), output.form).await;
            }
            Action::Get {
                name,
                watch: true,
                output:
                    Output {
                        form: Format::Text | Format::Wide,
                    },
            } => {
                return watch::run(session, &place(&name)).await;
            }
            Action::Get { watch: true, .. } => {
                bail!("-w and -o do not go together; use kubectl get rollout -w -o json")
            }
            Action::Get { name, output, .. } => {
                let info = gather::read(session, &place(&name)).await?;
                let text = match encoded(output.form, &info)? {
                    Some(text) => text,
                    None => view::details(&info, session.screen.paint()),
                };
                session.screen.print(&text);
            }
            Action::Promote { name, full } => {
                let how = if full {
                    act::Promotion::Full
                } else {
                    act::Promotion::Next
                };
                act::promote(session, &place(&name), how).await?;
            }
            Action::Abort { name } => act::abort(session, &place(&name)).await?,
            Action::Retry { name } => act::retry(session, &place(&name)).await?,
            Action::Undo { name, to_revision } => {
                undo::undo(session, &place(&name), to_revision).await?;
            }
            Action::Pause { name } => act::pause(session, &place(&name)).await?,
            Action::Restart { name } => act::restart(session, &place(&name)).await?,
            Action::SetImage { name, images } => {
                act::set_images(session, &place(&name), &images).await?;
            }
            Action::Status {
                name,
                timeout,
                no_watch,
            } => {
                let limit = if no_watch {
                    status::Limit::Now
                } else if timeout.is_zero() {
                    status::Limit::Never
                } else {
                    status::Limit::After(timeout)
                };
                return status::run(session, &place(&name), limit).await;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Where a Rollout is.
#[derive(Clone)]
struct Place {
    namespace: String,
    name: String,
    api: Api<Rollout>,
}

impl Place {
    fn of(session: &Session, name: &str, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            api: Api::namespaced(session.client.clone(), namespace),
        }
    }

    fn describe(&self) -> String {
        format!("rollout {}/{}", self.namespace, self.name)
    }

    /// The rollout once its controller has seen its newest spec: a verb that is meant for an update
    /// just made must not be answered by the status before it. After a while, as it is.
    async fn settled(&self) -> anyhow::Result<Rollout> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let rollout = self.read().await?;
            if info::is_observed(&rollout) || Instant::now() >= deadline {
                return Ok(rollout);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn read(&self) -> anyhow::Result<Rollout> {
        match self.api.get(&self.name).await {
            Ok(rollout) => Ok(rollout),
            Err(error) if is_missing(&error) => bail!(
                "{} does not exist; see `seatrial rollout list -A`, and name its namespace with -n",
                self.describe()
            ),
            Err(error) => Err(failed(error, &format!("reading {}", self.describe()))),
        }
    }
}

async fn list_all(
    session: &Session,
    namespace: Option<&str>,
    selector: Option<&str>,
    output: Format,
) -> anyhow::Result<ExitCode> {
    let rollouts: Vec<Rollout> = connect::all(session, namespace, selector).await?;
    let text = match encoded(output, &list(&rollouts))? {
        Some(text) => text,
        None => view::list(
            &rollouts,
            namespace,
            session.screen.paint(),
            session.clock.now(),
        ),
    };
    session.screen.print(&text);
    Ok(ExitCode::SUCCESS)
}
