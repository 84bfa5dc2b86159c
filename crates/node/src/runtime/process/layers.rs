//! What an image's layers add up to.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What marks a deletion, before the name of what was deleted.
pub(super) const DELETED: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// The files of an image: where each of them lies in the layers.
pub(super) type Files = BTreeMap<PathBuf, (PathBuf, Metadata)>;

/// Puts what lies below a directory of a layer over what lower layers have there.
pub(super) fn add_layer(layer: &Path, below: &Path, files: &mut Files) -> io::Result<()> {
    let directory = layer.join(below);
    let mut entries: Vec<_> = fs::read_dir(&directory)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    // What is deleted lies in lower layers, whatever this one has at the same place.
    for entry in &entries {
        let name = entry.file_name();
        if name == OPAQUE {
            forget_below(files, below);
        } else if let Some(deleted) = name.as_bytes().strip_prefix(DELETED.as_bytes()) {
            let path = below.join(OsStr::from_bytes(deleted));
            forget_below(files, &path);
            files.remove(&path);
        }
    }
    for entry in entries {
        if entry.file_name().as_bytes().starts_with(DELETED.as_bytes()) {
            continue;
        }
        let path = below.join(entry.file_name());
        let metadata = entry.path().symlink_metadata()?;
        if !metadata.is_dir() {
            forget_below(files, &path);
        }
        let is_directory = metadata.is_dir();
        files.insert(path.clone(), (entry.path(), metadata));
        if is_directory {
            add_layer(layer, &path, files)?;
        }
    }
    Ok(())
}

fn forget_below(files: &mut Files, directory: &Path) {
    files.retain(|path, _| path == directory || !path.starts_with(directory));
}
