//! A container's files, copied into a directory; and what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::layers::{DELETED, Files, add_layer};
use crate::runtime::Mount;
use crate::runtime::sandbox::host::inside;
use crate::runtime::sandbox::remove_tree;

/// Directories that programs expect, which are no changes of theirs.
const EXPECTED: [(&str, u32); 2] = [("tmp", 0o1777), ("root", 0o755)];

/// A container's files.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) directory: PathBuf,
    upper: PathBuf,
    hidden: PathBuf,
    image: Files,
    /// Where mounts lie, and whether the image's own file is hidden meanwhile.
    placed: BTreeMap<PathBuf, Option<PathBuf>>,
}

impl Root {
    /// Copies the layers, unless an earlier process with the same `writable` has had them.
    pub(super) fn make(layers: &[PathBuf], writable: &Path) -> io::Result<Self> {
        let directory = writable.join("root");
        let mut image = Files::new();
        for layer in layers {
            add_layer(layer, Path::new(""), &mut image)?;
        }
        if !directory.exists() {
            // Under another name first: half a copy must not be taken for a whole one.
            let copy = writable.join("root.new");
            remove_tree(&copy)?;
            copy_files(&image, &copy)?;
            fs::rename(copy, &directory)?;
        }
        let (upper, hidden) = (writable.join("upper"), writable.join("work"));
        let root = Self {
            directory,
            upper,
            hidden,
            image,
            placed: BTreeMap::new(),
        };
        for (name, mode) in EXPECTED {
            let path = root.directory.join(name);
            if !path.exists() {
                fs::create_dir(&path)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            }
        }
        Ok(root)
    }

    /// Makes a mount's target lead to its source.
    pub(super) fn place(&mut self, mount: &Mount) -> io::Result<()> {
        fs::metadata(&mount.source)?;
        let name = inside(&mount.target).to_path_buf();
        let target = self.directory.join(&name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut kept = None;
        if target.symlink_metadata().is_ok() {
            fs::create_dir_all(&self.hidden)?;
            let place = self.hidden.join(self.placed.len().to_string());
            remove_tree(&place)?;
            fs::rename(&target, &place)?;
            kept = Some(place);
        }
        symlink(&mount.source, &target)?;
        self.placed.insert(name, kept);
        Ok(())
    }

    /// Takes the mounts away and leaves in `upper` what has changed, as an overlay would.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        for (name, kept) in std::mem::take(&mut self.placed).into_iter().rev() {
            let target = self.directory.join(&name);
            fs::remove_file(&target)?;
            match kept {
                Some(kept) => fs::rename(kept, &target)?,
                None => remove_new_parents(&self.directory, &name, &self.image),
            }
        }
        remove_tree(&self.upper)?;
        fs::create_dir_all(&self.upper)?;
        let mut seen = BTreeSet::new();
        self.collect_changes(Path::new(""), &mut seen)?;
        let deleted = self.image.keys().filter(|name| !seen.contains(*name));
        for name in deleted {
            // A directory's deletion says all about what was in it.
            if name
                .parent()
                .is_none_or(|parent| parent == Path::new("") || seen.contains(parent))
            {
                mark_deleted(&self.upper.join(name))?;
            }
        }
        Ok(())
    }

    fn collect_changes(&self, below: &Path, seen: &mut BTreeSet<PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(self.directory.join(below))? {
            let entry = entry?;
            let name = below.join(entry.file_name());
            let (path, metadata) = (entry.path(), entry.path().symlink_metadata()?);
            let original = self.image.get(&name);
            if !original.is_some_and(|(_, original)| is_same(original, &metadata)) {
                self.keep(&name, &path, &metadata)?;
            }
            if metadata.is_dir() {
                self.collect_changes(&name, seen)?;
            }
            seen.insert(name);
        }
        Ok(())
    }

    fn keep(&self, name: &Path, path: &Path, metadata: &Metadata) -> io::Result<()> {
        let target = self.upper.join(name);
        let expected = EXPECTED
            .iter()
            .any(|(expected, _)| Path::new(expected) == name);
        if expected && !self.image.contains_key(name) && fs::read_dir(path)?.next().is_none() {
            return Ok(());
        }
        self.copy_parents(name)?;
        if metadata.is_dir() {
            copy_directory(path, &target)
        } else if metadata.is_symlink() {
            symlink(fs::read_link(path)?, target)
        } else if metadata.is_file() {
            fs::hard_link(path, &target).or_else(|_| copy_file(path, &target))
        } else {
            // Sockets and pipes mean nothing without the process that made them.
            Ok(())
        }
    }

    fn copy_parents(&self, name: &Path) -> io::Result<()> {
        let mut path = PathBuf::new();
        for part in name.parent().into_iter().flat_map(Path::components) {
            path.push(part);
            if !self.upper.join(&path).exists() {
                copy_directory(&self.directory.join(&path), &self.upper.join(&path))?;
            }
        }
        Ok(())
    }
}

/// Parents come before what they contain, in the order of a map of paths.
fn copy_files(files: &Files, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for (name, (source, metadata)) in files {
        let target = to.join(name);
        if metadata.is_dir() {
            fs::create_dir_all(&target)?;
        } else if metadata.is_symlink() {
            symlink(fs::read_link(source)?, target)?;
        } else {
            copy_file(source, &target)?;
        }
    }
    for (name, (_, metadata)) in files {
        if metadata.is_dir() {
            fs::set_permissions(to.join(name), metadata.permissions())?;
        }
    }
    Ok(())
}

/// Not a hard link: the process may write into the file. Its time is kept, to tell later whether it
/// did.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    let modified = fs::symlink_metadata(from)?.modified()?;
    match fs::File::open(to).and_then(|file| file.set_modified(modified)) {
        // A file that even its owner may not read.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::symlink_metadata(from)?.permissions())
}

fn is_same(original: &Metadata, now: &Metadata) -> bool {
    let content = |metadata: &Metadata| {
        let file = (metadata.is_file() || metadata.is_symlink()).then_some(metadata.size());
        let time = metadata
            .is_file()
            .then(|| (metadata.mtime(), metadata.mtime_nsec()));
        (metadata.mode(), file, time)
    };
    content(original) == content(now)
}

fn remove_new_parents(root: &Path, name: &Path, image: &Files) {
    for parent in name
        .ancestors()
        .skip(1)
        .filter(|parent| *parent != Path::new(""))
    {
        if image.contains_key(parent) || fs::remove_dir(root.join(parent)).is_err() {
            return;
        }
    }
}

/// As overlayfs does; where that is refused, as an OCI layer does.
fn mark_deleted(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    #[cfg(target_os = "linux")]
    if rustix::fs::mknodat(
        rustix::fs::CWD,
        path,
        rustix::fs::FileType::CharacterDevice,
        rustix::fs::Mode::empty(),
        0,
    )
    .is_ok()
    {
        return Ok(());
    }
    let mut name = std::ffi::OsString::from(DELETED);
    name.push(path.file_name().unwrap_or_default());
    fs::write(path.with_file_name(name), "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Access;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn listing(root: &Path) -> Vec<String> {
        fn walk(root: &Path, below: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(root.join(below)).unwrap() {
                let name = below.join(entry.unwrap().file_name());
                found.push(name.to_string_lossy().into_owned());
                if root.join(&name).symlink_metadata().unwrap().is_dir() {
                    walk(root, &name, found);
                }
            }
        }
        let mut found = Vec::new();
        walk(root, Path::new(""), &mut found);
        found.sort();
        found
    }

    #[test]
    fn layers_are_applied_in_order_with_their_deletions() {
        let temporary = tempfile::tempdir().unwrap();
        let (one, two) = (temporary.path().join("1"), temporary.path().join("2"));
        for name in ["app/a", "app/b", "data/x", "kind"] {
            write(&one, name, "1");
        }
        for (name, text) in [
            ("app/.wh.a", ""),
            ("data/.wh..wh..opq", ""),
            ("data/y", "2"),
            ("kind/now", "directory"),
        ] {
            write(&two, name, text);
        }
        let root = Root::make(&[one, two], &temporary.path().join("w")).unwrap();
        assert_eq!(
            listing(&root.directory),
            [
                "app", "app/b", "data", "data/y", "kind", "kind/now", "root", "tmp"
            ]
        );
    }

    #[test]
    fn changes_are_told_as_an_overlay_would() {
        let temporary = tempfile::tempdir().unwrap();
        let layer = temporary.path().join("layer");
        for name in [
            "app/same",
            "app/changed",
            "app/gone",
            "old/deep/file",
            "data/hidden",
        ] {
            write(&layer, name, "1");
        }
        let volume = temporary.path().join("volume");
        fs::create_dir(&volume).unwrap();
        let mut root =
            Root::make(std::slice::from_ref(&layer), &temporary.path().join("w")).unwrap();
        for target in ["/data", "/var/lib/new"] {
            let mount = Mount {
                source: volume.clone(),
                target: target.into(),
                access: Access::ReadWrite,
            };
            root.place(&mount).unwrap();
        }
        let directory = root.directory.clone();
        write(&directory, "app/changed", "22");
        write(&directory, "made/file", "new");
        write(&directory, "data/in-volume", "v");
        fs::remove_file(directory.join("app/gone")).unwrap();
        fs::remove_dir_all(directory.join("old")).unwrap();
        root.finish().unwrap();
        let upper = temporary.path().join("w/upper");
        assert_eq!(
            listing(&upper),
            ["app", "app/changed", "app/gone", "made", "made/file", "old"]
        );
        assert!(!upper.join("old").is_dir());
        assert!(volume.join("in-volume").exists());
        assert_eq!(fs::read_to_string(layer.join("app/changed")).unwrap(), "1");
        // The next process goes on from there, and what it leaves is the sum.
        let mut root = Root::make(&[layer], &temporary.path().join("w")).unwrap();
        assert_eq!(
            fs::read_to_string(directory.join("app/changed")).unwrap(),
            "22"
        );
        assert!(directory.join("data/hidden").exists());
        root.finish().unwrap();
        assert_eq!(
            listing(&upper),
            ["app", "app/changed", "app/gone", "made", "made/file", "old"]
        );
    }
}
