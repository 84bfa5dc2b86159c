//! Images for pipelines: builds, bills of materials, scans.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use seatrial_images::build::{Builder, Cache, Event, Request};
use seatrial_images::inventory::Subject as Looked;
use seatrial_images::scan::{self, Finding as Found, Options};
use seatrial_images::{ImageStore, Pull, Reference, sbom};
use seatrial_pipelines::port::{
    Build, Built, Error, Finding, Images, Line, Login, SbomFormat, Severity, Subject, chain,
};
use tokio::sync::mpsc;

/// The image store as pipelines see it.
pub(crate) struct PipelineImages {
    pub(crate) store: ImageStore,
    pub(crate) builder: Builder,
    /// A directory of OSV advisories.
    pub(crate) advisories: Option<PathBuf>,
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Error {
    Error::new(chain(error))
}

impl PipelineImages {
    async fn subject(&self, subject: &Subject) -> Result<Looked, Error> {
        match subject {
            Subject::Path(path) => Looked::directory(path).map_err(|error| failed(&error)),
            Subject::Image(reference) => {
                let image = self.store.resolve(reference, Pull::IfMissing).await;
                Ok(Looked::image(&image.map_err(|error| failed(&error))?))
            }
        }
    }
}

#[async_trait]
impl Images for PipelineImages {
    async fn login(&self, login: &Login) -> Result<(), Error> {
        // Every registry a workflow names stands for the embedded one, whose key is the run's token.
        if login.password == login.run_token {
            return Ok(());
        }
        Err(Error::new(format!(
            "{} refuses {}: in this cluster every registry is the embedded one; log in with secrets.GITHUB_TOKEN",
            login.registry, login.username
        )))
    }

    async fn build(&self, build: &Build, line: Line<'_>) -> Result<Built, Error> {
        let tags: Result<Vec<Reference>, _> = build.tags.iter().map(|tag| tag.parse()).collect();
        let request = Request {
            dockerfile: Some(build.dockerfile.clone()),
            target: build.target.clone(),
            arguments: build.arguments.iter().cloned().collect(),
            labels: build.labels.iter().cloned().collect(),
            tags: tags.map_err(|error| failed(&error))?,
            cache: if build.cache {
                Cache::Used
            } else {
                Cache::Ignored
            },
            ..Request::new(&build.context)
        };
        let (printed, mut lines) = mpsc::unbounded_channel();
        let progress = Arc::new(move |event: Event<'_>| {
            let text = match event {
                Event::Step(text) | Event::Note(text) => text.to_owned(),
                Event::Output(_, bytes) => String::from_utf8_lossy(bytes).into_owned(),
            };
            // Nobody listens any more only when the build was given up.
            let _ = printed.send(text);
        });
        let mut building = std::pin::pin!(self.builder.build(&request, progress));
        let built = loop {
            tokio::select! {
                biased;
                Some(text) = lines.recv() => text.lines().for_each(&mut *line),
                built = &mut building => break built,
            }
        };
        while let Ok(text) = lines.try_recv() {
            text.lines().for_each(&mut *line);
        }
        let built = built.map_err(|error| failed(&error))?;
        Ok(Built {
            digest: built.digest.to_string(),
            image_id: built.id.to_string(),
        })
    }

    async fn sbom(&self, subject: &Subject, format: SbomFormat) -> Result<String, Error> {
        let SbomFormat::CycloneDx = format;
        let bill = sbom::sbom(&self.subject(subject).await?);
        serde_json::to_string_pretty(&bill).map_err(|error| failed(&error))
    }

    async fn scan(&self, subject: &Subject, note: Line<'_>) -> Result<Vec<Finding>, Error> {
        let looked = self.subject(subject).await?;
        let options = Options {
            advisories: self.advisories.clone(),
            ..Options::default()
        };
        let report = scan::scan(&looked, &options).map_err(|error| failed(&error))?;
        report.notes.iter().for_each(|text| note(text));
        Ok(report.all().map(finding).collect())
    }
}

fn finding(found: Found<'_>) -> Finding {
    let severity =
        |severity: scan::Severity| Severity::parse(severity.name()).unwrap_or(Severity::Unknown);
    match found {
        Found::Vulnerability(one) => Finding {
            target: one.location.clone(),
            id: one.id.clone(),
            package: one.package.clone(),
            installed: one.installed.clone(),
            fixed: one.fixed.clone(),
            severity: severity(one.severity),
            title: one.title.clone(),
            line: None,
        },
        Found::Secret(one) => Finding {
            target: one.file.clone(),
            id: one.rule.to_owned(),
            package: String::new(),
            installed: String::new(),
            fixed: String::new(),
            severity: severity(one.severity),
            title: format!("{} ({})", one.title, one.masked),
            line: Some(one.line as u64),
        },
    }
}
