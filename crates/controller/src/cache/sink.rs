//! From text to a cache. Whatever its kind, a cache is fed with text, so that the code that follows
//! a server is there once and not once for each kind.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bytes::Bytes;
use kube::core::ObjectMeta;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Cache;
use crate::{Object, ObjectKey, key_of};

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
        if let Some(key) = self.cache.take_cold(&text) {
            self.listed.insert(key);
        } else if let Ok(object) = read::<K>(self.cache.path(), &text) {
            self.listed.insert(key_of(&object));
            // The revision is reached only with the last of them.
            self.cache.update(0, |state| state.apply(text, object));
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
        match read::<K>(self.path(), &text) {
            Ok(object) => {
                let version = object.meta().resource_version.clone().unwrap_or_default();
                self.update(revision(&version), |state| {
                    if gone {
                        state.remove(&key_of(&object));
                    } else {
                        state.apply(text, object);
                    }
                });
                version
            }
            Err(meta) => {
                let version = meta.resource_version.clone().unwrap_or_default();
                // What it was before is no longer true either.
                self.update(revision(&version), |state| state.remove(&key(&meta)));
                version
            }
        }
    }

    fn reach(&self, version: &str) {
        self.update(revision(version), |_| {});
    }

    fn not_served(&self) {
        self.clear();
    }
}

/// As much of an object as its place and its owners need. To decode all of thousands of objects that
/// nobody has asked for takes long, and leaves holes in memory once they are let go.
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
    owner_references: Vec<BriefOwner<'a>>,
}

#[derive(Deserialize)]
struct BriefOwner<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(default)]
    controller: Option<bool>,
}

impl Brief<'_> {
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

/// As much of an object as has to be right for it to be named.
#[derive(Deserialize)]
struct Named {
    metadata: ObjectMeta,
}

/// The object, or at least which it is.
pub(super) fn read<K: Object>(path: &str, text: &[u8]) -> Result<K, Box<ObjectMeta>> {
    decode(text).map_err(|error| unreadable(path, text, &error))
}

/// The object that a text means.
fn decode<K: Object>(text: &[u8]) -> Result<K, serde_json::Error> {
    let text = std::str::from_utf8(text).map_err(serde::de::Error::custom)?;
    serde_json::from_str(&without_managed_fields(text))
}

fn unreadable(path: &str, text: &[u8], error: &serde_json::Error) -> Box<ObjectMeta> {
    let named = serde_json::from_slice::<Named>(text);
    let metadata = named.map(|named| named.metadata).unwrap_or_default();
    let object = key(&metadata);
    tracing::warn!(kind = path, %object, "left out: {error}");
    Box::new(metadata)
}

/// The object without what says who wrote which field: no controller reads that, and decoding it
/// costs more than all the rest.
fn without_managed_fields(text: &str) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        metadata: &'a RawValue,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inner<'a> {
        #[serde(borrow)]
        managed_fields: &'a RawValue,
    }
    let cut = serde_json::from_str::<Outer<'_>>(text)
        .and_then(|outer| serde_json::from_str::<Inner<'_>>(outer.metadata.get()))
        .map(|inner| inner.managed_fields.get());
    let Ok(cut) = cut else {
        return Cow::Borrowed(text);
    };
    // Both are slices of the text.
    let from = cut.as_ptr() as usize - text.as_ptr() as usize;
    Cow::Owned([&text[..from], "null", &text[from + cut.len()..]].concat())
}

fn key(meta: &ObjectMeta) -> ObjectKey {
    ObjectKey::new(
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default(),
    )
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
