//! One stage: from its base through its instructions to an image.

mod file_step;
mod metadata;
mod run_step;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Error, Event, Job};
use crate::dockerfile::{self, Instruction, Step, expand};
use crate::image::{BASE_HOST, BASE_LABEL, Descriptor, History, ImageConfig, Platform};
use crate::layer::{Layer, View};
use crate::store::{DEFAULT_PATH, HostBase, Pull, blocking, host_base, host_config};
use crate::{Reference, layer};

/// A stage that is done.
#[derive(Clone)]
pub(super) struct Finished {
    pub(super) config: ImageConfig,
    pub(super) layers: Vec<Descriptor>,
    /// What the base says about the root, whatever labels say later.
    pub(super) base_label: Option<String>,
    pub(super) steps: usize,
    pub(super) cached: usize,
}

/// A stage under way.
pub(super) struct Stage<'a> {
    job: &'a Job,
    finished: &'a BTreeMap<usize, Finished>,
    index: usize,
    name: String,
    config: ImageConfig,
    layers: Vec<Descriptor>,
    base_label: Option<String>,
    /// `ARG`s declared so far, with their values.
    arguments: BTreeMap<String, String>,
    /// Whether this stage has a `CMD` of its own, which an `ENTRYPOINT` then keeps.
    has_command: bool,
    total: usize,
    steps: usize,
    cached: usize,
}

impl<'a> Stage<'a> {
    pub(super) async fn run(
        job: &'a Job,
        index: usize,
        finished: &'a BTreeMap<usize, Finished>,
    ) -> Result<Finished, Error> {
        let declared = &job.file.stages[index];
        let shown = declared
            .steps
            .iter()
            .filter(|step| is_shown(&step.instruction))
            .count();
        let name = declared
            .name
            .clone()
            .unwrap_or_else(|| format!("stage-{index}"));
        let mut stage = Self {
            job,
            finished,
            index,
            name,
            config: ImageConfig::default(),
            layers: Vec::new(),
            base_label: None,
            arguments: BTreeMap::new(),
            has_command: false,
            total: shown + 1,
            steps: 0,
            cached: 0,
        };
        stage.begin(&declared.text, "");
        stage.base().await?;
        stage.triggers().await?;
        for step in &declared.steps {
            stage.step(step).await?;
        }
        let Self {
            config,
            layers,
            base_label,
            steps,
            cached,
            ..
        } = stage;
        Ok(Finished {
            config,
            layers,
            base_label,
            steps,
            cached,
        })
    }

    fn failure(&self, line: usize, problem: impl Into<String>) -> Error {
        let line = if line == 0 {
            self.job.file.stages[self.index].line
        } else {
            line
        };
        self.job.file_error(line, problem)
    }

    /// Tells that a step begins.
    fn begin(&mut self, text: &str, prefix: &str) {
        self.steps += 1;
        let text: String = text
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(200)
            .collect();
        let line = format!("{prefix}{} {text}", self.position());
        (self.job.progress)(Event::Step(&line));
    }

    fn position(&self) -> String {
        format!(
            "[{} {}/{}]",
            self.name,
            self.steps,
            self.total.max(self.steps)
        )
    }

    async fn base(&mut self) -> Result<(), Error> {
        let stage = &self.job.file.stages[self.index];
        let (line, globals) = (stage.line, &self.job.globals);
        let value = |name: &str| globals.get(name).cloned();
        let expanded = |text: &str| {
            expand::word(text, self.job.file.escape, &value)
                .map_err(|problem| self.failure(line, problem))
        };
        let base = expanded(&stage.base)?;
        if let Some(platform) = &stage.platform {
            self.check_platform(&expanded(platform)?, line)?;
        }
        if base.is_empty() {
            return Err(self.failure(
                line,
                format!(
                    "{} gives no image; declare the ARG before the first FROM with a default",
                    stage.base
                ),
            ));
        }
        let earlier = self
            .job
            .file
            .stage(&base)
            .filter(|earlier| *earlier < self.index && base.parse::<usize>().is_err());
        if let Some(earlier) = earlier.and_then(|earlier| self.finished.get(&earlier)) {
            self.config = earlier.config.clone();
            self.layers.clone_from(&earlier.layers);
            self.base_label.clone_from(&earlier.base_label);
        } else if base == "scratch" {
            let machine = Platform::of_this_machine();
            self.config = ImageConfig {
                architecture: machine.architecture,
                os: machine.os,
                ..ImageConfig::default()
            };
        } else {
            (self.config, self.layers) = self.image(&base, line).await?;
            self.base_label =
                (host_base(&self.config.config) == HostBase::Present).then(|| BASE_HOST.to_owned());
        }
        if base != "scratch"
            && self
                .config
                .config
                .environment()
                .all(|(name, _)| name != "PATH")
        {
            self.config.config.set_env("PATH", DEFAULT_PATH);
        }
        Ok(())
    }

    fn check_platform(&self, platform: &str, line: usize) -> Result<(), Error> {
        let machine = Platform::of_this_machine();
        let own = format!("{}/{}", machine.os, machine.architecture);
        if platform == own || platform.is_empty() {
            return Ok(());
        }
        Err(self.failure(
            line,
            format!("platform {platform} cannot be built on this machine, which is {own}"),
        ))
    }

    /// Configuration and layers of an image by reference.
    async fn image(
        &self,
        text: &str,
        line: usize,
    ) -> Result<(ImageConfig, Vec<Descriptor>), Error> {
        let failed = |source| Error::Base {
            file: self.job.file.name.clone(),
            line,
            image: text.to_owned(),
            source: Box::new(source),
        };
        let reference: Reference = text
            .parse()
            .map_err(|error| failed(crate::Error::Reference(error)))?;
        if reference.is_host_image() {
            return Ok((host_config(), Vec::new()));
        }
        let (stored, _) = self
            .job
            .store
            .obtain(&reference, Pull::IfMissing)
            .await
            .map_err(failed)?;
        Ok((stored.config, stored.manifest.layers))
    }

    /// What the base image wants to be done in images built from it.
    async fn triggers(&mut self) -> Result<(), Error> {
        for text in std::mem::take(&mut self.config.config.on_build) {
            let step = dockerfile::parse_trigger(&text).map_err(|problem| {
                self.failure(0, format!("ONBUILD {text} of the base image: {problem}"))
            })?;
            self.step(&step).await?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), Error> {
        match &step.instruction {
            Instruction::Run(command, heredocs) => self.run_step(step, command, heredocs).await,
            Instruction::Copy(copy) | Instruction::Add(copy) => self.file_step(step, copy).await,
            Instruction::Workdir(path) => self.workdir(step, path).await,
            _ => {
                self.metadata(step)?;
                self.history(&step.text, None);
                Ok(())
            }
        }
    }

    /// A variable's value at this point: `ENV` wins over `ARG`.
    fn variable(&self, name: &str) -> Option<String> {
        let set = self
            .config
            .config
            .environment()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.to_owned());
        set.or_else(|| self.arguments.get(name).cloned())
    }

    fn expand(&self, text: &str, line: usize) -> Result<String, Error> {
        let value = |name: &str| self.variable(name);
        expand::word(text, self.job.file.escape, &value)
            .map_err(|problem| self.failure(line, problem))
    }

    /// Takes a step's layer, or that it made none, into the image.
    fn history(&mut self, text: &str, layer: Option<Layer>) {
        let created_by: String = text.chars().take(1000).collect();
        let history = History {
            created_by: Some(created_by),
            empty_layer: layer.is_none(),
            ..History::default()
        };
        self.config.history.push(history);
        if let Some(layer) = layer {
            self.config.rootfs.diff_ids.push(layer.diff_id);
            self.layers.push(layer.descriptor);
        }
    }

    /// The image so far as directories.
    async fn directories(&self) -> Result<Vec<PathBuf>, Error> {
        unpacked(self.job, self.layers.clone(), &self.config).await
    }

    async fn view(&self) -> Result<View, Error> {
        Ok(View::new(&self.directories().await?))
    }
}

/// The directories of an image's layers.
async fn unpacked(
    job: &Job,
    layers: Vec<Descriptor>,
    config: &ImageConfig,
) -> Result<Vec<PathBuf>, Error> {
    let store = job.store.clone();
    let diff_ids = config.rootfs.diff_ids.clone();
    let unpack = move || {
        let pairs = layers.iter().zip(&diff_ids);
        pairs
            .map(|(layer, diff_id)| layer::unpack(store.blobs(), &layer.digest, diff_id))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(blocking(unpack).await?)
}

/// Steps that change files are shown, others only change words.
fn is_shown(instruction: &Instruction) -> bool {
    matches!(
        instruction,
        Instruction::Run(..) | Instruction::Copy(_) | Instruction::Add(_) | Instruction::Workdir(_)
    )
}

/// An error with its sources, for messages that cannot carry a chain.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Whether a label is one that only `FROM` decides.
fn is_reserved(label: &str) -> bool {
    label == BASE_LABEL
}
