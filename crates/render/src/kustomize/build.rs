//! From a folder to objects.

use super::kustomization::{Kustomization, find, parse};
use super::{generator, hash, order, patch, reference, transform};
use crate::files::normalize;
use crate::{Error, Files, Object, parse_manifest};

/// An object on its way through the kustomizations that include it.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) object: Object,
    /// Every name it had, the first one first: patches and generators may use any of them.
    pub(crate) names: Vec<String>,
    /// Its name and namespace when the present kustomization began.
    pub(crate) before: (String, String),
    /// Whether a hash of its content goes behind its name.
    pub(crate) hashed: bool,
}

impl Item {
    pub(crate) fn new(object: Object) -> Self {
        let names = vec![object.name().to_owned()];
        let before = (object.name().to_owned(), object.namespace().to_owned());
        Self {
            object,
            names,
            before,
            hashed: false,
        }
    }

    /// Gives it another name and remembers the old one.
    pub(crate) fn rename(&mut self, name: &str) {
        self.object.set_metadata("name", name);
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
    }

    fn begin(&mut self) {
        self.before = (
            self.object.name().to_owned(),
            self.object.namespace().to_owned(),
        );
    }
}

/// Renders the kustomization in `folder`.
///
/// # Errors
/// Whatever is wrong with it or with what it includes, by file and field; see [`Error`].
pub fn build(files: &Files, folder: &str) -> Result<Vec<Object>, Error> {
    let folder = normalize("", folder).unwrap_or_default();
    let mut items = accumulate(files, &folder, &mut Vec::new())?;
    for item in &mut items {
        item.begin();
        if item.hashed {
            let name = format!("{}-{}", item.object.name(), hash::suffix(&item.object));
            item.rename(&name);
        }
    }
    reference::follow(&mut items);
    order::sort(&mut items);
    Ok(items.into_iter().map(|item| item.object).collect())
}

fn accumulate(files: &Files, folder: &str, open: &mut Vec<String>) -> Result<Vec<Item>, Error> {
    if open.iter().any(|known| known == folder) {
        let chain = open
            .iter()
            .map(String::as_str)
            .chain([folder])
            .collect::<Vec<_>>()
            .join(" → ");
        return Err(Error::Cycle {
            folder: folder.to_owned(),
            chain,
        });
    }
    if !files.is_folder(folder) {
        return Err(Error::NoFolder {
            folder: folder.to_owned(),
        });
    }
    let path = find(files, folder).ok_or_else(|| Error::NoKustomization {
        folder: folder.to_owned(),
    })?;
    let kustomization = parse(&path, files.get(&path).unwrap_or_default())?;
    open.push(folder.to_owned());
    let mut items = include(files, folder, &path, &kustomization, open)?;
    open.pop();
    let here = Here {
        files,
        folder,
        path: &path,
    };
    generator::run(&here, &kustomization, &mut items)?;
    items.iter_mut().for_each(Item::begin);
    patch::run(&here, &kustomization, &mut items)?;
    transform::run(&here, &kustomization, &mut items)?;
    reference::follow(&mut items);
    Ok(items)
}

/// Where a kustomization stands.
pub(crate) struct Here<'a> {
    pub(crate) files: &'a Files,
    pub(crate) folder: &'a str,
    pub(crate) path: &'a str,
}

impl Here<'_> {
    pub(crate) fn invalid(&self, field: &str, detail: impl Into<String>) -> Error {
        Error::Invalid {
            file: self.path.to_owned(),
            field: field.to_owned(),
            detail: detail.into(),
        }
    }

    /// A file that a field names, and its path from the top.
    pub(crate) fn file(&self, name: &str, field: &str) -> Result<(String, &[u8]), Error> {
        let path = self.inside(name, field)?;
        match self.files.get(&path) {
            Some(bytes) => Ok((path, bytes)),
            None => Err(self.missing(path, field)),
        }
    }

    fn inside(&self, name: &str, field: &str) -> Result<String, Error> {
        normalize(self.folder, name)
            .ok_or_else(|| self.invalid(field, format!("{name} lies outside of the source")))
    }

    fn missing(&self, path: String, field: &str) -> Error {
        Error::Missing {
            named_in: self.path.to_owned(),
            path,
            field: field.to_owned(),
        }
    }
}

fn include(
    files: &Files,
    folder: &str,
    path: &str,
    kustomization: &Kustomization,
    open: &mut Vec<String>,
) -> Result<Vec<Item>, Error> {
    let here = Here {
        files,
        folder,
        path,
    };
    let mut items: Vec<Item> = Vec::new();
    let fields = [
        ("resources", &kustomization.resources),
        ("bases", &kustomization.bases),
    ];
    let entries = fields.iter().flat_map(|(field, names)| {
        names
            .iter()
            .enumerate()
            .map(move |(index, name)| (format!("{field}[{index}]"), name))
    });
    for (field, name) in entries {
        if name.contains("://") || name.starts_with("github.com/") || name.contains("?ref=") {
            return Err(Error::Unsupported {
                file: path.to_owned(),
                field: format!("{field}: {name}"),
                advice: "copy the remote files into the repository and name them by path"
                    .to_owned(),
            });
        }
        let target = here.inside(name, &field)?;
        let added = if let Some(bytes) = files.get(&target) {
            parse_manifest(&target, bytes)?
                .into_iter()
                .map(Item::new)
                .collect()
        } else if files.is_folder(&target) {
            accumulate(files, &target, open)?
        } else {
            return Err(here.missing(target, &field));
        };
        for item in added {
            if let Some(twin) = items.iter().find(|known| same_identity(known, &item)) {
                let detail = format!(
                    "{} is in {} and in {}",
                    item.object.describe(),
                    twin.object.origin,
                    item.object.origin
                );
                return Err(here.invalid(&field, detail));
            }
            items.push(item);
        }
    }
    Ok(items)
}

fn same_identity(one: &Item, other: &Item) -> bool {
    let identity = |item: &Item| {
        let object = &item.object;
        (
            object.group().to_owned(),
            object.kind().to_owned(),
            object.namespace().to_owned(),
            object.name().to_owned(),
        )
    };
    identity(one) == identity(other)
}
