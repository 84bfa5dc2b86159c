//! The application's working copy, and real git.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::process::Command;

/// A working copy that pushes to the cluster.
pub(crate) struct WorkingCopy {
    folder: PathBuf,
    url: String,
    authorization: String,
    begun: bool,
}

impl WorkingCopy {
    pub(crate) fn new(folder: PathBuf, url: &str, token: &str) -> Self {
        let authorization = format!(
            "Authorization: Basic {}",
            STANDARD.encode(format!("admin:{token}"))
        );
        Self {
            folder,
            url: url.to_owned(),
            authorization,
            begun: false,
        }
    }

    /// Puts the files in: those of a folder, or the built-in ones.
    pub(crate) fn fill(&self, source: Option<&Path>, built_in: &[(&str, &[u8])]) -> Result<()> {
        if let Some(source) = source {
            return copy(source, &self.folder)
                .with_context(|| format!("cannot copy {}", source.display()));
        }
        for (path, bytes) in built_in {
            let target = self.folder.join(path);
            let folder = target.parent().unwrap_or(&self.folder);
            std::fs::create_dir_all(folder)?;
            std::fs::write(&target, bytes)?;
        }
        Ok(())
    }

    /// Commits a version of the application; returns the commit and its subject.
    pub(crate) async fn release(&mut self, version: &str) -> Result<(String, String)> {
        let file = self.folder.join(format!("versions/{version}.py"));
        if self.begun {
            // The pipeline has committed image tags since.
            self.git(&["pull", "--quiet", "--rebase", "origin", "main"])
                .await?;
        } else {
            self.git(&["init", "--quiet", "--initial-branch=main"])
                .await?;
            self.git(&["remote", "add", "origin", &self.url]).await?;
        }
        self.begun = true;
        std::fs::copy(&file, self.folder.join("src/shop/version.py"))
            .with_context(|| format!("the application has no {}", file.display()))?;
        let subject = match version {
            "v1" => "the first release",
            "v2" => "a new colour",
            _ => "an optimisation that breaks one request in five",
        };
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", subject])
            .await?;
        let commit = self.git(&["rev-parse", "HEAD"]).await?;
        Ok((commit, subject.to_owned()))
    }

    /// `git push`.
    pub(crate) async fn push(&self) -> Result<()> {
        self.git(&["push", "--quiet", "--set-upstream", "origin", "main"])
            .await
            .map(drop)
    }

    async fn git(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&self.folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .envs([
                ("GIT_AUTHOR_NAME", "Demo"),
                ("GIT_AUTHOR_EMAIL", "demo@example.org"),
            ])
            .envs([
                ("GIT_COMMITTER_NAME", "Demo"),
                ("GIT_COMMITTER_EMAIL", "demo@example.org"),
            ])
            // Not as an argument: those are there for all to see.
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "http.extraHeader")
            .env("GIT_CONFIG_VALUE_0", &self.authorization)
            .stdin(Stdio::null())
            .output()
            .await
            .context("cannot run git; install it")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("git {} failed: {}", arguments.join(" "), said.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

fn copy(source: &Path, target: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(target)?;
    for entry in std::fs::read_dir(source)? {
        let entry = entry?;
        if entry.file_name() == ".git" || entry.file_name() == "__pycache__" {
            continue;
        }
        let inner = target.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &inner)?;
        } else {
            std::fs::copy(entry.path(), inner)?;
        }
    }
    Ok(())
}
