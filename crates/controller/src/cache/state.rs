//! The objects of a cache and their index.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::changes::{Changes, Told};
use super::held::{Held, Kept};
use super::reader::Reader;
use super::sink::Brief;
use crate::{Object, ObjectKey};

/// No uid is empty, so this entry of the owner index is free for objects without a controller.
const NO_CONTROLLER: &str = "";

pub(super) struct State<K> {
    objects: BTreeSet<Kept<K>>,
    /// Owner and dependent.
    by_owner: BTreeSet<(Arc<str>, ObjectKey)>,
    subscribers: Vec<mpsc::UnboundedSender<Told<K>>>,
    reader: Arc<Reader<K>>,
}

impl<K> State<K> {
    pub(super) fn new(reader: Arc<Reader<K>>) -> Self {
        Self {
            objects: BTreeSet::new(),
            by_owner: BTreeSet::new(),
            subscribers: Vec::new(),
            reader,
        }
    }
}

impl<K: Object> State<K> {
    fn held(&self, key: &ObjectKey) -> Option<&Arc<Held<K>>> {
        self.objects.get(key).map(|Kept(held)| held)
    }

    fn read(&self, held: &Held<K>) -> Option<Arc<K>> {
        held.object(&self.reader)
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.read(self.held(key)?)
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.iter().map(|Kept(held)| &held.key)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Arc<K>> {
        let objects = self.objects.iter();
        objects.filter_map(|Kept(held)| self.read(held))
    }

    pub(super) fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = Arc<K>> {
        self.objects
            .range(ObjectKey::new(namespace, "")..)
            .take_while(move |Kept(held)| &*held.key.namespace == namespace)
            .filter_map(|Kept(held)| self.read(held))
    }

    /// The objects that name an owner in any reference.
    pub(super) fn owned_by(&self, uid: &str) -> impl Iterator<Item = Arc<K>> {
        self.owned(uid, "").filter_map(|key| self.get(key))
    }

    /// The objects of one namespace that no controller owns.
    pub(super) fn orphans(&self, namespace: &str) -> impl Iterator<Item = Arc<K>> {
        self.owned(NO_CONTROLLER, namespace)
            .take_while(move |key| &*key.namespace == namespace)
            .filter_map(|key| self.get(key))
    }

    fn owned(&self, uid: &str, namespace: &str) -> impl Iterator<Item = &ObjectKey> {
        let from = (Arc::<str>::from(uid), ObjectKey::new(namespace, ""));
        let owner = from.0.clone();
        self.by_owner
            .range(from..)
            .take_while(move |(of, _)| *of == owner)
            .map(|(_, key)| key)
    }

    /// Everything that is there, and then every change.
    pub(super) fn subscribe(&mut self) -> Changes<K> {
        let present = self.objects.iter().map(|Kept(held)| held.clone());
        let (sender, changes) = Changes::new(self.reader.clone(), present.collect());
        self.subscribers.push(sender);
        changes
    }

    /// Lets go of decoded objects that nobody asked for lately. True where some are left.
    pub(super) fn cool(&self) -> bool {
        self.objects
            .iter()
            .fold(false, |left, Kept(held)| held.cool() || left)
    }

    /// Takes in an object, without decoding it. Its key.
    pub(super) fn apply(&mut self, text: &Bytes, brief: &Brief<'_>) -> ObjectKey {
        let key = self.known_key(brief);
        let before = self.held(&key).cloned();
        if let Some(before) = &before
            && (before.text == *text || Brief::of(&before.text).is_ok_and(|it| it.is_same(brief)))
        {
            return key;
        }
        let owners = self.owners(brief);
        let known = before.as_ref().map(|before| &before.owners);
        if known != Some(&owners) {
            if let Some(before) = &before {
                self.unindex(before);
            }
            for owner in &owners {
                self.by_owner.insert((owner.clone(), key.clone()));
            }
        }
        let object = Arc::new(Held::new(key.clone(), text.clone(), owners));
        self.objects.replace(Kept(object.clone()));
        self.tell(&Told::Applied { before, object });
        key
    }

    /// The key of an object. One piece of memory serves for a namespace, however many are in it, and
    /// one for the name of an object however often it changes.
    fn known_key(&self, brief: &Brief<'_>) -> ObjectKey {
        let key = brief.key();
        if let Some(held) = self.held(&key) {
            return held.key.clone();
        }
        let before = self.objects.range::<ObjectKey, _>(..&key).next_back();
        match before {
            Some(Kept(held)) if *held.key.namespace == *brief.namespace() => {
                ObjectKey::new(held.key.namespace.clone(), key.name)
            }
            _ => key,
        }
    }

    /// What an object is indexed under: the uids of its owners, and the mark of having no controller.
    fn owners(&self, brief: &Brief<'_>) -> Box<[Arc<str>]> {
        let (owners, controlled) = brief.owners();
        let marks = owners.chain((!controlled).then_some(NO_CONTROLLER));
        marks.map(|owner| self.known_owner(owner)).collect()
    }

    /// One piece of memory serves for the uid of an owner, however many it owns.
    fn known_owner(&self, uid: &str) -> Arc<str> {
        let from = (Arc::<str>::from(uid), ObjectKey::new("", ""));
        let next = self.by_owner.range(&from..).next();
        match next {
            Some((known, _)) if **known == *uid => known.clone(),
            _ => from.0,
        }
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) {
        let Some(Kept(held)) = self.objects.take(key) else {
            return;
        };
        self.unindex(&held);
        self.tell(&Told::Removed(held));
    }

    /// Keeps only these, telling subscribers of the others in key order.
    pub(super) fn retain(&mut self, kept: &BTreeSet<ObjectKey>) {
        let gone = |key: &&ObjectKey| !kept.contains(*key);
        let gone: Vec<ObjectKey> = self.keys().filter(gone).cloned().collect();
        for key in &gone {
            self.remove(key);
        }
    }

    fn unindex(&mut self, held: &Held<K>) {
        for owner in &held.owners {
            self.by_owner.remove(&(owner.clone(), held.key.clone()));
        }
    }

    fn tell(&mut self, change: &Told<K>) {
        self.subscribers
            .retain(|subscriber| subscriber.send(change.clone()).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    use super::super::{Change, reader};
    use super::*;
    use crate::key_of;

    fn empty() -> State<ConfigMap> {
        State::new(Arc::new(Reader::new(String::new(), reader::anywhere)))
    }

    fn object(namespace: &str, name: &str, version: u32, owner: Option<&str>) -> ConfigMap {
        let owners: Vec<_> = owner
            .map(|uid| json!({"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid}))
            .into_iter()
            .collect();
        serde_json::from_value(json!({"metadata": {
            "namespace": namespace, "name": name, "uid": format!("{namespace}-{name}"),
            "resourceVersion": version.to_string(), "ownerReferences": owners
        }}))
        .unwrap()
    }

    fn apply(state: &mut State<ConfigMap>, object: &ConfigMap) {
        let text = Bytes::from(serde_json::to_vec(object).unwrap());
        state.apply(&text, &Brief::of(&text).unwrap());
    }

    fn names(objects: impl Iterator<Item = Arc<ConfigMap>>) -> Vec<String> {
        objects.map(|object| key_of(&*object).to_string()).collect()
    }

    #[test]
    fn namespaces_do_not_leak_into_each_other() {
        let mut state = empty();
        for (namespace, name) in [("b", "1"), ("a", "2"), ("ab", "3"), ("a", "1")] {
            apply(&mut state, &object(namespace, name, 1, None));
        }
        assert_eq!(names(state.in_namespace("a")), ["a/1", "a/2"]);
        assert_eq!(names(state.all()), ["a/1", "a/2", "ab/3", "b/1"]);
    }

    #[test]
    fn the_owner_index_follows_changes() {
        let mut state = empty();
        apply(&mut state, &object("a", "1", 1, Some("x")));
        apply(&mut state, &object("a", "1", 2, Some("y")));
        assert_eq!(names(state.owned_by("x")), [""; 0]);
        assert_eq!(names(state.owned_by("y")), ["a/1"]);
        assert_eq!(
            names(state.orphans("a")),
            ["a/1"],
            "no owner is marked as the controller"
        );
        assert!(names(state.orphans("b")).is_empty());
        state.remove(&ObjectKey::new("a", "1"));
        assert!(state.by_owner.is_empty());
    }

    #[test]
    fn a_fresh_list_tells_only_the_differences() {
        let mut state = empty();
        apply(&mut state, &object("a", "1", 1, None));
        apply(&mut state, &object("a", "2", 2, None));
        let mut receiver = state.subscribe();
        while receiver.try_recv().is_ok() {}
        for listed in [object("a", "1", 1, None), object("a", "3", 4, None)] {
            apply(&mut state, &listed);
        }
        state.retain(&["1", "3"].map(|name| ObjectKey::new("a", name)).into());
        let mut heard = Vec::new();
        while let Ok(change) = receiver.try_recv() {
            let sign = if matches!(change, Change::Removed(_)) {
                '-'
            } else {
                '+'
            };
            heard.push(format!("{sign}{}", key_of(&**change.object())));
        }
        assert_eq!(heard, ["+a/3", "-a/2"]);
    }

    #[test]
    fn what_nobody_asks_for_is_let_go_and_comes_back() {
        let mut state = empty();
        let one = object("a", "1", 1, Some("x"));
        apply(&mut state, &one);
        apply(&mut state, &object("a", "2", 1, None));
        let first = ObjectKey::new("a", "1");
        assert!(!state.cool(), "nobody asked yet");
        let held = Arc::downgrade(&state.get(&first).unwrap());
        assert!(state.cool(), "one was asked for");
        assert!(held.upgrade().is_some());
        assert!(!state.cool());
        assert!(held.upgrade().is_none());
        assert_eq!(*state.get(&first).unwrap(), one);
    }
}
