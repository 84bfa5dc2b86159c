//! Puts the example application into the program, so that `seatrial demo` needs no checkout.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let example = manifest.join("../../examples/shop").canonicalize()?;
    println!("cargo::rerun-if-changed={}", example.display());
    let mut files = Vec::new();
    collect(&example, &mut files)?;
    files.sort();
    let mut source = String::from(
        "/// The files of the example by their paths.\npub(crate) const SHOP: &[(&str, &[u8])] = &[\n",
    );
    for file in files {
        let inner = file.strip_prefix(&example).unwrap_or(&file).display();
        // Writing to a string cannot fail.
        let _ = writeln!(
            source,
            "    ({:?}, include_bytes!({:?})),",
            inner.to_string(),
            file.display().to_string()
        );
    }
    source.push_str("];\n");
    let target = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("shop.rs");
    fs::write(target, source)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "__pycache__") {
                collect(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}
