//! Reading one repository: refs, revisions, history.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::{Error, Git};

/// The digest of the tree without files, against which a first commit is compared.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// How many changed paths are reported for one push.
const CHANGED_PATHS_LIMIT: usize = 1000;

/// A bare repository on this machine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Repository {
    git: Git,
    path: PathBuf,
    label: String,
}

/// A branch or a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ref {
    /// The full name, such as `refs/heads/main`.
    pub name: String,
    /// The commit; for an annotated tag the one it names.
    pub commit: String,
}

/// One commit of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its digest.
    pub commit: String,
    /// `Name <address>`.
    pub author: String,
    /// When it was written, by its author's clock.
    pub authored: Option<Timestamp>,
    /// The first line of the message.
    pub subject: String,
    /// The whole message, without blank lines at its end.
    pub message: String,
}

impl Repository {
    pub(crate) fn new(git: Git, path: PathBuf, label: String) -> Self {
        Self { git, path, label }
    }

    /// The bare repository's directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name, or its URL where it is elsewhere.
    pub fn label(&self) -> &str {
        &self.label
    }

    pub(crate) fn git(&self) -> &Git {
        &self.git
    }

    /// Branches and tags in order of their names.
    ///
    /// # Errors
    /// [`Error::Git`] where the repository is damaged.
    pub async fn refs(&self) -> Result<Vec<Ref>, Error> {
        self.matching(&["refs/heads", "refs/tags"]).await
    }

    async fn matching(&self, patterns: &[&str]) -> Result<Vec<Ref>, Error> {
        let format = "--format=%(refname) %(objectname) %(*objectname)";
        let text = self
            .git
            .text(&self.path, &[&["for-each-ref", format], patterns].concat())
            .await?;
        let read = |line: &str| {
            let mut parts = line.split(' ');
            let (name, object, peeled) = (parts.next()?, parts.next()?, parts.next().unwrap_or(""));
            let commit = if peeled.is_empty() { object } else { peeled };
            Some(Ref {
                name: name.to_owned(),
                commit: commit.to_owned(),
            })
        };
        Ok(text.lines().filter_map(read).collect())
    }

    /// The commit that a branch, a tag, `HEAD`, a full ref name, or a (shortened) digest means.
    /// An empty revision is `HEAD`. A branch wins over a tag, a tag over a digest.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`] lists the branches there are.
    pub async fn resolve(&self, revision: &str) -> Result<String, Error> {
        let revision = if revision.is_empty() {
            "HEAD"
        } else {
            revision
        };
        let (branch, tag) = (
            format!("refs/heads/{revision}"),
            format!("refs/tags/{revision}"),
        );
        if is_ref_name(revision) && revision != "HEAD" {
            let found = self.matching(&[&branch, &tag, revision]).await?;
            for wanted in [branch.as_str(), &tag, revision] {
                if let Some(found) = found.iter().find(|found| found.name == wanted) {
                    return Ok(found.commit.clone());
                }
            }
        }
        let is_digest =
            (4..=64).contains(&revision.len()) && revision.bytes().all(|b| b.is_ascii_hexdigit());
        if is_digest || revision == "HEAD" {
            let wanted = format!("{revision}^{{commit}}");
            let arguments = [
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &wanted,
            ];
            if let Ok(commit) = self.git.text(&self.path, &arguments).await {
                return Ok(commit.trim().to_owned());
            }
        }
        Err(self.unknown(revision).await)
    }

    async fn unknown(&self, revision: &str) -> Error {
        let refs = self.matching(&["refs/heads"]).await.unwrap_or_default();
        let branches = refs
            .iter()
            .filter_map(|branch| branch.name.strip_prefix("refs/heads/").map(str::to_owned));
        Error::UnknownRevision {
            repository: self.label.clone(),
            revision: revision.to_owned(),
            branches: branches.collect(),
        }
    }

    /// The newest `limit` commits that lead to `commit`, newest first.
    ///
    /// # Errors
    /// [`Error::Git`] for a commit that is not there.
    pub async fn log(&self, commit: &str, limit: usize) -> Result<Vec<LogEntry>, Error> {
        let count = format!("--max-count={limit}");
        let format = "--format=%H%x1f%an <%ae>%x1f%at%x1f%B";
        let arguments = [
            "log",
            "-z",
            &count,
            format,
            "--end-of-options",
            commit,
            "--",
        ];
        let text = self.git.text(&self.path, &arguments).await?;
        Ok(text.split('\0').filter_map(entry).collect())
    }

    /// Paths that differ between two commits, in order, at most a thousand.
    /// `before` may be forty zeros: then the new branch is compared with where it left the default
    /// branch, or with nothing where it is the first.
    ///
    /// # Errors
    /// [`Error::Git`] for a commit that is not there.
    pub async fn changed_paths(&self, before: &str, after: &str) -> Result<Vec<String>, Error> {
        if is_absent(after) {
            return Ok(Vec::new());
        }
        let before = if is_absent(before) {
            self.branch_point(after).await
        } else {
            before.to_owned()
        };
        let arguments = [
            "diff-tree",
            "-r",
            "-z",
            "--name-only",
            "--no-renames",
            "--end-of-options",
            &before,
            after,
            "--",
        ];
        let text = self.git.text(&self.path, &arguments).await?;
        let paths = text.split('\0').filter(|path| !path.is_empty());
        Ok(paths.take(CHANGED_PATHS_LIMIT).map(str::to_owned).collect())
    }

    async fn branch_point(&self, after: &str) -> String {
        let base = self
            .git
            .text(&self.path, &["merge-base", "HEAD", after])
            .await;
        match base.map(|text| text.trim().to_owned()) {
            Ok(base) if base != after && !base.is_empty() => base,
            _ => EMPTY_TREE.to_owned(),
        }
    }
}

/// Whether a digest is the one of zeros.
pub(crate) fn is_absent(digest: &str) -> bool {
    digest.bytes().all(|b| b == b'0')
}

fn is_ref_name(text: &str) -> bool {
    !text.starts_with('-')
        && !text.contains("..")
        && !text.contains(|c: char| c.is_control() || " ~^:?*[\\".contains(c))
}

fn entry(text: &str) -> Option<LogEntry> {
    let mut parts = text.trim_start_matches('\n').splitn(4, '\x1f');
    let (commit, author, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let message = parts.next()?.trim_end();
    Some(LogEntry {
        commit: commit.to_owned(),
        author: author.to_owned(),
        authored: seconds
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok()),
        subject: message.lines().next().unwrap_or("").to_owned(),
        message: message.to_owned(),
    })
}
