//! The small `kustomize`: `build`, `edit set image`, `version`.

mod load;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use seatrial_render::kustomize::set_image;

pub(super) use load::render;

use super::applet::{self, Original};
use super::screen::Screen;

const ORIGINAL: Original = Original {
    name: "kustomize",
    page: "https://kubectl.docs.kubernetes.io/installation/kustomize/",
};

/// The version of Kustomize whose behaviour is followed.
const VERSION: &str = "v5.5.0";

/// A small kustomize: build, edit set image, version
#[derive(Args, Debug, Clone)]
#[command(disable_help_flag = true)]
pub(crate) struct KustomizeApplet {
    /// What kustomize would be given
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    arguments: Vec<OsString>,
}

#[derive(Parser, Debug)]
#[command(
    name = "kustomize",
    about = "The kustomize built into seatrial: what pipelines need of it",
    disable_version_flag = true,
    after_help = "\
Examples:
  kustomize build k8s/overlays/staging | kubectl apply -f -
  cd k8s/overlays/staging && kustomize edit set image app=registry.local/shop:1.4"
)]
struct Kustomize {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Print the objects of a kustomization
    Build {
        /// The folder with the kustomization.yaml
        #[arg(default_value = ".")]
        directory: PathBuf,
        /// Write to this file instead
        #[arg(long, short = 'o')]
        output: Option<PathBuf>,
    },
    /// Change the kustomization.yaml of the current directory
    #[command(subcommand)]
    Edit(Edit),
    /// Print the version
    Version,
}

#[derive(Subcommand, Debug)]
enum Edit {
    /// Set a field
    #[command(subcommand)]
    Set(Set),
}

#[derive(Subcommand, Debug)]
enum Set {
    /// Set the names, tags or digests of images
    Image {
        /// NAME=NEW:TAG, NAME=NEW@DIGEST, NAME=NEW or NAME:TAG
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<String>,
    },
}

impl KustomizeApplet {
    /// Runs in the current directory.
    ///
    /// # Errors
    /// What is wrong with the files, by file and field.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let directory = std::env::current_dir().context("finding the current directory")?;
        let kustomize: Kustomize = match applet::parse(&ORIGINAL, &self.arguments) {
            Ok(kustomize) => kustomize,
            Err(refusal) => return Ok(refusal.report()),
        };
        let work = move || kustomize.execute(&directory, &Screen::standard());
        tokio::task::spawn_blocking(work)
            .await
            .context("rendering")?
    }
}

impl Kustomize {
    fn execute(self, directory: &Path, screen: &Screen) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Build {
                directory: folder,
                output,
            } => {
                let text = built(&directory.join(folder))?;
                match output {
                    Some(path) => std::fs::write(directory.join(&path), text)
                        .with_context(|| format!("cannot write {}", path.display()))?,
                    None => screen.print(&text),
                }
            }
            Command::Edit(Edit::Set(Set::Image { images })) => edit(directory, &images)?,
            Command::Version => screen.line(VERSION),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The objects of a kustomization as YAML.
pub(super) fn built(directory: &Path) -> anyhow::Result<String> {
    let objects = render(directory)?;
    Ok(seatrial_render::to_yaml(
        objects.iter().map(|object| &object.value),
    ))
}

fn edit(directory: &Path, images: &[String]) -> anyhow::Result<()> {
    let names = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
    let Some(name) = names
        .into_iter()
        .find(|name| directory.join(name).is_file())
    else {
        bail!(
            "{} has no kustomization.yaml: go to the folder of the overlay first",
            directory.display()
        );
    };
    let path = directory.join(name);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let edited = set_image(name, &text, images)?;
    if edited != text {
        std::fs::write(&path, edited)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
// Snapshots are written with hashes.
#[allow(clippy::needless_raw_string_hashes, clippy::format_collect)]
mod tests;
