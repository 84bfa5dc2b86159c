//! The objects of a cache and their index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::Change;
use crate::{Object, ObjectKey, controller_of, key_of};

/// No uid is empty, so this entry of the owner index is free for objects without a controller.
const NO_CONTROLLER: &str = "";

pub(super) struct State<K> {
    pub(super) objects: BTreeMap<ObjectKey, Arc<K>>,
    pub(super) by_owner: BTreeMap<String, BTreeSet<ObjectKey>>,
    pub(super) subscribers: Vec<mpsc::UnboundedSender<Change<K>>>,
}

impl<K> Default for State<K> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            by_owner: BTreeMap::new(),
            subscribers: Vec::new(),
        }
    }
}

impl<K: Object> State<K> {
    pub(super) fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &Arc<K>> {
        self.objects
            .range(ObjectKey::new(namespace, "")..)
            .take_while(move |(key, _)| &*key.namespace == namespace)
            .map(|(_, object)| object)
    }

    /// The objects of one namespace that no controller owns.
    pub(super) fn orphans(&self, namespace: &str) -> impl Iterator<Item = &Arc<K>> {
        self.by_owner
            .get(NO_CONTROLLER)
            .into_iter()
            .flat_map(move |keys| keys.range(ObjectKey::new(namespace, "")..))
            .take_while(move |key| &*key.namespace == namespace)
            .filter_map(|key| self.objects.get(key))
    }

    pub(super) fn apply(&mut self, mut object: K) {
        // A third of an object's size, and no controller's business.
        object.meta_mut().managed_fields = None;
        let key = key_of(&object);
        let before = self.objects.get(&key).cloned();
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
            self.by_owner
                .entry(owner.to_owned())
                .or_default()
                .insert(key.clone());
        }
        let object = Arc::new(object);
        self.objects.insert(key, object.clone());
        self.tell(&Change::Applied { before, object });
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) {
        if let Some(object) = self.objects.remove(key) {
            self.unindex(key, &object);
            self.tell(&Change::Removed(object));
        }
    }

    /// Makes the map equal to a fresh list, telling subscribers the differences in key order.
    pub(super) fn replace(&mut self, objects: Vec<K>) {
        let listed: BTreeSet<ObjectKey> = objects.iter().map(key_of).collect();
        let gone: Vec<ObjectKey> = self
            .objects
            .keys()
            .filter(|key| !listed.contains(*key))
            .cloned()
            .collect();
        for key in &gone {
            self.remove(key);
        }
        for object in objects {
            self.apply(object);
        }
    }

    fn unindex(&mut self, key: &ObjectKey, object: &K) {
        for owner in owners(object) {
            if let Some(keys) = self.by_owner.get_mut(owner) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_owner.remove(owner);
                }
            }
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

    fn names<'a>(objects: impl Iterator<Item = &'a Arc<ConfigMap>>) -> Vec<String> {
        objects
            .map(|object| key_of(&**object).to_string())
            .collect()
    }

    #[test]
    fn namespaces_do_not_leak_into_each_other() {
        let mut state = State::default();
        for (namespace, name) in [("b", "1"), ("a", "2"), ("ab", "3"), ("a", "1")] {
            state.apply(object(namespace, name, 1, None));
        }
        assert_eq!(names(state.in_namespace("a")), ["a/1", "a/2"]);
        assert_eq!(names(state.objects.values()), ["a/1", "a/2", "ab/3", "b/1"]);
    }

    #[test]
    fn the_owner_index_follows_changes() {
        let mut state = State::default();
        state.apply(object("a", "1", 1, Some("x")));
        state.apply(object("a", "1", 2, Some("y")));
        assert_eq!(state.by_owner.keys().collect::<Vec<_>>(), ["", "y"]);
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
        state.replace(vec![object("a", "1", 1, None), object("a", "2", 2, None)]);
        let (sender, mut receiver) = mpsc::unbounded_channel();
        state.subscribers.push(sender);
        state.replace(vec![object("a", "1", 1, None), object("a", "3", 4, None)]);
        let mut heard = Vec::new();
        while let Ok(change) = receiver.try_recv() {
            let sign = if matches!(change, Change::Removed(_)) {
                '-'
            } else {
                '+'
            };
            heard.push(format!("{sign}{}", key_of(&**change.object())));
        }
        assert_eq!(heard, ["-a/2", "+a/3"]);
    }
}
