//! Content that nothing leads to.

use std::collections::BTreeSet;
use std::fs;

use super::{Blobs, entries};
use crate::{Digest, Error};

impl Blobs {
    /// Forgets build steps whose layer is gone.
    fn forget_steps(&self, live: &Live) -> Result<(), Error> {
        let cache = self.root.join("cache");
        for hex in entries(&cache) {
            let path = cache.join(&hex);
            let step: Option<crate::layer::Layer> = fs::read(&path)
                .ok()
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                .flatten();
            let is_dead =
                step.is_some_and(|layer| !live.blobs.contains(layer.descriptor.digest.hex()));
            if is_dead {
                fs::remove_file(&path).map_err(Error::file("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Removes content, unpacked layers and cached build steps that no manifest of any repository
    /// leads to. To be called while nobody pushes: content of an unfinished push has no manifest yet.
    ///
    /// # Errors
    /// [`Error::File`] where something cannot be removed.
    pub fn collect_garbage(&self) -> Result<Collected, Error> {
        let mut live = Live::default();
        for name in self.repositories() {
            for hex in entries(&self.repository(&name).join("manifests")) {
                if let Ok(digest) = format!("sha256:{hex}").parse() {
                    live.mark(self, &digest);
                }
            }
        }
        let mut collected = Collected::default();
        let blobs = self.root.join("blobs/sha256");
        for hex in entries(&blobs)
            .into_iter()
            .filter(|hex| !live.blobs.contains(hex))
        {
            let path = blobs.join(&hex);
            collected.bytes += fs::metadata(&path).map_or(0, |metadata| metadata.len());
            collected.blobs += 1;
            fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
        let layers = self.root.join("layers");
        for hex in entries(&layers)
            .into_iter()
            .filter(|hex| !live.layers.contains(hex))
        {
            let path = layers.join(&hex);
            collected.layers += 1;
            fs::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
        }
        self.forget_steps(&live)?;
        Ok(collected)
    }
}

/// What [`Blobs::collect_garbage`] removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// How many files.
    pub blobs: usize,
    /// How many bytes they had.
    pub bytes: u64,
    /// How many unpacked layers.
    pub layers: usize,
}

#[derive(Default)]
struct Live {
    blobs: BTreeSet<String>,
    layers: BTreeSet<String>,
}

impl Live {
    /// Follows a manifest or index to everything it names.
    fn mark(&mut self, blobs: &Blobs, digest: &Digest) {
        if !self.blobs.insert(digest.hex().to_owned()) {
            return;
        }
        let Some(value) = blobs
            .read(digest)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        else {
            return;
        };
        let named = |value: &serde_json::Value| {
            value
                .get("digest")
                .and_then(|digest| digest.as_str()?.parse().ok())
        };
        for child in list(&value, "manifests").iter().filter_map(named) {
            self.mark(blobs, &child);
        }
        self.blobs.extend(
            list(&value, "layers")
                .iter()
                .filter_map(named)
                .map(|digest: Digest| digest.hex().to_owned()),
        );
        let Some(config) = value.get("config").and_then(named) else {
            return;
        };
        self.blobs.insert(config.hex().to_owned());
        if let Some(config) = blobs
            .read(&config)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<crate::image::ImageConfig>(&bytes).ok())
        {
            self.layers
                .extend(config.rootfs.diff_ids.iter().map(|id| id.hex().to_owned()));
        }
    }
}

fn list<'a>(value: &'a serde_json::Value, field: &str) -> &'a [serde_json::Value] {
    value
        .get(field)
        .and_then(serde_json::Value::as_array)
        .map_or(&[], Vec::as_slice)
}
