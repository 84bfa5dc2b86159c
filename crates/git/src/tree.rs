//! The files of a commit.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::process::Stdio;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;

use crate::{Error, Repository};

/// How many bytes of files one reading may take into memory.
const SIZE_LIMIT: u64 = 512 << 20;

/// Files by their path from the repository's root, with `/` between the parts.
pub type Tree = BTreeMap<String, File>;

/// One file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What kind of file it is.
    pub mode: FileMode,
    /// Its content; for a link where it points to.
    pub bytes: Bytes,
}

/// The kinds of files Git knows. (Submodules are left out of a [`Tree`]: their files are elsewhere.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// A plain file.
    Plain,
    /// A file that can be run.
    Executable,
    /// A symbolic link.
    Link,
}

struct Entry {
    mode: FileMode,
    object: String,
    size: u64,
    path: String,
}

impl Repository {
    /// All files of `commit` at or under `path` (empty: all). Paths in the answer are from the root.
    ///
    /// # Errors
    /// [`Error::UnknownPath`] where nothing is there, [`Error::UnsafePath`] over 512 MiB.
    pub async fn tree(&self, commit: &str, path: &str) -> Result<Tree, Error> {
        let path = path.trim_start_matches("./").trim_matches('/');
        let path = if path == "." { "" } else { path };
        let entries = self.entries(commit, path).await?;
        if entries.is_empty() && !path.is_empty() {
            return Err(Error::UnknownPath {
                repository: self.label().to_owned(),
                commit: commit.to_owned(),
                path: path.to_owned(),
            });
        }
        if entries.iter().map(|entry| entry.size).sum::<u64>() > SIZE_LIMIT {
            let reason = "its files are over 512 MiB together; name a directory further down";
            return Err(Error::UnsafePath {
                commit: commit.to_owned(),
                path: path.to_owned(),
                reason,
            });
        }
        let contents = self.contents(&entries).await?;
        let files = entries.into_iter().zip(contents);
        Ok(files
            .map(|(entry, bytes)| {
                (
                    entry.path,
                    File {
                        mode: entry.mode,
                        bytes,
                    },
                )
            })
            .collect())
    }

    async fn entries(&self, commit: &str, path: &str) -> Result<Vec<Entry>, Error> {
        let literal = format!(":(literal){path}");
        let mut arguments = vec![
            "ls-tree",
            "-r",
            "-l",
            "-z",
            "--full-tree",
            "--end-of-options",
            commit,
        ];
        if !path.is_empty() {
            // `ls-tree` takes paths, not patterns; the prefix of a pathspec is not understood here.
            arguments.extend(["--", &literal[":(literal)".len()..]]);
        }
        let text = self.git().text(self.path(), &arguments).await?;
        Ok(text.split('\0').filter_map(entry).collect())
    }

    async fn contents(&self, entries: &[Entry]) -> Result<Vec<Bytes>, Error> {
        let start = |source| Error::Start {
            command: "cat-file".to_owned(),
            source,
        };
        let mut command = self.git().command();
        command
            .args(["cat-file", "--batch", "--buffer"])
            .current_dir(self.path())
            .stdin(Stdio::piped());
        let mut child = command.spawn().map_err(start)?;
        let objects = entries
            .iter()
            .flat_map(|entry| [entry.object.as_str(), "\n"]);
        let wanted: String = objects.collect();
        let stdin = child.stdin.take();
        let feed = async move {
            if let Some(mut stdin) = stdin {
                // An error here means that the process ended; its output says so better.
                let _ = stdin.write_all(wanted.as_bytes()).await;
            }
        };
        let ((), output) = tokio::join!(feed, child.wait_with_output());
        let output = Bytes::from(output.map_err(start)?.stdout);
        batch(&output, entries.len())
    }

    /// Writes the files at or under `path` into `target`, with their paths from the root.
    ///
    /// # Errors
    /// [`Error::UnsafePath`] for a link that leads out of the tree, and those of [`Repository::tree`].
    pub async fn materialise(&self, commit: &str, path: &str, target: &Path) -> Result<(), Error> {
        let files = self.tree(commit, path).await?;
        for (path, file) in &files {
            if let Some(reason) = unsafe_reason(path, file) {
                return Err(Error::UnsafePath {
                    commit: commit.to_owned(),
                    path: path.clone(),
                    reason,
                });
            }
        }
        let target = target.to_owned();
        let write = move || {
            // Links last: then no file is ever written through one.
            let (links, plain): (Vec<_>, Vec<_>) = files
                .iter()
                .partition(|(_, file)| file.mode == FileMode::Link);
            plain
                .into_iter()
                .chain(links)
                .try_for_each(|(path, file)| write_file(&target.join(path), file))
        };
        tokio::task::spawn_blocking(write)
            .await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }
}

/// `<mode> <type> <object> <size>\t<path>`, as `ls-tree -l` prints it.
fn entry(line: &str) -> Option<Entry> {
    let (head, path) = line.split_once('\t')?;
    let mut parts = head.split_ascii_whitespace();
    let (mode, kind, object, size) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let mode = match (mode, kind) {
        ("120000", "blob") => FileMode::Link,
        ("100755", "blob") => FileMode::Executable,
        (_, "blob") => FileMode::Plain,
        _ => return None,
    };
    Some(Entry {
        mode,
        object: object.to_owned(),
        size: size.parse().unwrap_or(0),
        path: path.to_owned(),
    })
}

/// Cuts the answer of `cat-file --batch` into contents.
fn batch(output: &Bytes, count: usize) -> Result<Vec<Bytes>, Error> {
    let mut contents = Vec::with_capacity(count);
    let mut rest = output.clone();
    for _ in 0..count {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(rest.len());
        let header = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size: Option<usize> = header.rsplit(' ').next().and_then(|size| size.parse().ok());
        match size {
            Some(size) if rest.len() >= end + 1 + size => {
                contents.push(rest.slice(end + 1..end + 1 + size));
                rest = rest.slice((end + size + 2).min(rest.len())..);
            }
            _ => {
                return Err(Error::Answer {
                    command: "cat-file".to_owned(),
                    detail: header,
                });
            }
        }
    }
    Ok(contents)
}

/// Why a file must not be written to disk, if it must not.
fn unsafe_reason(path: &str, file: &File) -> Option<&'static str> {
    let plain = |path: &Path| {
        path.components()
            .all(|part| matches!(part, Component::Normal(_)))
    };
    if !plain(Path::new(path)) {
        return Some("it is not a plain relative path");
    }
    if Path::new(path)
        .components()
        .any(|part| part.as_os_str().eq_ignore_ascii_case(".git"))
    {
        return Some("it is inside `.git`");
    }
    if file.mode != FileMode::Link {
        return None;
    }
    let link = String::from_utf8_lossy(&file.bytes).into_owned();
    let mut depth = path.split('/').count() as i64 - 1;
    for part in Path::new(&link).components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => depth -= 1,
            Component::RootDir | Component::Prefix(_) => depth = -1,
        }
        if depth < 0 {
            return Some("the link leads out of the repository");
        }
    }
    None
}

fn write_file(path: &Path, file: &File) -> Result<(), Error> {
    use std::os::unix::fs::{OpenOptionsExt as _, symlink};
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(Error::directory("create", parent))?;
    }
    if file.mode == FileMode::Link {
        return symlink(String::from_utf8_lossy(&file.bytes).as_ref(), path)
            .map_err(Error::directory("link", path));
    }
    let mode = if file.mode == FileMode::Executable {
        0o755
    } else {
        0o644
    };
    let opened = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path);
    opened
        .and_then(|mut opened| std::io::Write::write_all(&mut opened, &file.bytes))
        .map_err(Error::directory("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_leave_the_tree_are_refused() {
        let link = |to: &str| File {
            mode: FileMode::Link,
            bytes: Bytes::copy_from_slice(to.as_bytes()),
        };
        assert_eq!(unsafe_reason("a/b", &link("../c")), None);
        assert_eq!(unsafe_reason("k8s/base/x", &link("../../README.md")), None);
        assert!(unsafe_reason("a", &link("../c")).is_some());
        assert!(unsafe_reason("a/b", &link("/etc/passwd")).is_some());
        assert!(unsafe_reason("a/b", &link("../x/../../y")).is_some());
        let plain = File {
            mode: FileMode::Plain,
            bytes: Bytes::new(),
        };
        assert!(unsafe_reason("../x", &plain).is_some());
        assert!(unsafe_reason(".GIT/config", &plain).is_some());
    }
}
