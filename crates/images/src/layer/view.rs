//! The files of an image as its processes would see them, without mounting anything.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::path::{Component, Path, PathBuf};

use super::{OPAQUE, WHITEOUT};

/// How many links a path may lead through.
const LINK_LIMIT: usize = 40;

/// Layers over one another. Reading only.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The highest first.
    layers: Vec<PathBuf>,
}

/// Something in a view.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Where it really is.
    pub(crate) source: PathBuf,
    pub(crate) metadata: Metadata,
}

impl View {
    /// A view of layer directories, the lowest first.
    pub fn new(lowest_first: &[PathBuf]) -> Self {
        Self {
            layers: lowest_first.iter().rev().cloned().collect(),
        }
    }

    /// What is at a path without following a link there. Parents must be free of links; see [`View::resolve`].
    pub(crate) fn lookup(&self, path: &Path) -> Option<Found> {
        for layer in &self.layers {
            let candidate = layer.join(path);
            if let Ok(metadata) = fs::symlink_metadata(&candidate) {
                return Some(Found {
                    source: candidate,
                    metadata,
                });
            }
            if hides(layer, path) {
                return None;
            }
        }
        None
    }

    /// The path with links in its parents, and (where asked) in its last part, followed inside the view.
    /// Parts that do not exist are kept. `None` for a circle of links.
    pub(crate) fn resolve(&self, path: &Path, last: Last) -> Option<PathBuf> {
        let mut todo: Vec<OsString> = components(path).rev().collect();
        let mut done = PathBuf::new();
        let mut hops = 0;
        while let Some(part) = todo.pop() {
            if part == ".." {
                done.pop();
                continue;
            }
            let next = done.join(&part);
            let follow = !todo.is_empty() || last == Last::Follow;
            let found = if follow { self.lookup(&next) } else { None };
            let Some(found) = found.filter(|found| found.metadata.is_symlink()) else {
                done = next;
                continue;
            };
            hops += 1;
            let link = fs::read_link(&found.source)
                .ok()
                .filter(|_| hops <= LINK_LIMIT)?;
            if link.is_absolute() {
                done = PathBuf::new();
            }
            todo.extend(components(&link).rev().collect::<Vec<_>>());
        }
        Some(done)
    }

    /// The names in a directory, in order.
    pub(crate) fn list(&self, path: &Path) -> Vec<OsString> {
        let mut shown = std::collections::BTreeSet::new();
        let mut hidden = std::collections::BTreeSet::new();
        for layer in &self.layers {
            let directory = layer.join(path);
            let listed = fs::read_dir(&directory).into_iter().flatten();
            let names: Vec<OsString> = listed
                .filter_map(|entry| Some(entry.ok()?.file_name()))
                .collect();
            for name in names
                .iter()
                .filter(|name| mark(name).is_none() && !hidden.contains(*name))
            {
                shown.insert(name.clone());
            }
            hidden.extend(
                names
                    .iter()
                    .filter_map(|name| mark(name).map(OsStr::to_owned)),
            );
            if names.iter().any(|name| name == OPAQUE) || hides(layer, path) {
                break;
            }
            if fs::symlink_metadata(&directory).is_ok_and(|metadata| !metadata.is_dir()) {
                break;
            }
        }
        shown.into_iter().collect()
    }

    /// Calls `visit` with everything below `path`, paths from the root, in order.
    pub(crate) fn walk(&self, path: &Path, visit: &mut dyn FnMut(&Path, &Found)) {
        self.walk_past(path, &[], visit);
    }

    /// Like [`View::walk`], without directories of the names in `skipped`.
    pub(crate) fn walk_past(
        &self,
        path: &Path,
        skipped: &[&str],
        visit: &mut dyn FnMut(&Path, &Found),
    ) {
        for name in self.list(path) {
            let child = path.join(&name);
            let Some(found) = self.lookup(&child) else {
                continue;
            };
            if found.metadata.is_dir() && skipped.iter().any(|skipped| name == *skipped) {
                continue;
            }
            visit(&child, &found);
            if found.metadata.is_dir() {
                self.walk_past(&child, skipped, visit);
            }
        }
    }
}

/// What to do with a link at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    Follow,
    Keep,
}

fn components(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

/// The name that a mark hides.
fn mark(name: &OsStr) -> Option<&OsStr> {
    name.to_str()
        .and_then(|name| name.strip_prefix(WHITEOUT))
        .map(OsStr::new)
}

/// Whether this layer hides what lower ones have at `path`: by a mark on it or on a parent, by an opaque
/// parent, or by a file where lower ones have a directory.
fn hides(layer: &Path, path: &Path) -> bool {
    let mut at = layer.to_owned();
    for part in path.components() {
        let Component::Normal(part) = part else {
            continue;
        };
        let mark = format!("{WHITEOUT}{}", part.to_string_lossy());
        let exists = |path: PathBuf| fs::symlink_metadata(path).is_ok();
        if exists(at.join(mark)) || exists(at.join(OPAQUE)) {
            return true;
        }
        at.push(part);
        match fs::symlink_metadata(&at) {
            Err(_) => return false,
            Ok(metadata) if !metadata.is_dir() => return true,
            Ok(_) => {}
        }
    }
    false
}
