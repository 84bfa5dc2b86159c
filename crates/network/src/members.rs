//! The pods of the namespaces that have Services, kept current change by change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use seatrial_controller::{Cache, Change, Changes, News, ObjectKey, key_of};

use crate::table::Member;

type Labels = BTreeMap<String, String>;

/// The pods that a table may need. To read all of a large cluster for each table would be most of
/// what it does while it is in motion.
pub(crate) struct Members {
    cache: Cache<Pod>,
    changes: Changes<Pod>,
    namespaces: BTreeSet<Arc<str>>,
    pods: BTreeMap<ObjectKey, Arc<Member>>,
    /// The labels of pods, of which many have the same.
    labels: BTreeSet<Arc<Labels>>,
}

impl Members {
    pub(crate) fn new(cache: Cache<Pod>) -> Self {
        let mut changes = cache.subscribe();
        // No namespace has been asked for yet.
        changes.skip();
        Self {
            cache,
            changes,
            namespaces: BTreeSet::new(),
            pods: BTreeMap::new(),
            labels: BTreeSet::new(),
        }
    }

    /// Waits until a pod has changed that tables are made of. Nothing is lost when the future is dropped.
    pub(crate) async fn changed(&mut self) {
        while let Some(news) = self.changes.news().await {
            if self.take(&news) {
                return;
            }
        }
    }

    /// The pods as they are, of the namespaces that need it.
    pub(crate) fn newest(
        &mut self,
        services: &[Arc<Service>],
        slices: &[Arc<EndpointSlice>],
    ) -> Vec<Arc<Member>> {
        let wanted = wanted(services, slices);
        if wanted != self.namespaces {
            self.pods.retain(|key, _| wanted.contains(&key.namespace));
            self.namespaces.retain(|known| wanted.contains(known));
        }
        while let Ok(news) = self.changes.try_news() {
            self.take(&news);
        }
        for namespace in wanted {
            if !self.namespaces.contains(&namespace) {
                for pod in self.cache.list(&namespace) {
                    self.put(key_of(&*pod), &pod);
                }
                self.namespaces.insert(namespace);
            }
        }
        self.labels.retain(|labels| Arc::strong_count(labels) > 1);
        self.pods.values().cloned().collect()
    }

    /// Whether a change is about a pod that tables are made of.
    fn take(&mut self, news: &News<Pod>) -> bool {
        let key = news.key();
        if !self.namespaces.contains(&key.namespace) {
            return false;
        }
        match news.read() {
            Some(Change::Applied { object, .. }) => self.put(key.clone(), &object),
            Some(Change::Removed(_)) | None => {
                self.pods.remove(key);
            }
        }
        true
    }

    fn put(&mut self, key: ObjectKey, pod: &Pod) {
        let mut member = Member::of(pod);
        match self.labels.get(&member.labels) {
            Some(known) => member.labels = known.clone(),
            None => {
                self.labels.insert(member.labels.clone());
            }
        }
        self.pods.insert(key, Arc::new(member));
    }
}

/// The namespaces whose pods tables are made of: a Service selects some, or a slice of one that does
/// not select may name some, if only by address.
fn wanted(services: &[Arc<Service>], slices: &[Arc<EndpointSlice>]) -> BTreeSet<Arc<str>> {
    let mut wanted = BTreeSet::new();
    let sliced: BTreeSet<(Option<&str>, &str)> = slices
        .iter()
        .filter_map(|slice| {
            let labels = slice.metadata.labels.as_ref()?;
            let service = labels.get("kubernetes.io/service-name")?;
            Some((slice.metadata.namespace.as_deref(), service.as_str()))
        })
        .collect();
    for service in services {
        let namespace = service.metadata.namespace.as_deref();
        let name = service.metadata.name.as_deref().unwrap_or_default();
        let spec = service.spec.as_ref();
        let selector = spec.and_then(|spec| spec.selector.as_ref());
        let selects = selector.is_some_and(|selector| !selector.is_empty());
        // That of the API server leads to no pod.
        let is_own = (namespace, name) == (Some("default"), "kubernetes");
        if selects || !is_own && sliced.contains(&(namespace, name)) {
            wanted.extend(namespace.map(Arc::from));
        }
    }
    wanted
}
