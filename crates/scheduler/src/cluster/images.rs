//! How many nodes have which image.

use std::collections::BTreeMap;

/// The number of nodes, by the image's name.
#[derive(Debug, Default)]
pub(super) struct Images(BTreeMap<String, usize>);

impl Images {
    pub(super) fn nodes_with(&self, image: &str) -> usize {
        self.0.get(image).copied().unwrap_or(0)
    }

    /// A node has other images than before.
    pub(super) fn replace(&mut self, before: &BTreeMap<String, i64>, now: &BTreeMap<String, i64>) {
        if before == now {
            return;
        }
        for image in before.keys() {
            if let Some(count) = self.0.get_mut(image) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(image);
                }
            }
        }
        for image in now.keys() {
            *self.0.entry(image.clone()).or_default() += 1;
        }
    }
}
