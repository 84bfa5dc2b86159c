//! Generates `crates/schema/src/generated` from Kubernetes' own descriptions of its kinds.
//!
//! ```text
//! _definitions.json (PyPI kubernetes-validate)  ─> swagger ─┐
//!                                                           ├─> emit ─> generated/*.rs
//! *.proto (crate k8s-rs-pb)                     ─> proto  ──┘
//! ```
//!
//! The inputs are not part of the repository; their paths are arguments. `--check` writes nothing and
//! fails where the committed files differ.

mod emit;
mod proto;
mod swagger;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The groups and versions that the API server may serve: directory of the `.proto` file, package in the
/// names of the definitions, group, version.
pub(crate) const SERVED: &[Served] = &[
    served(
        "api/admissionregistration/v1",
        "admissionregistration.k8s.io",
    ),
    served("api/apps/v1", "apps"),
    served("api/authentication/v1", "authentication.k8s.io"),
    served("api/authorization/v1", "authorization.k8s.io"),
    served("api/autoscaling/v1", "autoscaling"),
    served("api/autoscaling/v2", "autoscaling"),
    served("api/batch/v1", "batch"),
    served("api/certificates/v1", "certificates.k8s.io"),
    served("api/coordination/v1", "coordination.k8s.io"),
    served("api/core/v1", ""),
    served("api/discovery/v1", "discovery.k8s.io"),
    served("api/events/v1", "events.k8s.io"),
    served("api/flowcontrol/v1", "flowcontrol.apiserver.k8s.io"),
    served("api/networking/v1", "networking.k8s.io"),
    served("api/node/v1", "node.k8s.io"),
    served("api/policy/v1", "policy"),
    served("api/rbac/v1", "rbac.authorization.k8s.io"),
    served("api/resource/v1", "resource.k8s.io"),
    served("api/scheduling/v1", "scheduling.k8s.io"),
    served("api/storage/v1", "storage.k8s.io"),
    served(
        "apiextensions_apiserver/pkg/apis/apiextensions/v1",
        "apiextensions.k8s.io",
    ),
];

/// Packages that the served ones refer to.
pub(crate) const SHARED: &[&str] = &[
    "apimachinery/pkg/apis/meta/v1",
    "apimachinery/pkg/runtime",
    "apimachinery/pkg/api/resource",
    "apimachinery/pkg/util/intstr",
];

/// One row of [`SERVED`].
pub(crate) struct Served {
    directory: &'static str,
    group: &'static str,
}

const fn served(directory: &'static str, group: &'static str) -> Served {
    Served { directory, group }
}

impl Served {
    /// The prefix of the names of its definitions, without the last dot.
    fn prefix(&self) -> String {
        swagger_name(&self.directory.replace('/', "."))
    }

    fn version(&self) -> &'static str {
        self.directory.rsplit('/').next().unwrap_or_default()
    }
}

/// The name of a definition from the full name of a message.
pub(crate) fn swagger_name(message: &str) -> String {
    format!(
        "io.k8s.{}",
        message.replace("apiextensions_apiserver", "apiextensions-apiserver")
    )
}

enum Mode {
    Write,
    Check,
}

struct Arguments {
    swagger: PathBuf,
    proto: PathBuf,
    output: PathBuf,
    mode: Mode,
}

fn parse(arguments: &[String]) -> Result<Arguments> {
    let usage = "usage: xtask codegen --swagger _definitions.json --proto k8s-rs-pb/src/v1_34 [--output DIR] [--check]";
    let (mut swagger, mut proto, mut mode) = (None, None, Mode::Write);
    let mut output = PathBuf::from("crates/schema/src/generated");
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().map(PathBuf::from).context(usage);
        match argument.as_str() {
            "--swagger" => swagger = Some(value()?),
            "--proto" => proto = Some(value()?),
            "--output" => output = value()?,
            "--check" => mode = Mode::Check,
            other => bail!("unknown argument {other:?}; {usage}"),
        }
    }
    Ok(Arguments {
        swagger: swagger.context(usage)?,
        proto: proto.context(usage)?,
        output,
        mode,
    })
}

/// Runs the generator with the arguments after `codegen`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let arguments = parse(arguments)?;
    let definitions = swagger::read(&arguments.swagger)?;
    let messages = proto::read(&arguments.proto)?;
    let files = emit::files(&definitions, &messages)?;
    match arguments.mode {
        Mode::Write => write(&arguments.output, &files),
        Mode::Check => check(&arguments.output, &files),
    }
}

fn write(directory: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    for (name, text) in files {
        let path = directory.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("wrote {} files to {}", files.len(), directory.display());
    Ok(())
}

fn check(directory: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    for (name, text) in files {
        let path = directory.join(name);
        let committed = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        if committed != *text {
            bail!(
                "{} is out of date: run xtask codegen without --check",
                path.display()
            );
        }
    }
    println!("{} files are up to date", files.len());
    Ok(())
}
