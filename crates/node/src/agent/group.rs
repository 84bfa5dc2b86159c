//! `fsGroup`: volumes that belong to a group of the pod.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use k8s_openapi::api::core::v1::Pod;

/// The group that the pod's volumes are to belong to.
pub(super) fn of(pod: &Pod) -> Option<u32> {
    let context = pod.spec.as_ref()?.security_context.as_ref()?;
    context.fs_group?.try_into().ok()
}

/// What the group may do with a volume's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    /// Read and write; what is made later belongs to the group too.
    Write,
    /// Read: files that the node writes.
    Read,
}

/// Gives a directory with all that is in it to the group. As upstream, nothing is done where it is
/// right at the top and what lies below came later.
pub(super) fn give(directory: &Path, group: u32, rights: Rights) -> io::Result<()> {
    let top = fs::symlink_metadata(directory)?;
    if rights == Rights::Write && top.gid() == group && top.mode() & 0o2070 == 0o2070 {
        return Ok(());
    }
    give_all(directory, group, rights)
}

fn give_all(path: &Path, group: u32, rights: Rights) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    std::os::unix::fs::lchown(path, None, Some(group))?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let more = match (metadata.is_dir(), rights) {
        // A directory hands its group on.
        (true, _) => 0o2070,
        (false, Rights::Write) => 0o060,
        (false, Rights::Read) => 0o040,
    };
    let mode = metadata.mode() & 0o7777 | more;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            give_all(&entry?.path(), group, rights)?;
        }
    }
    Ok(())
}
