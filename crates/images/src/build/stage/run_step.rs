//! `RUN`.

use std::sync::Arc;

use super::super::cache;
use super::super::run::{RunStep, arguments};
use super::super::{Cache, Error, Event};
use super::Stage;
use crate::Digest;
use crate::dockerfile::{Command, Heredoc, Step};
use crate::layer::{Layer, changes};
use crate::store::{HostBase, blocking};

impl Stage<'_> {
    pub(super) async fn run_step(
        &mut self,
        step: &Step,
        command: &Command,
        heredocs: &[Heredoc],
    ) -> Result<(), Error> {
        let args = arguments(command, heredocs, &self.shell());
        let env = self.run_environment();
        let key = self.run_key(&args, &env);
        let blobs = self.job.store.blobs().clone();
        if self.job.request.cache == Cache::Used
            && let Some(cache::Known(layer)) = cache::find(&blobs, &key)
        {
            self.begin(&step.text, "CACHED ");
            self.cached += 1;
            self.history(&step.text, layer);
            return Ok(());
        }
        self.begin(&step.text, "");
        let layer = self.execute(step, args, env).await?;
        cache::keep(&blobs, &key, layer.as_ref())?;
        self.history(&step.text, layer);
        Ok(())
    }

    async fn execute(
        &self,
        step: &Step,
        args: Vec<String>,
        env: Vec<(String, String)>,
    ) -> Result<Option<Layer>, Error> {
        let blobs = self.job.store.blobs().clone();
        let scratch = blobs.temporary_directory()?;
        let progress = Arc::clone(&self.job.progress);
        let config = &self.config.config;
        let asked = RunStep {
            name: self.position().trim_matches(['[', ']']).to_owned(),
            layers: self.directories().await?,
            base: self.base_kind(),
            writable: scratch.path().to_owned(),
            args,
            env,
            cwd: if config.working_dir.is_empty() {
                "/".to_owned()
            } else {
                config.working_dir.clone()
            },
            user: config.user.clone(),
            output: Arc::new(move |stream, bytes| progress(Event::Output(stream, bytes))),
        };
        let (file, line) = (self.job.file.name.clone(), step.line);
        let command = || {
            step.text
                .trim_start_matches(|c: char| c.is_ascii_alphabetic())
                .trim()
                .chars()
                .take(120)
                .collect()
        };
        let outcome = self.job.executor.run(asked).await;
        match outcome {
            Err(error) => {
                return Err(Error::NotRun {
                    file,
                    line,
                    command: command(),
                    reason: error.reason,
                });
            }
            Ok(outcome) if outcome.code != 0 => {
                return Err(Error::Failed {
                    file,
                    line,
                    command: command(),
                    code: outcome.code,
                });
            }
            Ok(_) => {}
        }
        let modified = self.job.request.modified;
        let layer = blocking(move || {
            let upper = scratch.path().join("upper");
            let layer = if upper.is_dir() {
                changes(&blobs, &upper, modified)
            } else {
                Ok(None)
            };
            drop(scratch);
            layer
        });
        Ok(layer.await?)
    }

    fn base_kind(&self) -> HostBase {
        if self.base_label.is_some() {
            HostBase::Present
        } else {
            HostBase::Absent
        }
    }

    /// The image's environment over the build's arguments.
    fn run_environment(&self) -> Vec<(String, String)> {
        let mut env = self.arguments.clone();
        env.extend(
            self.config
                .config
                .environment()
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        env.entry("HOME".to_owned())
            .or_insert_with(|| "/root".to_owned());
        env.into_iter().collect()
    }

    fn run_key(&self, args: &[String], env: &[(String, String)]) -> Digest {
        let config = &self.config.config;
        let fixed = [
            "run".to_owned(),
            config.working_dir.clone(),
            config.user.clone(),
            format!("{:?}", self.base_kind()),
        ];
        let layers = self.config.rootfs.diff_ids.iter().map(ToString::to_string);
        let env = env.iter().map(|(name, value)| format!("{name}={value}"));
        let modified = self.job.request.modified.to_string();
        let fields: Vec<String> = fixed
            .into_iter()
            .chain([modified, args.len().to_string()])
            .chain(args.iter().cloned())
            .chain(env)
            .chain(layers)
            .collect();
        cache::key(fields.iter().map(String::as_str))
    }
}
