//! `seatrial app`: Applications, in the manner of `argocd app`.

mod details;
mod diff;
mod operation;
mod progress;
mod refresh;
mod state;
mod view;
mod wait;

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use kube::Api;
use seatrial_gitops::Source;
use seatrial_resources::argoproj::{ARGOCD_NAMESPACE, Application};

use super::connect::{Connection, Preference, Session, explain, failed, is_missing};
use super::output::{Format, Output, encoded, list, object};
use super::{connect, duration};

/// Applications: what shall run from which repository, and whether it does
#[derive(Args, Debug, Clone)]
#[command(after_help = "\
Examples:
  seatrial app list
  seatrial app get shop-production
  seatrial app sync shop-staging --prune
  seatrial app history shop-production
  seatrial app rollback shop-production 3
  seatrial app wait shop-staging --health --timeout 2m")]
pub(crate) struct AppCommand {
    #[command(flatten)]
    connection: Connection,
    /// The namespace of the Application objects [default: argocd; `list` shows all]
    #[arg(long, short = 'n', global = true, visible_alias = "app-namespace")]
    namespace: Option<String>,
    #[arg(skip)]
    repositories: Repositories,
    #[command(subcommand)]
    action: Action,
}

/// Where repositories can be read, if they can be from here.
#[derive(Clone, Default)]
struct Repositories(Option<Arc<dyn Source>>);

impl fmt::Debug for Repositories {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.0.is_some() {
            "Repositories(here)"
        } else {
            "Repositories(elsewhere)"
        };
        formatter.write_str(word)
    }
}

#[derive(Subcommand, Debug, Clone)]
enum Action {
    /// List applications
    #[command(visible_alias = "ls")]
    List {
        /// Only these, by label
        #[arg(long, short = 'l')]
        selector: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Show an application, its objects and what is wrong with them
    Get {
        /// The application
        name: String,
        /// Compare with the repository first
        #[arg(long)]
        refresh: bool,
        /// The same, and render anew what is cached
        #[arg(long)]
        hard_refresh: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Make the cluster as the repository says, and follow it to the end
    Sync(operation::Sync),
    /// Show which objects differ from the repository; exit code 1 if any does
    Diff {
        /// The application
        name: String,
        /// Compare with the repository first
        #[arg(long)]
        refresh: bool,
    },
    /// List the syncs so far
    History {
        /// The application
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Go back to an earlier sync; automated sync has to be off
    Rollback(operation::Rollback),
    /// Wait until an application is synced, healthy and at rest
    Wait(wait::Wait),
    /// Compare with the repository now
    Refresh {
        /// The application
        name: String,
        /// Render anew what is cached
        #[arg(long)]
        hard: bool,
        /// How long to wait for the comparison
        #[arg(long, value_parser = duration::parse, default_value = "1m")]
        timeout: Duration,
    },
}

impl AppCommand {
    /// The command with the repositories of this machine, so that `diff` shows fields and not only
    /// names.
    pub(crate) fn with_repositories(mut self, source: Arc<dyn Source>) -> Self {
        self.repositories = Repositories(Some(source));
        self
    }

    /// Runs the command.
    ///
    /// # Errors
    /// What went wrong, with the object and the next step.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let session = self.connection.open(Preference::Seatrial).await?;
        let done = Box::pin(self.execute(&session)).await;
        done.map_err(|error| explain(error, &session.place))
    }

    /// Runs the command in a session.
    pub(crate) async fn execute(self, session: &Session) -> anyhow::Result<ExitCode> {
        let place = |name: &str| Place::of(session, name, self.namespace.as_deref());
        match self.action {
            Action::List { selector, output } => {
                list_all(
                    session,
                    self.namespace.as_deref(),
                    selector.as_deref(),
                    output.form,
                )
                .await
            }
            Action::Get {
                name,
                refresh,
                hard_refresh,
                output,
            } => {
                let place = place(&name);
                if let Some(kind) = refresh::Kind::of(refresh, hard_refresh) {
                    refresh::refresh(session, &place, kind, refresh::LIMIT).await?;
                }
                get(session, &place, output.form).await
            }
            Action::Sync(sync) => sync.run(session, &place(&sync.name)).await,
            Action::Diff { name, refresh } => {
                let place = place(&name);
                if refresh {
                    refresh::refresh(session, &place, refresh::Kind::Normal, refresh::LIMIT)
                        .await?;
                }
                diff::print(session, &place, self.repositories.0.as_ref()).await
            }
            Action::History { name, output } => history(session, &place(&name), output.form).await,
            Action::Rollback(rollback) => rollback.run(session, &place(&rollback.name)).await,
            Action::Wait(wait) => wait.run(session, &place(&wait.name)).await,
            Action::Refresh {
                name,
                hard,
                timeout,
            } => {
                let place = place(&name);
                let kind = if hard {
                    refresh::Kind::Hard
                } else {
                    refresh::Kind::Normal
                };
                let app = refresh::refresh(session, &place, kind, timeout).await?;
                session
                    .screen
                    .line(view::one_line(&app, session.screen.paint()));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// Where an Application object is.
#[derive(Clone)]
struct Place {
    namespace: String,
    name: String,
    api: Api<Application>,
}

impl Place {
    /// `name` may be `namespace/name`, as Argo CD writes it.
    fn of(session: &Session, name: &str, namespace: Option<&str>) -> Self {
        let (namespace, name) = match name.split_once('/') {
            Some((namespace, name)) => (namespace, name),
            None => (namespace.unwrap_or(ARGOCD_NAMESPACE), name),
        };
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            api: Api::namespaced(session.client.clone(), namespace),
        }
    }

    fn describe(&self) -> String {
        format!("application {}/{}", self.namespace, self.name)
    }

    async fn read(&self) -> anyhow::Result<Application> {
        match self.api.get(&self.name).await {
            Ok(app) => Ok(app),
            Err(error) if is_missing(&error) => bail!(
                "{} does not exist; see `seatrial app list`",
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
    let apps: Vec<Application> = connect::all(session, namespace, selector).await?;
    if let Some(text) = encoded(output, &list(&apps))? {
        session.screen.print(&text);
        return Ok(ExitCode::SUCCESS);
    }
    let text = view::list(&apps, output, session.screen.paint(), session.clock.now());
    session.screen.print(&text);
    Ok(ExitCode::SUCCESS)
}

async fn get(session: &Session, place: &Place, output: Format) -> anyhow::Result<ExitCode> {
    let app = place.read().await?;
    let text = match encoded(output, &object(&app))? {
        Some(text) => text,
        None => details::details(&app, session.screen.paint(), session.clock.now()),
    };
    session.screen.print(&text);
    Ok(ExitCode::SUCCESS)
}

async fn history(session: &Session, place: &Place, output: Format) -> anyhow::Result<ExitCode> {
    let app = place.read().await?;
    let history = app
        .status
        .and_then(|status| status.history)
        .unwrap_or_default();
    let text = match encoded(output, &history)? {
        Some(text) => text,
        None if history.is_empty() => format!("{} was not synced yet\n", place.describe()),
        None => view::history(&history, session.clock.now()),
    };
    session.screen.print(&text);
    Ok(ExitCode::SUCCESS)
}
