//! Building images from Dockerfiles, without a daemon.
//!
//! ```text
//!   Dockerfile ──plan──▶ needed stages ──▶ for each instruction:
//!                                            metadata ──▶ configuration
//!                        context ──────────▶ COPY, ADD ──▶ layer ─┐
//!                        Executor (port) ──▶ RUN ────────▶ layer ─┤──▶ image in the store
//!                        cache by (parent, instruction, content) ─┘
//! ```
//!
//! **Guarantees**
//! - Nothing is tagged unless every step succeeded.
//! - Layers hold sorted entries and one time stamp ([`Request::modified`]), so the same input gives the same digest.
//! - The cache never hides a change of the context, of a build argument that a `RUN` can see, or of a layer below.
//!   A change of the machine's own files under `seatrial/host`, or of a page on the network, it cannot see: use [`Cache::Ignored`].

mod cache;
mod copy;
mod error;
mod glob;
mod ignore;
mod owner;
mod plan;
mod run;
mod stage;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use error::Error;
pub use ignore::Ignore;
pub use run::{Executor, Outcome, Output, RunStep, Stream, Unavailable};

use crate::dockerfile::{self, Dockerfile};
use crate::image::BASE_LABEL;
use crate::store::blocking;
use crate::{Digest, ImageStore, Reference};
use stage::{Finished, Stage};

/// What to build.
#[derive(Debug, Clone)]
pub struct Request {
    /// The directory that `COPY` reads from.
    pub context: PathBuf,
    /// The Dockerfile; absent is `Dockerfile` in the context.
    pub dockerfile: Option<PathBuf>,
    /// The stage to build; absent is the last one.
    pub target: Option<String>,
    /// `--build-arg`.
    pub arguments: BTreeMap<String, String>,
    /// `--label`.
    pub labels: BTreeMap<String, String>,
    /// Under which references to keep the image.
    pub tags: Vec<Reference>,
    /// The time stamp of every file and of the image, in seconds since 1970: `SOURCE_DATE_EPOCH`, or 0.
    pub modified: u64,
    /// Whether results of earlier builds may be used.
    pub cache: Cache,
}

impl Request {
    /// A build of the Dockerfile in a directory, with nothing else asked for.
    pub fn new(context: impl Into<PathBuf>) -> Self {
        Self {
            context: context.into(),
            dockerfile: None,
            target: None,
            arguments: BTreeMap::new(),
            labels: BTreeMap::new(),
            tags: Vec::new(),
            modified: 0,
            cache: Cache::Used,
        }
    }
}

/// Whether results of earlier builds may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// Where nothing changed.
    Used,
    /// Never (`--no-cache`).
    Ignored,
}

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The manifest's digest.
    pub digest: Digest,
    /// The configuration's digest, which Docker calls the image's id.
    pub id: Digest,
    /// Under which references it is kept.
    pub tags: Vec<Reference>,
    /// How many steps were run.
    pub steps: usize,
    /// How many of them came from the cache.
    pub cached: usize,
}

/// Hears of a build's progress. Must not block.
pub type Progress = Arc<dyn Fn(Event<'_>) + Send + Sync>;

/// One thing that happened in a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A step begins: `[build 3/7] COPY src/ ./src/`, with `CACHED` before it where it need not be run.
    Step(&'a str),
    /// What a `RUN` printed.
    Output(Stream, &'a [u8]),
    /// Something to know, such as a build argument that nothing uses.
    Note(&'a str),
}

/// Builds images into a store.
#[derive(Clone)]
pub struct Builder {
    store: ImageStore,
    executor: Arc<dyn Executor>,
}

impl Builder {
    /// A builder whose `RUN` steps are done by `executor`.
    pub fn new(store: ImageStore, executor: Arc<dyn Executor>) -> Self {
        Self { store, executor }
    }

    /// Builds an image and keeps it under its tags.
    ///
    /// # Errors
    /// [`Error::Dockerfile`] names file and line; [`Error::Failed`] carries the exit code of a `RUN`.
    pub async fn build(&self, request: &Request, progress: Progress) -> Result<Built, Error> {
        let file = read(request).await?;
        let ignore = Ignore::of(&request.context, request.dockerfile.as_deref())?;
        let plan = plan::plan(&file, request)?;
        let job = Job {
            store: self.store.clone(),
            executor: Arc::clone(&self.executor),
            request: request.clone(),
            ignore,
            file,
            globals: plan.globals,
            progress,
        };
        for name in request
            .arguments
            .keys()
            .filter(|name| !plan.declared.contains(*name))
        {
            job.note(&format!(
                "build argument {name} is not used: no ARG declares it"
            ));
        }
        let mut finished: BTreeMap<usize, Finished> = BTreeMap::new();
        for index in &plan.needed {
            let stage = Stage::run(&job, *index, &finished).await?;
            finished.insert(*index, stage);
        }
        let target = finished
            .remove(&plan.target)
            .ok_or_else(|| job.file_error(0, "the target stage was not built"))?;
        job.save(target, finished.values()).await
    }
}

async fn read(request: &Request) -> Result<Dockerfile, Error> {
    let path = request
        .dockerfile
        .clone()
        .unwrap_or_else(|| request.context.join("Dockerfile"));
    let shown = path
        .strip_prefix(&request.context)
        .unwrap_or(&path)
        .display()
        .to_string();
    let text = match tokio::fs::read(&path).await {
        Ok(bytes) => String::from_utf8(bytes)
            .map_err(|_| Error::dockerfile(&shown, 0, "the file is not UTF-8 text"))?,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NoDockerfile { path });
        }
        Err(source) => {
            return Err(Error::Image(crate::Error::File {
                step: "read",
                path,
                source,
            }));
        }
    };
    Ok(dockerfile::parse(&shown, &text)?)
}

/// One build under way.
struct Job {
    store: ImageStore,
    executor: Arc<dyn Executor>,
    request: Request,
    ignore: Ignore,
    file: Dockerfile,
    /// `ARG`s before the first `FROM` and those every build has, by name.
    globals: BTreeMap<String, String>,
    progress: Progress,
}

impl Job {
    fn note(&self, text: &str) {
        (self.progress)(Event::Note(text));
    }

    fn file_error(&self, line: usize, problem: impl Into<String>) -> Error {
        Error::dockerfile(&self.file.name, line, problem)
    }

    async fn save<'a>(
        &self,
        target: Finished,
        others: impl Iterator<Item = &'a Finished>,
    ) -> Result<Built, Error> {
        let (mut steps, mut cached) = (target.steps, target.cached);
        for other in others {
            steps += other.steps;
            cached += other.cached;
        }
        let mut config = target.config;
        config.config.labels.extend(self.request.labels.clone());
        // What the root is, is decided by FROM alone.
        match target.base_label {
            Some(base) => config.config.labels.insert(BASE_LABEL.to_owned(), base),
            None => config.config.labels.remove(BASE_LABEL),
        };
        config.created = jiff::Timestamp::from_second(self.request.modified as i64)
            .ok()
            .map(|time| time.to_string());
        let store = self.store.clone();
        let tags = self.request.tags.clone();
        blocking(move || {
            let digest = store.save(&config, &target.layers, &tags)?;
            let id = Digest::of(&crate::image::encode(&config));
            Ok(Built {
                digest,
                id,
                tags,
                steps,
                cached,
            })
        })
        .await
    }
}

#[cfg(test)]
#[allow(clippy::format_push_string, clippy::format_collect)] // Snapshots are built line by line.
mod tests;
