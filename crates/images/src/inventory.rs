//! What is inside a directory or an image: packages of the operating system and of Python.

mod python;
mod system;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use python::normal_name;

use crate::layer::View;
use crate::store::{HostBase, ResolvedImage};
use crate::{Digest, Error};

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ecosystem {
    /// The Python Package Index.
    PyPi,
    /// Debian, with its release (`12`), or a distribution made from it (`ubuntu`).
    Debian {
        /// The distribution's id, such as `debian`.
        distribution: String,
        /// Its release, such as `12`.
        release: String,
    },
    /// Alpine, with its release (`3.20`).
    Alpine {
        /// The release without the patch level.
        release: String,
    },
}

/// A package with its version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Where it comes from.
    pub ecosystem: Ecosystem,
    /// Its name; for Python in the normal form (lower case, `-`).
    pub name: String,
    /// Its version as written.
    pub version: String,
    /// The source package, under which advisories name it; the name itself where there is none.
    pub source: String,
    /// Its licence as written; empty where nothing is said.
    pub license: String,
    /// The file that says so, from the root.
    pub location: String,
    /// The layer (digest of its content) with that file; for images.
    pub layer: Option<Digest>,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Name and version of the operating system, as in `/etc/os-release`; in images that have one.
    pub system: Option<(String, String)>,
    /// Packages in order, each name and version once.
    pub packages: Vec<Package>,
    /// Files that looked like lists of packages and could not be read, with the reason.
    pub problems: Vec<String>,
    /// Whether the machine's own files, which are not listed here, lie below.
    pub base: HostBase,
}

/// What is looked at: a tree of files with a name.
pub struct Subject {
    pub(crate) name: String,
    pub(crate) digest: Option<Digest>,
    pub(crate) view: View,
    /// Layer directories with their digests.
    pub(crate) layers: Vec<(PathBuf, Digest)>,
    pub(crate) base: HostBase,
    /// Whether it is an image, in which the lists of the operating system are facts and not source code.
    pub(crate) kind: Kind,
}

/// What a [`Subject`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    Image,
}

impl Subject {
    /// A directory of source code. A single file stands for the directory that holds only it.
    ///
    /// # Errors
    /// [`Error::File`] where there is nothing.
    pub fn directory(path: &Path) -> Result<Self, Error> {
        let path = fs::canonicalize(path).map_err(Error::file("read", path))?;
        Ok(Self {
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            digest: None,
            view: View::new(&[path]),
            layers: Vec::new(),
            base: HostBase::Absent,
            kind: Kind::Directory,
        })
    }

    /// An image.
    pub fn image(image: &ResolvedImage) -> Self {
        let layers = image
            .layers
            .iter()
            .cloned()
            .zip(image.config.rootfs.diff_ids.iter().cloned());
        Self {
            name: image.reference.to_string(),
            digest: Some(image.digest.clone()),
            view: View::new(&image.layers),
            layers: layers.collect(),
            base: image.base,
            kind: Kind::Image,
        }
    }

    /// Calls `visit` for every plain file with its path from the root and where it is.
    pub(crate) fn files(&self, visit: &mut dyn FnMut(&str, &Path)) {
        let skipped: &[&str] = if self.kind == Kind::Directory {
            &[".git", "node_modules", ".venv"]
        } else {
            &[]
        };
        self.view
            .walk_past(Path::new(""), skipped, &mut |path, found| {
                if found.metadata.is_file() {
                    visit(&path.to_string_lossy(), &found.source);
                }
            });
    }

    fn layer_of(&self, source: &Path) -> Option<Digest> {
        self.layers
            .iter()
            .find(|(directory, _)| source.starts_with(directory))
            .map(|(_, digest)| digest.clone())
    }
}

/// Lists the packages of a subject.
pub fn inventory(subject: &Subject) -> Inventory {
    let system = system::release(&subject.view);
    let mut found = Found {
        subject,
        inventory: Inventory::default(),
        packages: BTreeMap::new(),
    };
    subject.files(&mut |path, source| {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name {
            "METADATA" if path.ends_with(".dist-info/METADATA") => {
                found.read(path, source, python::metadata);
            }
            "PKG-INFO" if path.contains(".egg-info") => found.read(path, source, python::metadata),
            "poetry.lock" | "uv.lock" | "pdm.lock" => found.read(path, source, python::toml_lock),
            "Pipfile.lock" => found.read(path, source, python::pipfile_lock),
            _ if python::is_requirements(name) => found.read(path, source, python::requirements),
            _ if path == "var/lib/dpkg/status" || path.starts_with("var/lib/dpkg/status.d/") => {
                found.read(path, source, |text| Ok(system::dpkg(text, system.as_ref())));
            }
            _ if path == "lib/apk/db/installed" => {
                found.read(path, source, |text| Ok(system::apk(text, system.as_ref())));
            }
            _ => {}
        }
    });
    let mut inventory = found.inventory;
    inventory.packages = found.packages.into_values().collect();
    inventory.system = system
        .filter(|_| subject.kind == Kind::Image)
        .map(|system| (system.name, system.version));
    inventory.base = subject.base;
    inventory
}

struct Found<'a> {
    subject: &'a Subject,
    inventory: Inventory,
    packages: BTreeMap<(Ecosystem, String, String), Package>,
}

impl Found<'_> {
    fn read(
        &mut self,
        path: &str,
        source: &Path,
        parse: impl Fn(&str) -> Result<Vec<Package>, String>,
    ) {
        let text = fs::read(source).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let parsed = text
            .map_err(|error| error.to_string())
            .and_then(|text| parse(&text));
        let packages = match parsed {
            Ok(packages) => packages,
            Err(problem) => return self.inventory.problems.push(format!("{path}: {problem}")),
        };
        for mut package in packages {
            path.clone_into(&mut package.location);
            package.layer = self.subject.layer_of(source);
            let key = (
                package.ecosystem.clone(),
                package.name.clone(),
                package.version.clone(),
            );
            // An installed package knows more than the list that asked for it.
            let better = self
                .packages
                .get(&key)
                .is_none_or(|known| known.license.is_empty() && !package.license.is_empty());
            if better {
                self.packages.insert(key, package);
            }
        }
    }
}

/// A package of which only name and version are known.
fn package(ecosystem: Ecosystem, name: &str, version: &str) -> Package {
    Package {
        ecosystem,
        name: name.to_owned(),
        version: version.to_owned(),
        source: name.to_owned(),
        license: String::new(),
        location: String::new(),
        layer: None,
    }
}

#[cfg(test)]
#[allow(clippy::format_push_string, clippy::format_collect)] // Snapshots are built line by line.
mod tests;
