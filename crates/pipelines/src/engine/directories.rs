//! A job's directories, on this machine and as commands see them.

use std::io;
use std::path::{Component, Path, PathBuf};

/// Where a job keeps things.
///
/// ```text
///   <job>/work/<repository>   the workspace
///   <job>/temp                RUNNER_TEMP, scripts, files of commands
///   <job>/home                HOME
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Directories {
    host: PathBuf,
    inside: String,
    workspace: String,
}

impl Directories {
    /// Makes them below `host`.
    pub(crate) fn make(host: PathBuf, repository: &str) -> io::Result<Self> {
        let workspace = format!("work/{repository}");
        for name in [workspace.as_str(), "temp", "home", "tools"] {
            std::fs::create_dir_all(host.join(name))?;
        }
        let inside = host.to_string_lossy().into_owned();
        Ok(Self {
            host,
            inside,
            workspace,
        })
    }

    /// The same directories, which commands see at `inside`.
    pub(crate) fn seen_at(mut self, inside: &str) -> Self {
        inside.trim_end_matches('/').clone_into(&mut self.inside);
        self
    }

    /// The whole of it on this machine.
    pub(crate) fn root(&self) -> &Path {
        &self.host
    }

    /// The workspace on this machine.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.host.join(&self.workspace)
    }

    /// Temporary files on this machine.
    pub(crate) fn temp(&self) -> PathBuf {
        self.host.join("temp")
    }

    /// Where commands see a place below the job's directory, such as `temp/x`.
    pub(crate) fn inside(&self, below: &str) -> String {
        format!("{}/{below}", self.inside)
    }

    /// Where commands see the workspace.
    pub(crate) fn workspace_inside(&self) -> String {
        self.inside(&self.workspace)
    }

    /// The working directory of a command, as commands see it: `directory` is relative to the
    /// workspace, or absolute.
    pub(crate) fn working_directory(&self, directory: &str) -> String {
        match directory.trim() {
            "" | "." => self.workspace_inside(),
            absolute if absolute.starts_with('/') => absolute.to_owned(),
            below => format!(
                "{}/{}",
                self.workspace_inside(),
                below.trim_start_matches("./")
            ),
        }
    }

    /// Where a path that a user wrote is on this machine: relative to the workspace, below `~`, or
    /// as commands see it. A path that leads out of the job's directory is refused.
    pub(crate) fn resolve(&self, path: &str) -> Result<PathBuf, String> {
        let path = path.trim();
        let joined = if let Some(below) = path.strip_prefix(self.inside.as_str()) {
            self.host.join(below.trim_start_matches('/'))
        } else if let Some(below) = path.strip_prefix("~/") {
            self.host.join("home").join(below)
        } else if path.starts_with('/') {
            return Err(outside(path));
        } else {
            self.workspace().join(path)
        };
        let plain = normal(&joined).filter(|plain| plain.starts_with(&self.host));
        let plain = plain.ok_or_else(|| outside(path))?;
        // A symbolic link in the workspace must not lead out of it either.
        let root = self
            .host
            .canonicalize()
            .unwrap_or_else(|_| self.host.clone());
        match plain.canonicalize() {
            Ok(real) if !real.starts_with(&root) => Err(outside(path)),
            _ => Ok(plain),
        }
    }
}

fn outside(path: &str) -> String {
    format!("`{path}` is outside of the job's directory: name a path in the workspace")
}

/// The path with `.` and `..` taken out, by its text alone.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut output = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                if !output.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            other => output.push(other),
        }
    }
    Some(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_and_kept_inside() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let all = Directories::make(root.clone(), "shop")
            .unwrap()
            .seen_at("/job");
        let workspace = root.join("work/shop");
        std::os::unix::fs::symlink("/etc", workspace.join("leak")).unwrap();
        assert_eq!(all.resolve("a/../b").unwrap(), workspace.join("b"));
        assert_eq!(
            all.resolve("/job/work/shop/x").unwrap(),
            workspace.join("x")
        );
        assert_eq!(all.resolve("~/.cache").unwrap(), root.join("home/.cache"));
        for path in ["/etc/passwd", "../../../x", "leak/passwd"] {
            assert!(all.resolve(path).unwrap_err().contains(path), "{path}");
        }
        assert_eq!(all.working_directory("./k8s"), "/job/work/shop/k8s");
        assert_eq!(all.working_directory("/tmp"), "/tmp");
    }
}
