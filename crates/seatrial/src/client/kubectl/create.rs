//! `kubectl create namespace`.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use serde_json::json;

use crate::client::connect::{Session, failed};

/// Create an object
#[derive(Subcommand, Debug)]
pub(super) enum Create {
    /// Create a namespace
    #[command(visible_alias = "ns")]
    Namespace {
        /// Its name
        name: String,
        /// Write nothing
        #[arg(long, value_enum, default_value_t)]
        dry_run: DryRun,
        /// Print the object
        #[arg(long, short = 'o', value_enum)]
        output: Option<Form>,
    },
}

/// Who checks instead of writing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum DryRun {
    /// Nobody: write.
    #[default]
    None,
    /// Nobody: print.
    Client,
    /// The server.
    Server,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    Json,
    Yaml,
    Name,
}

impl Create {
    /// What needs no cluster.
    pub(super) fn local(&self) -> anyhow::Result<Option<String>> {
        let Self::Namespace {
            name,
            dry_run,
            output,
        } = self;
        if *dry_run != DryRun::Client {
            return Ok(None);
        }
        Ok(Some(said(name, *output, " (dry run)")?))
    }

    pub(super) async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let Self::Namespace {
            name,
            dry_run,
            output,
        } = self;
        let api: Api<Namespace> = Api::all(session.client.clone());
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let dry = dry_run == DryRun::Server;
        let parameters = PostParams {
            dry_run: dry,
            ..PostParams::default()
        };
        let created = api.create(&parameters, &namespace).await;
        created.map_err(|error| failed(error, &format!("creating namespace {name}")))?;
        let mark = if dry { " (server dry run)" } else { "" };
        session.screen.print(&said(&name, output, mark)?);
        Ok(ExitCode::SUCCESS)
    }
}

fn said(name: &str, output: Option<Form>, mark: &str) -> anyhow::Result<String> {
    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    Ok(match output {
        None => format!("namespace/{name} created{mark}\n"),
        Some(Form::Name) => format!("namespace/{name}\n"),
        Some(Form::Json) => format!("{}\n", serde_json::to_string_pretty(&object)?),
        Some(Form::Yaml) => seatrial_render::to_yaml([&object]),
    })
}
