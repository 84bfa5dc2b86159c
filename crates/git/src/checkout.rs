//! A working copy for a pipeline: files, `.git`, and a remote to push back to.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Error, Repository};

/// How much history a working copy has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All of it, with all branches and tags.
    Full,
    /// This many commits of one branch.
    Commits(u32),
}

/// What the working copy pushes with.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The token.
    pub token: String,
}

/// A working copy that is asked for.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// The commit, 40 hexadecimal digits.
    pub commit: String,
    /// The full ref it is on: a branch is checked out by its name, anything else detached.
    pub reference: String,
    /// Where to put it; made if missing, and must be empty.
    pub directory: PathBuf,
    /// What `origin` is: the URL as the working copy's user reaches it.
    pub origin: String,
    /// How much history.
    pub depth: Depth,
    /// Kept in the working copy's own configuration, so that `git push` works in it without asking.
    pub credentials: Option<Credentials>,
}

impl Repository {
    /// Makes a working copy, in the way a pipeline's checkout action does.
    ///
    /// # Errors
    /// [`Error::Git`] for a commit that is not there, [`Error::Directory`] where files cannot be written.
    pub async fn checkout(&self, wanted: &Checkout) -> Result<(), Error> {
        let target = wanted.directory.as_path();
        tokio::fs::create_dir_all(target)
            .await
            .map_err(Error::directory("create", target))?;
        let branch = wanted.reference.strip_prefix("refs/heads/");
        let initial = format!("--initial-branch={}", branch.unwrap_or("main"));
        self.git()
            .run(target, &["init", "--quiet", "--template=", &initial])
            .await?;
        self.fetch_into(target, wanted).await?;
        self.configure(target, wanted).await?;
        let Some(branch) = branch else {
            return self
                .git()
                .run(target, &["checkout", "--quiet", "--detach", &wanted.commit])
                .await
                .map(drop);
        };
        let tracking = format!("refs/remotes/origin/{branch}");
        self.git()
            .run(target, &["update-ref", &tracking, &wanted.commit])
            .await?;
        self.git()
            .run(
                target,
                &["checkout", "--quiet", "-B", branch, &wanted.commit],
            )
            .await?;
        let upstream = format!("--set-upstream-to=origin/{branch}");
        self.git()
            .run(target, &["branch", "--quiet", &upstream, branch])
            .await
            .map(drop)
    }

    async fn fetch_into(&self, target: &Path, wanted: &Checkout) -> Result<(), Error> {
        let source = self.path().to_string_lossy();
        let mut arguments = vec!["fetch", "--quiet", "--no-tags"];
        let depth;
        match wanted.depth {
            Depth::Full => {
                arguments.extend([
                    &*source,
                    "+refs/heads/*:refs/remotes/origin/*",
                    "+refs/tags/*:refs/tags/*",
                ]);
                self.git().run(target, &arguments).await?;
                // The commit itself, should no branch lead to it any more.
                self.git()
                    .run(target, &["fetch", "--quiet", &*source, &wanted.commit])
                    .await
                    .map(drop)
            }
            Depth::Commits(count) => {
                depth = format!("--depth={}", count.max(1));
                arguments.extend([depth.as_str(), &*source, &wanted.commit]);
                self.git().run(target, &arguments).await.map(drop)
            }
        }
    }

    async fn configure(&self, target: &Path, wanted: &Checkout) -> Result<(), Error> {
        self.git()
            .run(target, &["remote", "add", "origin", &wanted.origin])
            .await?;
        let Some(credentials) = &wanted.credentials else {
            return Ok(());
        };
        let pair = STANDARD.encode(format!("{}:{}", credentials.user, credentials.token));
        let header = format!("AUTHORIZATION: basic {pair}");
        let scope = origin_scope(&wanted.origin);
        // The file, not the command line: other users of the machine can read command lines.
        let config = target.join(".git/config");
        let read = tokio::fs::read_to_string(&config)
            .await
            .map_err(Error::directory("read", &config))?;
        let text = format!("{read}[http \"{scope}\"]\n\textraheader = {header}\n");
        tokio::fs::write(&config, text)
            .await
            .map_err(Error::directory("write", &config))
    }
}

/// Scheme, host and port with a slash: the header goes nowhere else.
fn origin_scope(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    format!("{}/", url[..end].replace(['"', '\\', '\n'], ""))
}
