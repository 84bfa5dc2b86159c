//! From layers to overlay mounts.
//!
//! The root is one overlay. Each directory of the machine that `seatrial/host` shows is another one
//! on top of it, because an overlay does not see what is mounted in its layers: its lowers are the
//! same-named directories of the image's layers with the machine's own at the bottom, and its upper
//! lies within the root's upper, so that all changes together are one tree.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::runtime::sandbox::host::{HostBase, inside};
use crate::runtime::sandbox::protocol::Overlay;
use crate::runtime::sandbox::remove_tree;

/// The overlays of a root file system, and what of them is to be removed again.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) overlays: Vec<Overlay>,
    pub(super) upper: PathBuf,
    pub(super) work: PathBuf,
    /// Directories made in `upper` for mounts, parents first, relative to it.
    pub(super) made: Vec<PathBuf>,
    history: History,
}

/// Whether an earlier process has written to the same `upper`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum History {
    None,
    Some,
}

/// Plans the mounts, and makes the directories that they need below `writable`.
pub(super) fn plan(
    layers: &[PathBuf],
    base: Option<&HostBase>,
    writable: &Path,
) -> io::Result<Plan> {
    let (upper, work) = (writable.join("upper"), writable.join("work"));
    let history = if upper.exists() {
        History::Some
    } else {
        History::None
    };
    make_directory(&upper)?;
    // Scratch data of an earlier mount makes a later one fail.
    remove_tree(&work)?;
    fs::create_dir_all(&work)?;
    let mut made = Vec::new();
    let skeleton = base.map(|base| base.skeleton.clone());
    let lowers = skeleton
        .iter()
        .cloned()
        .chain(layers.iter().cloned())
        .collect();
    let mut plan = Plan {
        overlays: Vec::new(),
        upper,
        work,
        made: Vec::new(),
        history,
    };
    plan.add(Path::new("/"), lowers)?;
    for directory in base.iter().flat_map(|base| &base.directories) {
        let name = inside(directory);
        make_parents(&plan.upper, name, &mut made)?;
        let stack = std::iter::once(directory.clone())
            .chain(skeleton.iter().map(|skeleton| skeleton.join(name)))
            .chain(layers.iter().map(|layer| layer.join(name)));
        plan.add(directory, visible(stack))?;
    }
    plan.made = made;
    Ok(plan)
}

impl Plan {
    fn add(&mut self, target: &Path, mut lowers: Vec<PathBuf>) -> io::Result<()> {
        let work = self.work.join(self.overlays.len().to_string());
        fs::create_dir(&work)?;
        if lowers.is_empty() {
            // An overlay needs one.
            let empty = self.work.join("empty");
            make_directory(&empty)?;
            lowers.push(empty);
        }
        let upper = self.upper.join(inside(target));
        self.overlays.push(Overlay {
            target: target.to_path_buf(),
            lowers,
            upper,
            work,
        });
        Ok(())
    }

    /// Leaves in `upper` only what the container wrote: `created` are mount points made inside.
    pub(super) fn clean_up(&self, created: &[PathBuf]) {
        for path in created.iter().rev() {
            let path = self.upper.join(inside(path));
            // A directory that something was written to stays, and so does a file.
            if fs::remove_dir(&path).is_err() && is_empty_file(&path) {
                let _ = fs::remove_file(&path);
            }
            if self.history == History::None {
                self.remove_copied_parents(&path);
            }
        }
        for path in self.made.iter().rev() {
            let _ = fs::remove_dir(self.upper.join(path));
        }
        let _ = remove_tree(&self.work);
    }

    /// Making a mount point copies the directories above it into `upper`.
    fn remove_copied_parents(&self, path: &Path) {
        for parent in path
            .ancestors()
            .skip(1)
            .take_while(|parent| **parent != *self.upper)
        {
            if fs::remove_dir(parent).is_err() {
                return;
            }
        }
    }
}

fn is_empty_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0)
}

/// Of the same directory in several layers, the lowest first, those that are seen: what is below a
/// deletion, a file or a link of that name is not.
fn visible(stack: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    for directory in stack {
        match fs::symlink_metadata(&directory) {
            Ok(metadata) if metadata.is_dir() => seen.push(directory),
            Ok(metadata) if metadata.file_type().is_char_device() => seen.clear(),
            Ok(_) | Err(_) => {}
        }
    }
    seen
}

fn make_parents(upper: &Path, name: &Path, made: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut path = PathBuf::new();
    for part in name.components() {
        path.push(part);
        if !upper.join(&path).exists() {
            make_directory(&upper.join(&path))?;
            made.push(path.clone());
        }
    }
    Ok(())
}

/// With the permissions that everyone inside needs, whatever the umask.
fn make_directory(path: &Path) -> io::Result<()> {
    if !path.exists() {
        fs::create_dir_all(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_directories_get_the_same_named_ones_of_the_layers_above_them() {
        let root = tempfile::tempdir().unwrap();
        let (skeleton, machine, layer, bare) = (
            root.path().join("skeleton"),
            root.path().join("machine"),
            root.path().join("layer"),
            root.path().join("bare"),
        );
        for directory in [&skeleton, &machine, &layer, &bare] {
            fs::create_dir_all(directory).unwrap();
        }
        fs::create_dir_all(layer.join(inside(&machine))).unwrap();
        let base = HostBase {
            skeleton: skeleton.clone(),
            directories: vec![machine.clone()],
        };
        let layers = [layer.clone(), bare.clone()];
        let writable = root.path().join("writable");
        let plan = plan(&layers, Some(&base), &writable).unwrap();
        assert_eq!(plan.overlays[0].lowers, [skeleton, layer.clone(), bare]);
        assert_eq!(
            plan.overlays[1].lowers,
            [machine.clone(), layer.join(inside(&machine))]
        );
        assert_eq!(
            plan.overlays[1].upper,
            writable.join("upper").join(inside(&machine))
        );
        plan.clean_up(&[]);
        assert_eq!(fs::read_dir(writable.join("upper")).unwrap().count(), 0);
    }
}
