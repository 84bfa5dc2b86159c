//! The objects of a cache and their index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Change;
use super::held::Held;
use super::sink::Brief;
use crate::{Object, ObjectKey, controller_of, key_of};

/// No uid is empty, so this entry of the owner index is free for objects without a controller.
const NO_CONTROLLER: &str = "";

pub(super) struct State<K> {
    objects: BTreeMap<ObjectKey, Held<K>>,
    /// Owner and dependent.
    by_owner: BTreeSet<(Arc<str>, ObjectKey)>,
    subscribers: Vec<mpsc::UnboundedSender<Change<K>>>,
}

impl<K> Default for State<K> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            by_owner: BTreeSet::new(),
            subscribers: Vec::new(),
        }
    }
}

impl<K: Object> State<K> {
    pub(super) fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.objects.get(key)?.object()
    }

    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.keys()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Arc<K>> {
        self.objects.values().filter_map(Held::object)
    }

    pub(super) fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = Arc<K>> {
        self.objects
            .range(ObjectKey::new(namespace, "")..)
            .take_while(move |(key, _)| &*key.namespace == namespace)
            .filter_map(|(_, held)| held.object())
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
    pub(super) fn subscribe(&mut self) -> mpsc::UnboundedReceiver<Change<K>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        for object in self.all() {
            let before = None;
            let _ = sender.send(Change::Applied { before, object });
        }
        self.subscribers.push(sender);
        receiver
    }

    /// Lets go of decoded objects that nobody asked for lately. True where some are left.
    pub(super) fn cool(&self) -> bool {
        self.objects
            .values()
            .fold(false, |left, held| held.cool() || left)
    }

    pub(super) fn apply(&mut self, text: Bytes, mut object: K) {
        // A third of an object's size, and no controller's business.
        object.meta_mut().managed_fields = None;
        let key = key_of(&object);
        let before = self.get(&key);
        let same = |one: &K, other: &K| {
            one.meta().resource_version.is_some()
                && one.meta().resource_version == other.meta().resource_version
                && one.meta().uid == other.meta().uid
        };
        if before.as_ref().is_some_and(|before| same(before, &object)) {
            return;
        }
        if let Some(before) = &before {
            self.unindex(&key, before);
        }
        for owner in owners(&object) {
            let owner = self.known_owner(owner);
            self.by_owner.insert((owner, key.clone()));
        }
        let object = Arc::new(object);
        self.objects.insert(key, Held::new(text, object.clone()));
        self.tell(&Change::Applied { before, object });
    }

    /// Takes in an object that is new and that nobody waits for, without decoding it.
    pub(super) fn take_cold(&mut self, text: &Bytes, brief: &Brief<'_>) -> Option<ObjectKey> {
        let key = brief.key();
        if !self.subscribers.is_empty() || self.objects.contains_key(&key) {
            return None;
        }
        let (owners, controlled) = brief.owners();
        for owner in owners.chain((!controlled).then_some(NO_CONTROLLER)) {
            let owner = self.known_owner(owner);
            self.by_owner.insert((owner, key.clone()));
        }
        self.objects.insert(key.clone(), Held::cold(text.clone()));
        Some(key)
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
        let Some(object) = self.objects.remove(key).and_then(|held| held.object()) else {
            return;
        };
        self.unindex(key, &object);
        self.tell(&Change::Removed(object));
    }

    /// Keeps only these, telling subscribers of the others in key order.
    pub(super) fn retain(&mut self, kept: &BTreeSet<ObjectKey>) {
        let gone = |key: &&ObjectKey| !kept.contains(*key);
        let gone: Vec<ObjectKey> = self.keys().filter(gone).cloned().collect();
        for key in &gone {
            self.remove(key);
        }
    }

    fn unindex(&mut self, key: &ObjectKey, object: &K) {
        for owner in owners(object) {
            self.by_owner.remove(&(owner.into(), key.clone()));
        }
    }

    fn tell(&mut self, change: &Change<K>) {
        self.subscribers
            .retain(|subscriber| subscriber.send(change.clone()).is_ok());
    }
}

/// What an object is indexed under: the uids of its owners, and the mark of having no controller.
fn owners<K: Object>(object: &K) -> impl Iterator<Item = &str> {
    let mark = controller_of(object).is_none().then_some(NO_CONTROLLER);
    object
        .meta()
        .owner_references
        .iter()
        .flatten()
        .map(|owner| owner.uid.as_str())
        .chain(mark)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    use super::*;

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
        let text = serde_json::to_vec(object).unwrap();
        state.apply(text.into(), object.clone());
    }

    fn names(objects: impl Iterator<Item = Arc<ConfigMap>>) -> Vec<String> {
        objects.map(|object| key_of(&*object).to_string()).collect()
    }

    #[test]
    fn namespaces_do_not_leak_into_each_other() {
        let mut state = State::default();
        for (namespace, name) in [("b", "1"), ("a", "2"), ("ab", "3"), ("a", "1")] {
            apply(&mut state, &object(namespace, name, 1, None));
        }
        assert_eq!(names(state.in_namespace("a")), ["a/1", "a/2"]);
        assert_eq!(names(state.all()), ["a/1", "a/2", "ab/3", "b/1"]);
    }

    #[test]
    fn the_owner_index_follows_changes() {
        let mut state = State::default();
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
        let mut state = State::default();
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
        let mut state = State::default();
        let one = object("a", "1", 1, Some("x"));
        apply(&mut state, &one);
        apply(&mut state, &object("a", "2", 1, None));
        let first = ObjectKey::new("a", "1");
        assert!(state.cool(), "both were just decoded");
        let held = Arc::downgrade(&state.get(&first).unwrap());
        assert!(state.cool(), "one was asked for");
        assert!(held.upgrade().is_some());
        assert!(!state.cool());
        assert!(held.upgrade().is_none());
        assert_eq!(*state.get(&first).unwrap(), one);
    }
}
