//! Artifacts of runs and caches between runs, as directories.
//!
//! ```text
//!   <root>/artifacts/<run>/<name>/…files…
//!   <root>/caches/<repository>/<key, hashed>/{key, files/…}
//! ```

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Why files could not be kept or handed out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Copying failed.
    #[error("cannot copy {from} to {to}")]
    Copy {
        /// The file read.
        from: PathBuf,
        /// The file written.
        to: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A directory could not be read.
    #[error("cannot list {path}")]
    List {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The artifact's name cannot be a directory's.
    #[error(
        "`{0}` cannot be an artifact's name: it must not be empty, begin with `.`, or hold any of \" : < > | * ? / \\"
    )]
    Name(String),
    /// There is no artifact of that name.
    #[error("there is no artifact `{name}` in this run; there are: {existing}")]
    Missing {
        /// The name asked for.
        name: String,
        /// The names there are.
        existing: String,
    },
    /// There is one already.
    #[error("the run already has an artifact `{0}`: choose another name, or set `overwrite: true`")]
    Exists(String),
}

/// A directory with artifacts and caches.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Whether an artifact that is there already may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// No: that is an error.
    Keep,
    /// Yes.
    Replace,
}

impl Store {
    /// A store below `root`, which is made when first needed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Keeps `files` (paths relative to `base`) as an artifact of a run.
    pub fn put_artifact(
        &self,
        run: &str,
        name: &str,
        base: &Path,
        files: &[PathBuf],
        existing: Existing,
    ) -> Result<PathBuf, Error> {
        let directory = self.artifact(run, name)?;
        if directory.exists() {
            if existing == Existing::Keep {
                return Err(Error::Exists(name.to_owned()));
            }
            remove(&directory)?;
        }
        make(&directory)?;
        for file in files {
            copy(&base.join(file), &directory.join(file))?;
        }
        Ok(directory)
    }

    /// Copies an artifact's files into `target`; returns how many.
    pub fn get_artifact(&self, run: &str, name: &str, target: &Path) -> Result<usize, Error> {
        let directory = self.artifact(run, name)?;
        if !directory.is_dir() {
            let existing = self.artifacts(run)?;
            let existing = if existing.is_empty() {
                "none".into()
            } else {
                existing.join(", ")
            };
            return Err(Error::Missing {
                name: name.to_owned(),
                existing,
            });
        }
        copy_tree(&directory, target)
    }

    /// Removes a run's artifacts.
    pub fn remove_artifacts(&self, run: &str) -> Result<(), Error> {
        let directory = self.root.join("artifacts").join(run);
        if directory.exists() {
            remove(&directory)
        } else {
            Ok(())
        }
    }

    /// The names of a run's artifacts, ordered.
    pub fn artifacts(&self, run: &str) -> Result<Vec<String>, Error> {
        names(&self.root.join("artifacts").join(run))
    }

    /// Where an artifact's files are.
    pub fn artifact(&self, run: &str, name: &str) -> Result<PathBuf, Error> {
        let forbidden = ['"', ':', '<', '>', '|', '*', '?', '/', '\\', '\r', '\n'];
        if name.is_empty() || name.starts_with('.') || name.contains(forbidden) {
            return Err(Error::Name(name.to_owned()));
        }
        Ok(self.root.join("artifacts").join(run).join(name))
    }

    /// Keeps `files` under a cache key; a key that is there already stays as it is.
    pub fn save_cache(
        &self,
        repository: &str,
        key: &str,
        base: &Path,
        files: &[PathBuf],
    ) -> Result<(), Error> {
        let directory = self.cache(repository, key);
        if directory.exists() {
            return Ok(());
        }
        let draft = directory.with_extension("draft");
        if draft.exists() {
            remove(&draft)?;
        }
        make(&draft.join("files"))?;
        for file in files {
            copy(&base.join(file), &draft.join("files").join(file))?;
        }
        let written = |source| Error::Copy {
            from: draft.clone(),
            to: directory.clone(),
            source,
        };
        std::fs::write(draft.join("key"), key).map_err(written)?;
        std::fs::rename(&draft, &directory).map_err(written)
    }

    /// Restores the cache of `key`, else the newest one whose key begins with one of `prefixes`
    /// (tried in turn). Returns the key that was restored.
    pub fn restore_cache(
        &self,
        repository: &str,
        key: &str,
        prefixes: &[String],
        target: &Path,
    ) -> Result<Option<String>, Error> {
        let exact = self.cache(repository, key);
        if exact.is_dir() {
            copy_tree(&exact.join("files"), target)?;
            return Ok(Some(key.to_owned()));
        }
        let all = self.root.join("caches").join(repository);
        let mut kept: Vec<(std::time::SystemTime, String, PathBuf)> = Vec::new();
        for name in names(&all)? {
            let directory = all.join(name);
            let Ok(found) = std::fs::read_to_string(directory.join("key")) else {
                continue;
            };
            let made = directory.metadata().and_then(|meta| meta.modified());
            kept.push((made.unwrap_or(std::time::UNIX_EPOCH), found, directory));
        }
        kept.sort();
        for prefix in prefixes {
            let newest = kept
                .iter()
                .rev()
                .find(|(_, found, _)| found.starts_with(prefix.as_str()));
            if let Some((_, found, directory)) = newest {
                copy_tree(&directory.join("files"), target)?;
                return Ok(Some(found.clone()));
            }
        }
        Ok(None)
    }

    fn cache(&self, repository: &str, key: &str) -> PathBuf {
        let hash = crate::hash::hexadecimal(&Sha256::digest(key.as_bytes()));
        self.root.join("caches").join(repository).join(&hash[..32])
    }
}

/// Names in a directory, ordered; none where it does not exist.
fn names(directory: &Path) -> Result<Vec<String>, Error> {
    let list = |source| Error::List {
        path: directory.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(list(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(
            entry
                .map_err(list)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    names.sort();
    Ok(names)
}

fn make(directory: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(directory).map_err(|source| Error::Copy {
        from: directory.to_owned(),
        to: directory.to_owned(),
        source,
    })
}

fn remove(directory: &Path) -> Result<(), Error> {
    std::fs::remove_dir_all(directory).map_err(|source| Error::List {
        path: directory.to_owned(),
        source,
    })
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |source| Error::Copy {
        from: from.to_owned(),
        to: to.to_owned(),
        source,
    };
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::copy(from, to).map(|_| ()).map_err(failed)
}

fn copy_tree(from: &Path, to: &Path) -> Result<usize, Error> {
    make(to)?;
    let mut copied = 0;
    for name in names(from)? {
        let (source, target) = (from.join(&name), to.join(&name));
        if source.is_dir() {
            copied += copy_tree(&source, &target)?;
        } else {
            copy(&source, &target)?;
            copied += 1;
        }
    }
    Ok(copied)
}
