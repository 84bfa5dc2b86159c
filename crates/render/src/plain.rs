//! A folder of plain manifests.

use crate::{Error, Files, Object, parse_manifest};

/// Whether folders below count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Only files in the folder itself.
    Here,
    /// Files in folders below it as well.
    All,
}

/// Reads every `.yaml`, `.yml` and `.json` file of `folder` that `wanted` accepts (by its path from
/// `folder`), in order of their paths.
///
/// # Errors
/// [`Error::NoFolder`], or [`Error::Malformed`] with file and line.
pub fn load(
    files: &Files,
    folder: &str,
    depth: Depth,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Object>, Error> {
    let folder = folder.trim_matches('/').trim_start_matches("./");
    let folder = if folder == "." { "" } else { folder };
    if !files.is_folder(folder) {
        return Err(Error::NoFolder {
            folder: folder.to_owned(),
        });
    }
    let mut objects = Vec::new();
    for (path, bytes) in files.below(folder) {
        let inner = path[folder.len()..].trim_start_matches('/');
        let extension = inner.rsplit('.').next().unwrap_or_default();
        let is_manifest = matches!(extension, "yaml" | "yml" | "json");
        if is_manifest && (depth == Depth::All || !inner.contains('/')) && wanted(inner) {
            objects.extend(parse_manifest(path, bytes)?);
        }
    }
    Ok(objects)
}
