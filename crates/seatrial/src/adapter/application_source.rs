//! Repositories for Applications, from the Git server.

use std::sync::Arc;

use async_trait::async_trait;
use seatrial_git::{Error, FileMode, Repositories};
use seatrial_gitops::{Fetched, Source, SourceError};
use seatrial_render::Files;

/// The Git server as GitOps sees it.
pub(crate) struct ApplicationSource(pub(crate) Repositories);

#[async_trait]
impl Source for ApplicationSource {
    async fn fetch(&self, url: &str, revision: &str) -> Result<Fetched, SourceError> {
        let failed = |error: Error| match error {
            Error::UnknownRepository { .. } => SourceError::UnknownRepository {
                url: url.to_owned(),
            },
            Error::UnknownRevision { .. } => SourceError::UnknownRevision {
                url: url.to_owned(),
                revision: revision.to_owned(),
            },
            error => SourceError::Unreadable {
                url: url.to_owned(),
                detail: seatrial_controller::Chain(&error).to_string(),
            },
        };
        let (repository, commit) = self.0.resolve(url, revision).await.map_err(failed)?;
        let tree = repository.tree(&commit, "").await.map_err(failed)?;
        let log = repository.log(&commit, 1).await.map_err(failed)?;
        let newest = log.into_iter().next();
        // A link's content is a path, which must not be taken for a manifest.
        let files = tree
            .into_iter()
            .filter(|(_, file)| file.mode != FileMode::Link)
            .map(|(path, file)| (path, file.bytes.to_vec()));
        Ok(Fetched {
            subject: newest
                .as_ref()
                .map(|entry| entry.subject.clone())
                .unwrap_or_default(),
            author: newest.map(|entry| entry.author).unwrap_or_default(),
            files: Arc::new(Files::new(files)),
            commit,
        })
    }
}
