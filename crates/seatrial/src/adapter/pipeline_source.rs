//! Repositories for pipelines, from the Git server.

use async_trait::async_trait;
use seatrial_git::{Access, Checkout, Credentials, Depth, Name, Repositories};
use seatrial_pipelines::PIPELINE_USER;
use seatrial_pipelines::port::{
    CheckedOut, Checkout as Wanted, Error, Source, WorkflowFile, chain,
};

/// Where workflow files lie.
const WORKFLOWS: &str = ".github/workflows";

/// The Git server as pipelines see it.
pub(crate) struct PipelineSource {
    pub(crate) repositories: Repositories,
    pub(crate) access: Access,
    /// The token that runs push with.
    pub(crate) token: String,
    /// Where the server is.
    pub(crate) url: String,
}

impl PipelineSource {
    /// A source whose runs may push with `token`.
    pub(crate) fn new(
        repositories: Repositories,
        access: Access,
        token: String,
        url: String,
    ) -> Self {
        access.grant(PIPELINE_USER, &token);
        Self {
            repositories,
            access,
            token,
            url,
        }
    }
}

fn failed(error: &seatrial_git::Error) -> Error {
    Error::new(chain(error))
}

#[async_trait]
impl Source for PipelineSource {
    async fn checkout(&self, wanted: Wanted) -> Result<CheckedOut, Error> {
        let resolved = self
            .repositories
            .resolve(&wanted.repository, &wanted.revision)
            .await;
        let (repository, commit) = resolved.map_err(|error| failed(&error))?;
        let name = Name::parse(&wanted.repository).map_err(|error| failed(&error))?;
        let reference = match &wanted.branch {
            Some(branch) => format!("refs/heads/{branch}"),
            None => wanted.revision.clone(),
        };
        let checkout = Checkout {
            commit: commit.clone(),
            reference,
            directory: wanted.directory,
            origin: self.repositories.url(&name),
            depth: wanted.depth.map_or(Depth::Full, Depth::Commits),
            credentials: wanted.token.map(|token| Credentials {
                user: PIPELINE_USER.to_owned(),
                token,
            }),
        };
        repository
            .checkout(&checkout)
            .await
            .map_err(|error| failed(&error))?;
        Ok(CheckedOut { commit })
    }

    async fn workflows(&self, repository: &str, commit: &str) -> Result<Vec<WorkflowFile>, Error> {
        let opened = self
            .repositories
            .open(repository)
            .await
            .map_err(|error| failed(&error))?;
        let tree = opened
            .tree(commit, "")
            .await
            .map_err(|error| failed(&error))?;
        let is_workflow = |path: &str| {
            let inner = path
                .strip_prefix(WORKFLOWS)
                .and_then(|path| path.strip_prefix('/'));
            inner.is_some_and(|name| {
                let ending = name.rsplit_once('.').map(|(_, ending)| ending);
                !name.contains('/') && matches!(ending, Some("yml" | "yaml"))
            })
        };
        let files = tree.into_iter().filter(|(path, _)| is_workflow(path));
        Ok(files
            .map(|(path, file)| WorkflowFile {
                path,
                text: String::from_utf8_lossy(&file.bytes).into_owned(),
            })
            .collect())
    }

    async fn token(&self, _repository: &str) -> Result<String, Error> {
        // Granted once for all repositories: runs of one machine trust each other.
        let _ = &self.access;
        Ok(self.token.clone())
    }

    fn server_url(&self) -> String {
        self.url.clone()
    }
}
