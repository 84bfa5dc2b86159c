//! `kubectl apply`, on the server's side.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use kube::api::{DynamicObject, Patch, PatchParams, ValidationDirective};
use seatrial_render::Object;

use super::kind::{Kind, Kinds, Scope};
use super::manifest::Manifests;
use crate::client::connect::{Session, failed, is_missing};

/// The name under which fields are owned.
const MANAGER: &str = "kubectl";

/// Apply manifests, on the server's side; takes over fields that others set
#[derive(Args, Debug)]
pub(super) struct Apply {
    #[command(flatten)]
    manifests: Manifests,
    /// Given or not, the server merges
    #[arg(long)]
    server_side: bool,
    /// Given or not, fields of others are taken over
    #[arg(long)]
    force_conflicts: bool,
    /// Only let the server check
    #[arg(long, value_enum, default_value_t, num_args = 0..=1, require_equals = true,
          default_missing_value = "server")]
    dry_run: DryRun,
}

/// Whether anything is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum DryRun {
    /// Write.
    #[default]
    None,
    /// The server checks and writes nothing.
    Server,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Created,
    Configured,
    Unchanged,
}

impl Apply {
    pub(super) async fn run(
        &self,
        session: &Session,
        namespace: Option<&str>,
    ) -> anyhow::Result<ExitCode> {
        if self.manifests.is_empty() {
            bail!("must specify one of -f and -k");
        }
        let objects = self.manifests.read()?;
        let mut kinds = Kinds::load(&session.client).await?;
        let mut code = ExitCode::SUCCESS;
        for object in &objects {
            let known = kinds.of(object.api_version(), object.kind()).is_some();
            if !known {
                // Its definition may be among the objects just applied.
                kinds = Kinds::load(&session.client).await?;
            }
            match self.apply(session, &kinds, object, namespace).await {
                Ok(line) => session.screen.line(line),
                // The others are applied all the same, as kubectl does.
                Err(error) if is_answer(&error) => {
                    session.screen.error(format!("error: {error:#}"));
                    code = ExitCode::FAILURE;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(code)
    }

    async fn apply(
        &self,
        session: &Session,
        kinds: &Kinds,
        object: &Object,
        namespace: Option<&str>,
    ) -> anyhow::Result<String> {
        let what = format!("{}: {}", object.origin, object.describe());
        let kind = kind_of(kinds, object)?;
        let namespace = namespace_of(kind, object, namespace, &session.namespace)?;
        let api = kind.api(&session.client, &namespace);
        let name = object.name();
        if name.is_empty() {
            bail!("{what}: cannot use generate name with apply; give it a metadata.name");
        }
        let before = match api.get_metadata(name).await {
            Ok(found) => found.metadata.resource_version,
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(failed(error, &what)),
        };
        let mut parameters = PatchParams::apply(MANAGER).force();
        parameters.field_validation = Some(ValidationDirective::Strict);
        parameters.dry_run = self.dry_run == DryRun::Server;
        let mut value = object.value.clone();
        if kind.scope == Scope::Namespaced {
            value["metadata"]["namespace"] = namespace.into();
        }
        let applied: DynamicObject = api
            .patch(name, &parameters, &Patch::Apply(value))
            .await
            .map_err(|error| failed(error, &what))?;
        let change = match before {
            None => Change::Created,
            Some(before) if applied.metadata.resource_version == Some(before.clone()) => {
                Change::Unchanged
            }
            Some(_) => Change::Configured,
        };
        let dry = if self.dry_run == DryRun::Server {
            " (server dry run)"
        } else {
            ""
        };
        let word = match change {
            Change::Created => "created",
            Change::Configured => "configured",
            Change::Unchanged => "unchanged",
        };
        Ok(format!("{}/{name} {word}{dry}", kind.qualified()))
    }
}

/// Whether the cluster answered, so that asking it for more makes sense.
pub(super) fn is_answer(error: &anyhow::Error) -> bool {
    error
        .chain()
        .all(|cause| cause.downcast_ref::<kube::Error>().is_none())
}

/// The kind of a manifest.
pub(super) fn kind_of<'a>(kinds: &'a Kinds, object: &Object) -> anyhow::Result<&'a Kind> {
    match kinds.of(object.api_version(), object.kind()) {
        Some(kind) => Ok(kind),
        None => bail!(
            "{}: no matches for kind \"{}\" in version \"{}\": ensure CRDs are installed first",
            object.origin,
            object.kind(),
            object.api_version()
        ),
    }
}

/// The namespace of a manifest's object.
pub(super) fn namespace_of(
    kind: &Kind,
    object: &Object,
    wanted: Option<&str>,
    default: &str,
) -> anyhow::Result<String> {
    let own = object.namespace();
    match wanted {
        Some(wanted) if kind.scope == Scope::Namespaced && !own.is_empty() && own != wanted => {
            bail!(
                "{}: the namespace from the provided object \"{own}\" does not match the namespace \
             \"{wanted}\". You must pass '--namespace={own}' to perform this operation.",
                object.origin
            )
        }
        _ if !own.is_empty() => Ok(own.to_owned()),
        wanted => Ok(wanted.unwrap_or(default).to_owned()),
    }
}
