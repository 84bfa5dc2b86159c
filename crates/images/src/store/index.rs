//! Choosing from an image of several platforms.

use crate::Error;
use crate::image::{Descriptor, Index, Platform};

/// The list of manifests, if that is what the bytes are.
pub(crate) fn read_index(bytes: &[u8]) -> Option<Index> {
    serde_json::from_slice(bytes).ok()
}

/// The manifest of this machine's platform.
pub(crate) fn choose<'a>(index: &'a Index, image: &str) -> Result<&'a Descriptor, Error> {
    let wanted = Platform::of_this_machine();
    let fits = |found: &&Descriptor| {
        found
            .platform
            .as_ref()
            .is_some_and(|found| found.os == wanted.os && found.architecture == wanted.architecture)
    };
    index.manifests.iter().find(fits).ok_or_else(|| {
        let name = |platform: &Platform| format!("{}/{}", platform.os, platform.architecture);
        let available: Vec<String> = index
            .manifests
            .iter()
            .filter_map(|found| found.platform.as_ref().map(name))
            .collect();
        Error::Platform {
            image: image.to_owned(),
            wanted: name(&wanted),
            available: available.join(", "),
        }
    })
}
