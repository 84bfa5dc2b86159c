//! What a process changed, as a layer.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::archive::{Draft, Entry, Kind, Layer};
use super::{OPAQUE, WHITEOUT};
use crate::{Blobs, Error};

/// Places that the runtime fills for every container; what is seen there is no change of the image.
const RUNTIME_DIRECTORIES: [&str; 3] = ["proc", "sys", "dev"];
/// Files that the runtime mounts; where empty they are only the places it mounts them on.
const RUNTIME_FILES: [&str; 4] = ["etc/hosts", "etc/hostname", "etc/resolv.conf", ".dockerenv"];

/// An empty file, of which only the name matters.
const MARK: Entry = Entry {
    kind: Kind::Bytes(Vec::new()),
    mode: 0o644,
    uid: 0,
    gid: 0,
};

/// Makes a layer of a directory as overlayfs leaves it (`upper`): devices 0:0 and opaque marks become deletions.
/// `None` where nothing was changed.
///
/// # Errors
/// [`Error::File`] where something cannot be read.
pub fn changes(blobs: &Blobs, upper: &Path, modified: u64) -> Result<Option<Layer>, Error> {
    let mut walk = Walk {
        root: upper,
        draft: Draft::default(),
        inodes: BTreeMap::new(),
    };
    walk.directory(Path::new(""))?;
    if walk.draft.is_empty() {
        return Ok(None);
    }
    walk.draft.write(blobs, modified).map(Some)
}

struct Walk<'a> {
    root: &'a Path,
    draft: Draft,
    /// Files with several names, by device and number: the first name in order holds the content.
    inodes: BTreeMap<(u64, u64), PathBuf>,
}

impl Walk<'_> {
    fn directory(&mut self, relative: &Path) -> Result<(), Error> {
        let path = self.root.join(relative);
        let listed = fs::read_dir(&path).map_err(Error::file("list", &path))?;
        let mut names: Vec<_> = listed
            .filter_map(|entry| Some(entry.ok()?.file_name()))
            .collect();
        names.sort();
        for name in names {
            self.entry(&relative.join(name))?;
        }
        Ok(())
    }

    fn entry(&mut self, relative: &Path) -> Result<(), Error> {
        let path = self.root.join(relative);
        let metadata = fs::symlink_metadata(&path).map_err(Error::file("read", &path))?;
        let kind = metadata.file_type();
        if RUNTIME_DIRECTORIES
            .iter()
            .any(|owned| relative == Path::new(owned))
            || (metadata.len() == 0
                && RUNTIME_FILES
                    .iter()
                    .any(|owned| relative == Path::new(owned)))
        {
            return Ok(());
        }
        let mut entry = Entry {
            kind: Kind::Directory,
            mode: metadata.mode(),
            uid: owner(metadata.uid(), rustix::process::geteuid().as_raw()),
            gid: owner(metadata.gid(), rustix::process::getegid().as_raw()),
        };
        if kind.is_dir() {
            self.draft.add(relative.to_owned(), entry);
            if is_opaque(&path) {
                self.draft.add(relative.join(OPAQUE), MARK);
            }
            return self.directory(relative);
        }
        if kind.is_char_device() && metadata.rdev() == 0 {
            let name = relative.file_name().unwrap_or_default().to_string_lossy();
            self.draft
                .add(relative.with_file_name(format!("{WHITEOUT}{name}")), MARK);
            return Ok(());
        }
        entry.kind = if kind.is_symlink() {
            Kind::Symlink(fs::read_link(&path).map_err(Error::file("read", &path))?)
        } else if kind.is_fifo() {
            Kind::Fifo
        } else if kind.is_file() {
            self.file(relative, path, &metadata)
        } else {
            // Sockets and device nodes are not part of an image.
            return Ok(());
        };
        self.draft.add(relative.to_owned(), entry);
        Ok(())
    }

    fn file(&mut self, relative: &Path, path: PathBuf, metadata: &fs::Metadata) -> Kind {
        if metadata.nlink() > 1 {
            let inode = (metadata.dev(), metadata.ino());
            if let Some(first) = self.inodes.get(&inode) {
                return Kind::Hardlink(first.clone());
            }
            self.inodes.insert(inode, relative.to_owned());
        }
        Kind::File(path)
    }
}

/// Without privileges the builder's own user is root inside; every other id cannot be.
pub(crate) fn owner(id: u32, own: u32) -> u64 {
    if own == 0 || id != own {
        u64::from(id)
    } else {
        0
    }
}

fn is_opaque(path: &Path) -> bool {
    ["trusted.overlay.opaque", "user.overlay.opaque"]
        .iter()
        .any(|name| {
            let mut value = [0_u8; 8];
            matches!(rustix::fs::lgetxattr(path, *name, &mut value), Ok(1) if value[0] == b'y')
        })
}
