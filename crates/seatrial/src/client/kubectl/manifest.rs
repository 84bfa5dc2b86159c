//! Objects from files, folders, standard input and kustomizations.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use seatrial_render::{Object, parse_manifest};

use crate::client::kustomize;

/// Where manifests are.
#[derive(Args, Debug, Clone, Default)]
pub(super) struct Manifests {
    /// A file, a folder, or `-` for the standard input; may be given several times
    #[arg(long = "filename", short = 'f', value_name = "FILE")]
    pub(super) files: Vec<String>,
    /// Look into folders below a folder as well
    #[arg(long, short = 'R')]
    pub(super) recursive: bool,
    /// A folder with a kustomization.yaml
    #[arg(long, short = 'k', value_name = "FOLDER", conflicts_with = "files")]
    pub(super) kustomize: Option<PathBuf>,
}

impl Manifests {
    /// Whether none was named.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.kustomize.is_none()
    }

    /// Reads all objects, in the order of the files.
    ///
    /// # Errors
    /// With file and line.
    pub(super) fn read(&self) -> anyhow::Result<Vec<Object>> {
        if let Some(directory) = &self.kustomize {
            return kustomize::render(directory);
        }
        let mut objects = Vec::new();
        for name in &self.files {
            objects.extend(self.read_one(name)?);
        }
        if objects.is_empty() {
            bail!("no objects passed: {} holds none", self.files.join(", "));
        }
        Ok(objects)
    }

    fn read_one(&self, name: &str) -> anyhow::Result<Vec<Object>> {
        if name == "-" {
            let mut bytes = Vec::new();
            let read = std::io::stdin().read_to_end(&mut bytes);
            read.context("cannot read the standard input")?;
            return Ok(parse_manifest("standard input", &bytes)?);
        }
        if name.contains("://") {
            bail!("{name}: addresses are not fetched; download it first (curl -fsSLO {name})");
        }
        let path = Path::new(name);
        if !path.exists() {
            bail!("the path \"{name}\" does not exist");
        }
        let mut objects = Vec::new();
        for file in self.files_of(path)? {
            let bytes =
                std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            objects.extend(parse_manifest(&file.display().to_string(), &bytes)?);
        }
        Ok(objects)
    }

    fn files_of(&self, path: &Path) -> anyhow::Result<Vec<PathBuf>> {
        if !path.is_dir() {
            return Ok(vec![path.to_owned()]);
        }
        let reading = || format!("cannot read {}", path.display());
        let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
            .with_context(reading)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .with_context(reading)?;
        entries.sort();
        let mut files = Vec::new();
        for entry in entries {
            let extension = entry.extension().and_then(|extension| extension.to_str());
            if entry.is_dir() {
                if self.recursive {
                    files.extend(self.files_of(&entry)?);
                }
            } else if matches!(extension, Some("yaml" | "yml" | "json")) {
                files.push(entry);
            }
        }
        Ok(files)
    }
}
