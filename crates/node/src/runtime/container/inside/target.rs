//! Paths of a root file system that is not entered yet.
//!
//! An image decides where its symbolic links lead. Every path is therefore resolved by the kernel
//! with the container's root as the root, so that a link to `/etc` means the container's own.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::runtime::sandbox::protocol::Report;

/// Whether a directory or a file is needed at a mount point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Directory,
    File,
}

/// The path by which the kernel finds an open file or directory again.
pub(super) fn by_descriptor(descriptor: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", descriptor.as_raw_fd())
}

/// Where a file in `root` really lies, without links.
fn real_path(root: &OwnedFd, file: &OwnedFd) -> io::Result<PathBuf> {
    let (root, file) = (
        fs::read_link(by_descriptor(root))?,
        fs::read_link(by_descriptor(file))?,
    );
    Ok(Path::new("/").join(file.strip_prefix(root).map_err(io::Error::other)?))
}

/// Opens any path of the machine, only to name it.
pub(super) fn open_path(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// Opens `path` in `root`, only to name it.
pub(super) fn open_in(root: &OwnedFd, path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    rustix::fs::openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)
}

/// Opens a mount point in `root`. What is missing of its path is made, and reported.
pub(super) fn mount_point(
    root: &OwnedFd,
    path: &Path,
    shape: Shape,
    report: &mut Report,
) -> io::Result<OwnedFd> {
    let plain: PathBuf = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect();
    match open_in(root, &plain) {
        Err(Errno::NOENT) => {}
        other => return Ok(other?),
    }
    let (Some(parent), Some(name)) = (plain.parent(), plain.file_name()) else {
        return Err(Errno::NOENT.into());
    };
    let parent = if parent == Path::new("") {
        root.try_clone()?
    } else {
        mount_point(root, parent, Shape::Directory, report)?
    };
    match shape {
        Shape::Directory => rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755))?,
        Shape::File => {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            drop(rustix::fs::openat(
                &parent,
                name,
                flags,
                Mode::from_raw_mode(0o644),
            )?);
        }
    }
    let made = open_in(root, &plain)?;
    report.created.push(real_path(root, &made)?);
    Ok(made)
}
