//! What the compiler does not check: who may import whom, how long a file may be, and that nobody
//! reads a clock or a random source behind the controllers' back.

mod edges;
mod lengths;
mod sources;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Runs every check and lists all that is wrong.
pub(crate) fn run() -> Result<()> {
    let root = root();
    let mut findings = edges::check(&root)?;
    let files = rust_files(&root)?;
    findings.extend(lengths::check(&root, &files)?);
    findings.extend(sources::check(&root, &files)?);
    if findings.is_empty() {
        println!("tidy: {} files, all in order", files.len());
        return Ok(());
    }
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    bail!("{} findings", findings.len())
}

/// The workspace's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// All Rust files of crates and tools, in order.
fn rust_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("crates"), root.join("tools")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A path as people read it: from the workspace's folder.
fn short(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}
