//! Content by digest, and names for it, in a directory.
//!
//! ```text
//!   blobs/sha256/<hex>                    content: configurations, layers, manifests
//!   repositories/<name>/manifests/<hex>   which manifests a repository has; holds the media type
//!   repositories/<name>/tags/<tag>        holds the digest
//!   repositories/<name>/pulled/<tag>      the digest that came from a registry elsewhere
//!   layers/<hex>/                         unpacked layers by the digest of their archive
//!   cache/<hex>                           what a build step gave
//!   tmp/                                  half-made things; emptied on opening
//! ```
//!
//! **Guarantees:** a file appears under its final name complete or not at all (written beside it
//! and renamed), so nothing is half there after SIGKILL. Nothing is synced to the disk: an image can be built or
//! pulled again, and a sync costs milliseconds for every layer. After a power cut a file can therefore be
//! short; whatever is unpacked is checked against its digest, and a short one is reported by name.

mod garbage;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::Hashing;
use crate::{Digest, Error};

pub use garbage::Collected;

/// Content and names. Clones share the directory.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: Arc<PathBuf>,
}

impl Blobs {
    /// Opens a directory, making it where it is missing. One process at a time may have it open.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be made.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let root = std::path::absolute(root).map_err(Error::file("resolve", root))?;
        let temporary = root.join("tmp");
        if temporary.exists() {
            fs::remove_dir_all(&temporary).map_err(Error::file("empty", &temporary))?;
        }
        for part in ["blobs/sha256", "repositories", "layers", "cache", "tmp"] {
            let path = root.join(part);
            fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        }
        Ok(Self {
            root: Arc::new(root),
        })
    }

    /// Where the content of a digest is, whether or not it is there.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    pub(crate) fn layer_path(&self, diff_id: &Digest) -> PathBuf {
        self.root.join("layers").join(diff_id.hex())
    }

    pub(crate) fn cache_path(&self, key: &Digest) -> PathBuf {
        self.root.join("cache").join(key.hex())
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// A directory for half-made things, gone when dropped.
    pub(crate) fn temporary_directory(&self) -> Result<tempfile::TempDir, Error> {
        let temporary = self.temporary();
        tempfile::tempdir_in(&temporary).map_err(Error::file("create a directory in", temporary))
    }

    /// The length of some content, if it is there.
    pub fn size(&self, digest: &Digest) -> Option<u64> {
        fs::metadata(self.path(digest))
            .ok()
            .map(|metadata| metadata.len())
    }

    /// Some content as a whole; for small things.
    ///
    /// # Errors
    /// [`Error::MissingBlob`].
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, Error> {
        match fs::read(self.path(digest)) {
            Ok(bytes) => Ok(bytes),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Err(Error::MissingBlob {
                digest: digest.clone(),
            }),
            Err(source) => Err(Error::File {
                step: "read",
                path: self.path(digest),
                source,
            }),
        }
    }

    /// Keeps `bytes`.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        if self.size(&digest) != Some(bytes.len() as u64) {
            self.replace(&self.path(&digest), bytes)?;
        }
        Ok(digest)
    }

    /// A file beside the others, to be filled and then kept by [`Blobs::keep`].
    pub(crate) fn draft(&self) -> Result<Hashing<tempfile::NamedTempFile>, Error> {
        let temporary = self.temporary();
        let file = tempfile::NamedTempFile::new_in(&temporary)
            .map_err(Error::file("create a file in", temporary))?;
        Ok(Hashing::new(file))
    }

    /// Gives a draft its final name.
    pub(crate) fn keep(
        &self,
        draft: Hashing<tempfile::NamedTempFile>,
    ) -> Result<(Digest, u64), Error> {
        let (file, digest, size) = draft.finish();
        let path = self.path(&digest);
        file.persist(&path).map_err(|error| Error::File {
            step: "write",
            path,
            source: error.error,
        })?;
        Ok((digest, size))
    }

    /// Writes a file so that it is there complete or not at all.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let mut draft = self.draft()?;
        draft.write_all(bytes).map_err(Error::file("write", path))?;
        draft
            .inner
            .persist(path)
            .map(drop)
            .map_err(|error| Error::File {
                step: "write",
                path: path.to_owned(),
                source: error.error,
            })
    }

    /// Removes content. Unpacked layers stay until [`Blobs::collect_garbage`].
    ///
    /// # Errors
    /// [`Error::MissingBlob`].
    pub fn remove(&self, digest: &Digest) -> Result<(), Error> {
        fs::remove_file(self.path(digest)).map_err(|_| Error::MissingBlob {
            digest: digest.clone(),
        })
    }

    fn repository(&self, name: &str) -> PathBuf {
        // `+` and `=` are in no repository name, so no two names meet.
        self.root
            .join("repositories")
            .join(name.replace('/', "+").replace(':', "="))
    }

    /// All repositories that have a manifest, in order.
    pub fn repositories(&self) -> Vec<String> {
        let names = entries(&self.root.join("repositories"));
        let names = names.into_iter().filter(|name| {
            !entries(&self.root.join("repositories").join(name).join("manifests")).is_empty()
        });
        let mut names: Vec<String> = names
            .map(|name| name.replace('+', "/").replace('=', ":"))
            .collect();
        names.sort();
        names
    }

    /// The tags of a repository, in order; `None` where there is no such repository.
    pub fn tags(&self, name: &str) -> Option<Vec<String>> {
        let path = self.repository(name);
        path.is_dir().then(|| entries(&path.join("tags")))
    }

    /// The digest a tag names.
    pub fn tag(&self, name: &str, tag: &str) -> Option<Digest> {
        fs::read_to_string(self.repository(name).join("tags").join(tag))
            .ok()?
            .parse()
            .ok()
    }

    /// The media type of a manifest, if the repository has it.
    pub fn manifest_type(&self, name: &str, digest: &Digest) -> Option<String> {
        fs::read_to_string(self.repository(name).join("manifests").join(digest.hex())).ok()
    }

    /// The manifests of a repository with their media types, in order of their digests.
    pub fn manifests(&self, name: &str) -> Vec<(Digest, String)> {
        let names = entries(&self.repository(name).join("manifests"));
        let digests = names
            .into_iter()
            .filter_map(|hex| format!("sha256:{hex}").parse::<Digest>().ok());
        digests
            .filter_map(|digest| Some((digest.clone(), self.manifest_type(name, &digest)?)))
            .collect()
    }

    /// Takes a manifest into a repository, with tags.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn add_manifest(
        &self,
        name: &str,
        media_type: &str,
        bytes: &[u8],
        tags: &[&str],
    ) -> Result<Digest, Error> {
        let digest = self.write(bytes)?;
        let repository = self.repository(name);
        for part in ["manifests", "tags"] {
            let path = repository.join(part);
            fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        }
        self.replace(
            &repository.join("manifests").join(digest.hex()),
            media_type.as_bytes(),
        )?;
        for tag in tags {
            self.replace(
                &repository.join("tags").join(tag),
                digest.as_str().as_bytes(),
            )?;
        }
        Ok(digest)
    }

    /// Notes that a tag came from a registry elsewhere.
    pub(crate) fn mark_pulled(&self, name: &str, tag: &str) -> Result<(), Error> {
        let path = self.repository(name).join("pulled");
        fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        let digest = self.tag(name, tag).map(String::from).unwrap_or_default();
        self.replace(&path.join(tag), digest.as_bytes())
    }

    /// Whether what a tag names now came from a registry elsewhere.
    pub(crate) fn is_pulled(&self, name: &str, tag: &str) -> bool {
        let noted = fs::read_to_string(self.repository(name).join("pulled").join(tag)).ok();
        noted.is_some() && noted == self.tag(name, tag).map(String::from)
    }

    /// Removes a tag. Whether it was there.
    pub fn remove_tag(&self, name: &str, tag: &str) -> bool {
        fs::remove_file(self.repository(name).join("tags").join(tag)).is_ok()
    }

    /// Removes a manifest from a repository with all tags that name it. Whether it was there.
    pub fn remove_manifest(&self, name: &str, digest: &Digest) -> bool {
        let repository = self.repository(name);
        for tag in self.tags(name).unwrap_or_default() {
            if self.tag(name, &tag).as_ref() == Some(digest) {
                self.remove_tag(name, &tag);
            }
        }
        fs::remove_file(repository.join("manifests").join(digest.hex())).is_ok()
    }
}

/// The names in a directory, in order; none where there is no directory.
fn entries(directory: &Path) -> Vec<String> {
    let found = fs::read_dir(directory).into_iter().flatten();
    let sorted: BTreeSet<String> = found
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    sorted.into_iter().collect()
}
