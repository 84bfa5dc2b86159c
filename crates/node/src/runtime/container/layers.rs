//! Image layers as overlayfs needs them.
//!
//! An unpacked OCI layer marks deletions by files called `.wh.NAME`. Overlayfs wants a character
//! device 0:0 called NAME instead, and an attribute where a directory hides all below it. A layer
//! without deletions is used as it is; of others a copy is made, with hard links for its files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, FileType, Mode, XattrFlags};

use crate::runtime::Error;

const DELETED: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// Layers by their directory, with the directory to use for each.
pub(super) struct Layers {
    directory: PathBuf,
    known: Mutex<BTreeMap<PathBuf, PathBuf>>,
}

impl Layers {
    /// Keeps copies in `directory`, which is emptied.
    pub(super) fn new(directory: PathBuf) -> io::Result<Self> {
        crate::runtime::sandbox::remove_tree(&directory)?;
        fs::create_dir_all(&directory)?;
        Ok(Self {
            directory,
            known: Mutex::default(),
        })
    }

    /// The directory to use for a layer.
    pub(super) fn usable(&self, layer: &Path) -> Result<PathBuf, Error> {
        // Held meanwhile: two containers of one image often start together.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(usable) = known.get(layer) {
            return Ok(usable.clone());
        }
        let failed = |source| Error::PrepareRoot {
            step: format!("read the layer {}", layer.display()),
            source,
        };
        let usable = if has_deletions(layer).map_err(failed)? {
            let copy = self.directory.join(known.len().to_string());
            convert(layer, &copy).map_err(failed)?;
            copy
        } else {
            layer.to_path_buf()
        };
        known.insert(layer.to_path_buf(), usable.clone());
        Ok(usable)
    }
}

fn has_deletions(directory: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().as_bytes().starts_with(DELETED.as_bytes()) {
            return Ok(true);
        }
        if entry.file_type()?.is_dir() && has_deletions(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn convert(from: &Path, to: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == OPAQUE {
            rustix::fs::setxattr(to, "user.overlay.opaque", b"y", XattrFlags::empty())?;
        } else if let Some(deleted) = name.as_bytes().strip_prefix(DELETED.as_bytes()) {
            let deleted = to.join(std::ffi::OsStr::from_bytes(deleted));
            // Needs no privilege with these numbers.
            rustix::fs::mknodat(CWD, deleted, FileType::CharacterDevice, Mode::empty(), 0)?;
        } else if entry.file_type()?.is_dir() {
            convert(&entry.path(), &to.join(name))?;
        } else if entry.file_type()?.is_symlink() {
            symlink(fs::read_link(entry.path())?, to.join(name))?;
        } else if fs::hard_link(entry.path(), to.join(&name)).is_err() {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    fs::set_permissions(to, metadata.permissions())?;
    // Only root can, and only root's layers have other owners.
    let _ = chown(to, Some(metadata.uid()), Some(metadata.gid()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileTypeExt;

    use super::*;

    #[test]
    fn deletions_are_converted_and_other_layers_used_as_they_are() {
        let root = tempfile::tempdir().unwrap();
        let (plain, marked) = (root.path().join("plain"), root.path().join("marked"));
        fs::create_dir_all(plain.join("app")).unwrap();
        fs::create_dir_all(marked.join("app")).unwrap();
        fs::write(marked.join("app/.wh.old"), "").unwrap();
        fs::write(marked.join("app/new"), "new").unwrap();
        let layers = Layers::new(root.path().join("layers")).unwrap();
        assert_eq!(layers.usable(&plain).unwrap(), plain);
        let usable = layers.usable(&marked).unwrap();
        assert!(
            fs::symlink_metadata(usable.join("app/old"))
                .unwrap()
                .file_type()
                .is_char_device()
        );
        assert_eq!(fs::read_to_string(usable.join("app/new")).unwrap(), "new");
        assert_eq!(layers.usable(&marked).unwrap(), usable);
    }
}
