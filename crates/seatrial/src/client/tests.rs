//! Commands against in-process clusters: the API server is real, the controllers are the test.

mod app;
mod connection;
mod kubectl;
mod pipeline;
mod rollout;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Command};
use seatrial_testkit::Cluster;

use super::connect::{Session, explain};
use super::screen::Screen;

/// A session with a cluster, whose output is kept.
fn session(cluster: &Cluster) -> Session {
    Session {
        client: cluster.client.clone(),
        namespace: "test".to_owned(),
        clock: Arc::clone(&cluster.clock),
        screen: Screen::captured(),
        place: "https://test".to_owned(),
    }
}

async fn cluster() -> Cluster {
    let cluster = seatrial_testkit::cluster().await;
    for namespace in ["test", "argocd"] {
        cluster.namespace(namespace).await.unwrap();
    }
    cluster
}

/// The command that these words ask for.
fn parsed<C: Args>(words: &str) -> C {
    let command = C::augment_args(Command::new("seatrial"));
    let all = std::iter::once("seatrial").chain(words.split_whitespace());
    let matches = command.try_get_matches_from(all).unwrap();
    C::from_arg_matches(&matches).unwrap()
}

/// What was printed, the error if there was one, and the exit code.
fn outcome(session: &Session, done: anyhow::Result<ExitCode>) -> String {
    let end = match done {
        Ok(code) if code == ExitCode::SUCCESS => "exit 0\n".to_owned(),
        Ok(_) => "exit 1\n".to_owned(),
        Err(error) => format!("error: {:#}\n", explain(error, &session.place)),
    };
    format!("{}{end}", session.screen.text())
}
