//! The bare repositories of one data directory, and which URL means which.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::remote::Remotes;
use crate::{Error, Git, Name, Repository, normalise};

/// What a set of repositories needs to know.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Where the repositories are; made if it is missing.
    pub directory: PathBuf,
    /// The program.
    pub git: Git,
    /// Under which URL the router is reached, such as `http://127.0.0.1:3000/git`.
    pub base_url: String,
}

/// All repositories that can be read: those of this server, and those elsewhere through a cache.
/// Clones share everything.
#[derive(Clone)]
pub struct Repositories(Arc<Inner>);

struct Inner {
    configuration: Configuration,
    /// Normalised URLs that stand for a local repository.
    aliases: RwLock<BTreeMap<String, Name>>,
    remotes: Remotes,
}

impl Repositories {
    /// Opens the directory.
    ///
    /// # Errors
    /// [`Error::Directory`] where it cannot be made.
    pub fn open_directory(configuration: Configuration) -> Result<Self, Error> {
        let directory = std::path::absolute(&configuration.directory)
            .map_err(Error::directory("resolve", &configuration.directory))?;
        let remotes = directory.join(".remotes");
        std::fs::create_dir_all(&remotes).map_err(Error::directory("create", &remotes))?;
        let remotes = Remotes::new(configuration.git.clone(), remotes);
        let base_url = configuration.base_url.trim_end_matches('/').to_owned();
        let configuration = Configuration {
            directory,
            base_url,
            ..configuration
        };
        Ok(Self(Arc::new(Inner {
            configuration,
            aliases: RwLock::default(),
            remotes,
        })))
    }

    pub(crate) fn git(&self) -> &Git {
        &self.0.configuration.git
    }

    pub(crate) fn path(&self, name: &Name) -> PathBuf {
        self.0.configuration.directory.join(format!("{name}.git"))
    }

    /// Where `git clone` finds the repository.
    pub fn url(&self, name: &Name) -> String {
        format!("{}/{name}.git", self.0.configuration.base_url)
    }

    /// Whether the repository is there.
    pub fn exists(&self, name: &Name) -> bool {
        self.path(name).join("HEAD").is_file()
    }

    /// The names of all local repositories, in order.
    ///
    /// # Errors
    /// [`Error::Directory`] where the directory cannot be read.
    pub fn names(&self) -> Result<Vec<Name>, Error> {
        let directory = &self.0.configuration.directory;
        let entries = std::fs::read_dir(directory).map_err(Error::directory("list", directory))?;
        let mut names: Vec<Name> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|file| {
                Path::new(file)
                    .extension()
                    .is_some_and(|extension| extension == "git")
            })
            .filter_map(|file| Name::parse(&file).ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Makes an empty bare repository whose `HEAD` names `default_branch`; one that is there
    /// already stays as it is, but for its `HEAD`.
    ///
    /// It is made beside its place and moved there, so a crash leaves nothing half made.
    ///
    /// # Errors
    /// [`Error::Git`] where the branch's name is not one.
    pub async fn create(&self, name: &Name, default_branch: &str) -> Result<Repository, Error> {
        let path = self.path(name);
        if self.exists(name) {
            self.point_head(&path, default_branch).await?;
            return self.local(name);
        }
        let parent = &self.0.configuration.directory;
        let staging = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(parent)
            .map_err(Error::directory("create a directory in", parent))?;
        let branch = format!("--initial-branch={default_branch}");
        let target = staging.path().join("bare");
        let arguments = [
            "init".as_ref(),
            "--bare".as_ref(),
            "--quiet".as_ref(),
            "--template=".as_ref(),
        ];
        let arguments = [&arguments[..], &[branch.as_ref(), target.as_os_str()]].concat();
        self.git().run(parent, &arguments).await?;
        match tokio::fs::rename(&target, &path).await {
            // Two creators at once: the other one's is as good.
            Err(_) if self.exists(name) => {}
            Err(source) => {
                return Err(Error::Directory {
                    step: "create",
                    path,
                    source,
                });
            }
            Ok(()) => {}
        }
        self.local(name)
    }

    async fn point_head(&self, path: &Path, default_branch: &str) -> Result<(), Error> {
        let wanted = format!("refs/heads/{default_branch}");
        let head = path.join("HEAD");
        let present = tokio::fs::read_to_string(&head)
            .await
            .map_err(Error::directory("read", &head))?;
        if present.trim() == format!("ref: {wanted}") {
            return Ok(());
        }
        self.git()
            .run(path, &["symbolic-ref", "HEAD", &wanted])
            .await
            .map(drop)
    }

    /// Deletes a repository with all its history. One that is not there is no error.
    ///
    /// # Errors
    /// [`Error::Directory`] where files cannot be removed.
    pub async fn remove(&self, name: &Name) -> Result<(), Error> {
        self.stand_in(name, &[]);
        let path = self.path(name);
        match tokio::fs::remove_dir_all(&path).await {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::Directory {
                step: "remove",
                path,
                source,
            }),
            _ => Ok(()),
        }
    }

    /// Says which URLs stand for the repository `name`, in place of those said before. A URL that
    /// stands for another one stays there; those are given back with their owners.
    pub fn stand_in(&self, name: &Name, urls: &[String]) -> Vec<(String, Name)> {
        let mut aliases = self
            .0
            .aliases
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        aliases.retain(|_, owner| owner != name);
        let mut taken = Vec::new();
        for url in urls {
            match aliases.entry(normalise(url)) {
                Entry::Vacant(entry) => drop(entry.insert(name.clone())),
                Entry::Occupied(entry) if entry.get() != name => {
                    taken.push((url.clone(), entry.get().clone()));
                }
                Entry::Occupied(_) => {}
            }
        }
        taken
    }

    /// The local repository that a URL or a plain name means, if any: an alias, a URL under this
    /// server's own, or a name.
    pub fn local_name(&self, url_or_name: &str) -> Option<Name> {
        let wanted = normalise(url_or_name);
        let aliases = self
            .0
            .aliases
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = aliases.get(&wanted) {
            return Some(name.clone());
        }
        let own = format!("{}/", normalise(&self.0.configuration.base_url));
        let plain = wanted.strip_prefix(&own).unwrap_or(&wanted);
        Name::parse(plain).ok().filter(|name| self.exists(name))
    }

    /// The repository of this server with that name.
    ///
    /// # Errors
    /// [`Error::UnknownRepository`].
    pub fn local(&self, name: &Name) -> Result<Repository, Error> {
        if !self.exists(name) {
            return Err(Error::UnknownRepository {
                name: name.to_string(),
            });
        }
        Ok(Repository::new(
            self.git().clone(),
            self.path(name),
            name.to_string(),
        ))
    }

    /// The repository that a URL or a name means. One that is not here is fetched into a cache
    /// over HTTPS; asking again fetches again, so the answer is as fresh as the moment of asking.
    ///
    /// # Errors
    /// [`Error::Url`] for a URL of another kind, [`Error::Remote`] where it does not answer,
    /// [`Error::UnknownRepository`] for a plain name that nobody has.
    pub async fn open(&self, url_or_name: &str) -> Result<Repository, Error> {
        if let Some(name) = self.local_name(url_or_name) {
            return self.local(&name);
        }
        let own = format!("{}/", normalise(&self.0.configuration.base_url));
        if !url_or_name.contains([':', '/']) || normalise(url_or_name).starts_with(&own) {
            return Err(Error::UnknownRepository {
                name: url_or_name.to_owned(),
            });
        }
        self.0.remotes.open(url_or_name).await
    }

    /// [`Repositories::open`], then [`Repository::resolve`].
    ///
    /// # Errors
    /// Those of both.
    pub async fn resolve(
        &self,
        url_or_name: &str,
        revision: &str,
    ) -> Result<(Repository, String), Error> {
        let repository = self.open(url_or_name).await?;
        let commit = repository.resolve(revision).await?;
        Ok((repository, commit))
    }
}
