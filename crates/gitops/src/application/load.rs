//! From a source and a revision to objects ready to be compared.

use std::sync::Arc;

use seatrial_resources::argoproj::{AppProjectSpec, ApplicationSource};

use super::Pass;
use crate::manifest::{self, render};
use crate::memory::{Memory, Rendered};
use crate::refresh::Refresh;
use crate::source::SourceError;
use crate::{project, target};

/// Why there are no objects.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    #[error(transparent)]
    Target(#[from] target::Error),
    #[error("{0}")]
    Forbidden(String),
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        Self::Manifest(error.into())
    }
}

/// An error in the words in which Argo CD's controller hands on what its repository server says.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    format!(
        "Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = {}",
        seatrial_controller::Chain(error)
    )
}

impl Pass<'_> {
    /// What a revision of a source asks for: from memory, unless it is to be read again.
    pub(super) async fn load(
        &self,
        source: &ApplicationSource,
        revision: &str,
        project: Option<&AppProjectSpec>,
        refresh: Refresh,
        memory: &mut Memory,
    ) -> Result<Rendered, String> {
        let namespace = self
            .app
            .spec
            .destination
            .namespace
            .clone()
            .unwrap_or_default();
        let request = serde_json::json!([source, revision, namespace, project]).to_string();
        if let (Refresh::Not, Some(known)) = (refresh, memory.find(&request)) {
            return known;
        }
        let result = self.fetch(source, revision, project, &namespace).await;
        let result = result.map_err(|error| said(&error));
        // A failure is not remembered where nobody would ever ask again: an operation's next try.
        if result.is_ok() || refresh != Refresh::Not {
            memory.keep(request, result.clone());
        }
        result
    }

    async fn fetch(
        &self,
        source: &ApplicationSource,
        revision: &str,
        project: Option<&AppProjectSpec>,
        namespace: &str,
    ) -> Result<Rendered, Error> {
        let fetched = self
            .controller
            .source
            .fetch(&source.repo_url, revision)
            .await?;
        let (source_type, objects) = render(source, &fetched.files)?;
        let targets = target::prepare(self.cluster, objects, namespace, self.instance).await?;
        if let Some(project) = project {
            let forbidden = project::forbidden(&targets.all, project, &self.app.spec.project);
            if !forbidden.is_empty() {
                return Err(Error::Forbidden(forbidden.join(" ")));
            }
        }
        Ok(Rendered {
            commit: fetched.commit,
            source_type,
            targets: Arc::new(targets),
        })
    }
}
