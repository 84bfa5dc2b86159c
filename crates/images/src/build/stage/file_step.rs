//! `COPY`, `ADD` and `WORKDIR`.

use std::path::{Component, Path, PathBuf};

use super::super::copy::{Archives, Origin, Transfer, add_parents, draft};
use super::super::{Cache, Error, cache, owner};
use super::{Stage, unpacked};
use crate::dockerfile::{Copy, Instruction, Source, Step, expand};
use crate::layer::{Draft, Entry, Kind, Last, Layer, View};
use crate::store::blocking;

impl Stage<'_> {
    pub(super) async fn file_step(&mut self, step: &Step, copy: &Copy) -> Result<(), Error> {
        let root = self.view().await?;
        let scratch = self.job.store.blobs().temporary_directory()?;
        let transfer = self
            .transfer(step, copy, &root, scratch.path().to_owned())
            .await?;
        let entries =
            draft(&transfer, &root).map_err(|problem| self.failure(step.line, problem))?;
        let (layer, is_cached) = self.layer(entries).await?;
        self.begin(&step.text, if is_cached { "CACHED " } else { "" });
        self.cached += usize::from(is_cached);
        self.history(&step.text, Some(layer));
        Ok(())
    }

    /// The layer of a draft, from the cache where it was made before.
    async fn layer(&self, entries: Draft) -> Result<(Layer, bool), Error> {
        let blobs = self.job.store.blobs().clone();
        let (modified, use_cache) = (self.job.request.modified, self.job.request.cache);
        let make = move || {
            let key = cache::draft_key(&entries, modified)?;
            if let (Cache::Used, Some(cache::Known(Some(layer)))) =
                (use_cache, cache::find(&blobs, &key))
            {
                return Ok((layer, true));
            }
            let layer = entries.write(&blobs, modified)?;
            cache::keep(&blobs, &key, Some(&layer))?;
            Ok((layer, false))
        };
        Ok(blocking(make).await.map_err(|error: crate::Error| error)?)
    }

    async fn transfer(
        &self,
        step: &Step,
        copy: &Copy,
        root: &View,
        scratch: PathBuf,
    ) -> Result<Transfer<'_>, Error> {
        let line = step.line;
        let mut paths = Vec::new();
        let mut inline = Vec::new();
        for source in &copy.sources {
            match source {
                Source::Path(path) => paths.push(self.expand(path, line)?),
                Source::Inline(heredoc) => {
                    let value = |name: &str| self.variable(name);
                    let body = if heredoc.is_literal {
                        heredoc.body.clone()
                    } else {
                        expand::document(&heredoc.body, self.job.file.escape, &value)
                            .map_err(|problem| self.failure(line, problem))?
                    };
                    inline.push((heredoc.name.clone(), body.into_bytes()));
                }
            }
        }
        let fail = |problem| self.failure(line, problem);
        let owner = match &copy.owner {
            None => None,
            Some(text) => {
                let text = self.expand(text, line)?;
                let machine = self.base_label.as_ref().map(|_| Path::new("/"));
                Some(owner::owner(&text, root, machine).map_err(fail)?)
            }
        };
        let mode = match &copy.mode {
            None => None,
            Some(text) => Some(owner::mode(&self.expand(text, line)?).map_err(fail)?),
        };
        let is_add = matches!(step.instruction, Instruction::Add(_));
        Ok(Transfer {
            origin: self.origin(copy, line).await?,
            paths,
            inline,
            destination: self.expand(&copy.destination, line)?,
            workdir: self.config.config.working_dir.clone(),
            owner,
            mode,
            archives: if is_add {
                Archives::Unpacked
            } else {
                Archives::Copied
            },
            scratch,
        })
    }

    /// The context, an earlier stage, or another image.
    async fn origin(&self, copy: &Copy, line: usize) -> Result<Origin<'_>, Error> {
        let Some(from) = &copy.from else {
            let view = View::new(std::slice::from_ref(&self.job.request.context));
            return Ok(Origin {
                view,
                ignore: Some(&self.job.ignore),
                label: "the build context".to_owned(),
            });
        };
        let from = self.expand(from, line)?;
        let stage = self.job.file.stage(&from);
        if let Some(stage) = stage.filter(|stage| *stage >= self.index) {
            return Err(self.failure(line, format!("--from={from} is stage {stage}, which comes later; a stage can copy from earlier ones only")));
        }
        let (config, layers) = match stage.and_then(|stage| self.finished.get(&stage)) {
            Some(earlier) => (earlier.config.clone(), earlier.layers.clone()),
            None => self.image(&from, line).await?,
        };
        let directories = unpacked(self.job, layers, &config).await?;
        Ok(Origin {
            view: View::new(&directories),
            ignore: None,
            label: format!("{from:?}"),
        })
    }

    pub(super) async fn workdir(&mut self, step: &Step, path: &str) -> Result<(), Error> {
        let path = self.expand(path, step.line)?;
        let current = Path::new("/").join(&self.config.config.working_dir);
        let absolute = normalise(&current.join(path));
        self.config.config.working_dir = absolute.to_string_lossy().into_owned();
        let root = self.view().await?;
        let target = root.resolve(&absolute, Last::Follow);
        let target =
            target.ok_or_else(|| self.failure(step.line, "the directory is a circle of links"))?;
        if target.as_os_str().is_empty() || root.lookup(&target).is_some() {
            self.begin(&step.text, "");
            self.history(&step.text, None);
            return Ok(());
        }
        let mut entries = Draft::default();
        add_parents(&mut entries, &root, &target, (0, 0));
        entries.add(
            target,
            Entry {
                kind: Kind::Directory,
                mode: 0o755,
                uid: 0,
                gid: 0,
            },
        );
        let (layer, is_cached) = self.layer(entries).await?;
        self.begin(&step.text, if is_cached { "CACHED " } else { "" });
        self.cached += usize::from(is_cached);
        self.history(&step.text, Some(layer));
        Ok(())
    }
}

/// Without `.` and `..`.
fn normalise(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(part) => clean.push(part),
            Component::ParentDir => {
                clean.pop();
            }
            _ => {}
        }
    }
    clean
}
