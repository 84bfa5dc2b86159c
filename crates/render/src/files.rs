//! A tree of files in memory.

use std::collections::BTreeMap;

/// The files of a source by their path from its top, `/` between folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// A tree of these files. Paths are made plain: `a/./b/../c` is `a/c`.
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let plain = |(path, bytes): (String, Vec<u8>)| Some((normalize("", &path)?, bytes));
        Self(files.into_iter().filter_map(plain).collect())
    }

    /// A file's bytes.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// Whether any file lies in `folder`; the top (`""`) always exists.
    pub fn is_folder(&self, folder: &str) -> bool {
        folder.is_empty() || self.below(folder).next().is_some()
    }

    /// The files in `folder` and in folders below it, in order of their paths.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let prefix = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        self.0
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }
}

/// `path` as seen from `folder`, without `.` and `..`; nothing where it leaves the tree.
pub(crate) fn normalize(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_plain_and_stay_inside() {
        assert_eq!(
            normalize("k8s/overlays/staging", "../../base").as_deref(),
            Some("k8s/base")
        );
        assert_eq!(normalize("", "./a//b/").as_deref(), Some("a/b"));
        assert_eq!(normalize("a", "../../etc"), None);
    }

    #[test]
    fn a_folder_is_not_its_neighbour_with_a_longer_name() {
        let files = Files::new([("a/x".to_owned(), vec![]), ("ab/y".to_owned(), vec![])]);
        assert_eq!(files.below("a").count(), 1);
        assert!(!files.is_folder("b"));
    }
}
