//! From text to a cache. Whatever its kind, a cache is fed with text, so that the code that follows
//! a server is there once and not once for each kind.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bytes::Bytes;
use serde::Deserialize;

use super::{Cache, scan};
use crate::{Object, ObjectKey};

/// A cache as its feed sees it.
pub(super) trait Sink: Send + Sync {
    /// Where the objects are.
    fn path(&self) -> &str;
    /// Whether only the metadata is wanted.
    fn metadata_only(&self) -> bool;
    /// Begins a list: what is not on it when it is whole is gone.
    fn begin(&self) -> Box<dyn Listing + '_>;
    /// One object changed, or is gone. Returns its revision.
    fn change(&self, text: Bytes, gone: bool) -> String;
    /// Nothing has changed up to this revision.
    fn reach(&self, version: &str);
    /// The kind is not served.
    fn not_served(&self);
}

/// A list that comes object by object.
pub(super) trait Listing: Send {
    fn add(&mut self, text: Bytes);
    fn finish(self: Box<Self>, version: &str);
}

struct Replacement<'a, K: Object> {
    cache: &'a Cache<K>,
    listed: BTreeSet<ObjectKey>,
}

impl<K: Object> Listing for Replacement<'_, K> {
    fn add(&mut self, text: Bytes) {
        if let Some(brief) = self.cache.brief(&text) {
            // The revision is reached only with the last of them.
            let key = self.cache.update(0, |state| state.apply(&text, &brief));
            self.listed.insert(key);
        }
    }

    fn finish(self: Box<Self>, version: &str) {
        let (cache, listed) = (self.cache, self.listed);
        cache.update(revision(version), |state| state.retain(&listed));
        cache.0.progress.send_modify(|progress| {
            (progress.synced, progress.served) = (true, true);
        });
    }
}

impl<K: Object> Sink for Cache<K> {
    fn path(&self) -> &str {
        Cache::path(self)
    }

    fn metadata_only(&self) -> bool {
        K::metadata_api()
    }

    fn begin(&self) -> Box<dyn Listing + '_> {
        Box::new(Replacement {
            cache: self,
            listed: BTreeSet::new(),
        })
    }

    fn change(&self, text: Bytes, gone: bool) -> String {
        let Some(brief) = self.brief(&text) else {
            return String::new();
        };
        let version = brief.metadata.resource_version.clone().into_owned();
        self.update(revision(&version), |state| {
            if gone {
                state.remove(&brief.key());
            } else {
                state.apply(&text, &brief);
            }
        });
        version
    }

    fn reach(&self, version: &str) {
        self.update(revision(version), |_| {});
    }

    fn not_served(&self) {
        self.clear();
    }
}

/// As much of an object as its place and its owners need. To decode all of thousands of objects that
/// nobody has asked for takes long.
#[derive(Deserialize)]
pub(super) struct Brief<'a> {
    #[serde(borrow)]
    metadata: BriefMetadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BriefMetadata<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(borrow, default)]
    resource_version: Cow<'a, str>,
    #[serde(borrow, default)]
    owner_references: Vec<BriefOwner<'a>>,
}

#[derive(Deserialize)]
struct BriefOwner<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(default)]
    controller: Option<bool>,
}

impl<'a> Brief<'a> {
    pub(super) fn of(text: &'a [u8]) -> Result<Self, serde_json::Error> {
        match scan::member(text, "metadata") {
            Some(metadata) => {
                let metadata = serde_json::from_slice(&text[metadata])?;
                Ok(Self { metadata })
            }
            None => serde_json::from_slice(text),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.metadata.namespace
    }

    /// Whether this is the same state of the same object.
    pub(super) fn is_same(&self, other: &Brief<'_>) -> bool {
        !self.metadata.resource_version.is_empty()
            && self.metadata.resource_version == other.metadata.resource_version
            && self.metadata.uid == other.metadata.uid
    }

    pub(super) fn key(&self) -> ObjectKey {
        ObjectKey::new(&*self.metadata.namespace, &*self.metadata.name)
    }

    /// The uids of the owners, and whether one of them is the controller.
    pub(super) fn owners(&self) -> (impl Iterator<Item = &str>, bool) {
        let owners = &self.metadata.owner_references;
        let controlled = owners.iter().any(|owner| owner.controller == Some(true));
        (owners.iter().map(|owner| &*owner.uid), controlled)
    }
}

/// The object that a text means; `None`, and a line in the log, where it means none.
pub(super) fn read<K: Object>(path: &str, text: &[u8]) -> Option<K> {
    decode(text)
        .map_err(|error| left_out(path, text, &error))
        .ok()
}

fn decode<K: Object>(text: &[u8]) -> Result<K, serde_json::Error> {
    let text = std::str::from_utf8(text).map_err(serde::de::Error::custom)?;
    let mut object: K = serde_json::from_str(&without_managed_fields(text))?;
    object.meta_mut().managed_fields = None;
    Ok(object)
}

fn left_out(path: &str, text: &[u8], error: &serde_json::Error) {
    let object = Brief::of(text).map(|brief| brief.key().to_string());
    let object = object.unwrap_or_default();
    tracing::warn!(kind = path, object, "left out: {error}");
}

/// The object without what says who wrote which field: no controller reads that, and decoding it
/// costs more than all the rest.
fn without_managed_fields(text: &str) -> Cow<'_, str> {
    let Some(metadata) = scan::member(text.as_bytes(), "metadata") else {
        return Cow::Borrowed(text);
    };
    let Some(cut) = scan::member(&text.as_bytes()[metadata.clone()], "managedFields") else {
        return Cow::Borrowed(text);
    };
    // Where a value begins and ends there is no character cut in two.
    let (before, after) = (metadata.start + cut.start, metadata.start + cut.end);
    Cow::Owned([&text[..before], "null", &text[after..]].concat())
}

fn revision(version: &str) -> u64 {
    version.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_objects_own_managed_fields_are_cut() {
        let cases = [
            r#"{"metadata":{"name":"a","managedFields":[{"f":{"k:{\"x\":1}":{}}}],"uid":"u"},"spec":1}"#,
            r#"{"spec":{"managedFields":[1]},"metadata":{"annotations":{"x":"\"managedFields\":[2]"}}}"#,
            r#"{"metadata":{"name":"a"}}"#,
            r#"{"kind":"X"}"#,
        ];
        let cut: Vec<_> = cases
            .into_iter()
            .map(|text| without_managed_fields(text).into_owned())
            .collect();
        expect_test::expect![[r#"
            {"metadata":{"name":"a","managedFields":null,"uid":"u"},"spec":1}
            {"spec":{"managedFields":[1]},"metadata":{"annotations":{"x":"\"managedFields\":[2]"}}}
            {"metadata":{"name":"a"}}
            {"kind":"X"}"#]]
        .assert_eq(&cut.join("\n"));
    }
}
