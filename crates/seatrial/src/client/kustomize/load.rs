//! A kustomization on disk.
//!
//! Rendering works on files in memory. Here they are read as they turn out to be needed: a file or
//! folder that rendering misses and that exists is added, and rendering starts again. So nothing is
//! read that the kustomization does not name, wherever it lies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use seatrial_render::{Error, Files, Object, kustomize};

/// Renders the kustomization in `directory`.
///
/// # Errors
/// What is wrong with it, by file and field.
pub(crate) fn render(directory: &Path) -> anyhow::Result<Vec<Object>> {
    let root = directory
        .canonicalize()
        .with_context(|| format!("the folder {} does not exist", directory.display()))?;
    let mut tree = Tree::default();
    tree.add(&root)?;
    loop {
        let files = Files::new(tree.files.clone());
        match kustomize::build(&files, &key(&root)?) {
            Ok(objects) => return Ok(placed(objects, &key(&root)?)),
            Err(Error::Missing { path, .. }) if tree.is_new(&path) => {
                tree.add(&Path::new("/").join(&path))?;
            }
            Err(error) => bail!("{}", shortened(&error.to_string(), &key(&root)?)),
        }
    }
}

/// Files by their absolute path without its first slash.
#[derive(Default)]
struct Tree {
    files: BTreeMap<String, Vec<u8>>,
    asked: Vec<String>,
}

impl Tree {
    /// Whether a path exists that was not looked at yet.
    fn is_new(&mut self, path: &str) -> bool {
        let new = !self.asked.iter().any(|known| known == path);
        self.asked.push(path.to_owned());
        new && Path::new("/").join(path).exists()
    }

    /// Adds a file, or the files directly in a folder.
    fn add(&mut self, path: &Path) -> anyhow::Result<()> {
        let reading = || format!("cannot read {}", path.display());
        if path.is_file() {
            self.files
                .insert(key(path)?, std::fs::read(path).with_context(reading)?);
            return Ok(());
        }
        let entries: Vec<PathBuf> = std::fs::read_dir(path)
            .with_context(reading)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .with_context(reading)?;
        for file in entries.iter().filter(|entry| entry.is_file()) {
            // A name that is not UTF-8 cannot be named in YAML.
            if let Ok(key) = key(file) {
                let bytes = std::fs::read(file);
                self.files.insert(
                    key,
                    bytes.with_context(|| format!("cannot read {}", file.display()))?,
                );
            }
        }
        Ok(())
    }
}

fn key(path: &Path) -> anyhow::Result<String> {
    let text = path
        .to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(text.trim_start_matches('/').to_owned())
}

/// The objects with their files as seen from the folder, or from the top of the file system.
fn placed(mut objects: Vec<Object>, root: &str) -> Vec<Object> {
    for object in &mut objects {
        let inner = object
            .origin
            .strip_prefix(&format!("{root}/"))
            .map(str::to_owned);
        object.origin = inner.unwrap_or_else(|| format!("/{}", object.origin));
    }
    objects
}

/// The message with paths as seen from the folder, where they lie in it.
fn shortened(message: &str, root: &str) -> String {
    message.replace(&format!("{root}/"), "")
}
