//! The kit against a real API server in this process, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use expect_test::expect;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, ObjectMeta};
use kube::{Api, Resource};
use seatrial_controller::{
    Change, Class, Classify, Context, Notice, ObjectKey, Outcome, Reconciler, Watches, finalizer,
    key_of, owner_reference, run,
};
use seatrial_testkit::Cluster;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const NAMESPACE: &str = "test";

async fn start() -> (Cluster, Context) {
    let cluster = seatrial_testkit::cluster().await;
    cluster.namespace(NAMESPACE).await.unwrap();
    let ctx = Context::new(
        cluster.client.clone(),
        cluster.clock.clone(),
        cluster.random.clone(),
    );
    (cluster, ctx)
}

fn set(name: &str, replicas: i32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"namespace": NAMESPACE, "name": name},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}},
                         "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    })
}

async fn wait(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[derive(Debug, thiserror::Error)]
#[error("make a child")]
enum Error {
    Child(#[source] seatrial_controller::write::Error),
    Never(#[source] std::fmt::Error),
    Later(#[source] std::fmt::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        if matches!(self, Self::Never(_)) {
            Class::Terminal
        } else {
            Class::Retry
        }
    }
}

/// Makes one randomly named ConfigMap per replica, counting those it has in the cache.
struct Children(Arc<AtomicUsize>);

impl Reconciler for Children {
    const NAME: &'static str = "children";
    const WORKERS: usize = 3;
    type Object = ReplicaSet;
    type Error = Error;

    fn watches(&self, watches: &mut Watches<ReplicaSet>) {
        watches.owned::<ConfigMap>();
    }

    async fn reconcile(&self, set: Arc<ReplicaSet>, ctx: &Context) -> Result<Outcome, Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let maps = ctx.cache::<ConfigMap>().await;
        let has = maps.owned_by(set.metadata.uid.as_deref().unwrap()).len();
        let wants = usize::try_from(set.spec.as_ref().unwrap().replicas.unwrap()).unwrap();
        for _ in has..wants {
            let map = ConfigMap {
                metadata: ObjectMeta {
                    name: Some(format!("child-{}", ctx.random.suffix(8))),
                    namespace: set.metadata.namespace.clone(),
                    owner_references: Some(vec![owner_reference(&*set)]),
                    ..ObjectMeta::default()
                },
                ..ConfigMap::default()
            };
            ctx.objects::<ConfigMap>()
                .create(&map)
                .await
                .map_err(Error::Child)?;
        }
        Ok(Outcome::settled().with_status(json!({"replicas": has.max(wants)})))
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_sees_what_the_one_before_wrote() {
    let (cluster, ctx) = start().await;
    let passes = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    tasks.spawn(run(Children(passes.clone()), ctx.clone()));
    cluster.create(set("web", 20)).await.unwrap();
    // Changes rain on the object while it makes its children.
    let sets: Api<ReplicaSet> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    for number in 0..50 {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {"n": number.to_string()}}}));
        sets.patch("web", &PatchParams::default(), &patch)
            .await
            .unwrap();
        tokio::task::yield_now().await;
    }
    wait(5).await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    assert_eq!(
        maps.list(&ListParams::default()).await.unwrap().items.len(),
        20
    );
    assert_eq!(sets.get("web").await.unwrap().status.unwrap().replicas, 20);
    let settled = passes.load(Ordering::Relaxed);
    assert!(
        settled < 20,
        "bursts are taken together, but there were {settled} passes"
    );
    wait(3600).await;
    assert_eq!(
        passes.load(Ordering::Relaxed),
        settled,
        "a settled object is left alone"
    );
    let counters = &ctx.metrics.snapshot()["children"];
    assert_eq!(counters.status_writes, 1, "{counters:?}");
}

/// Fails as the object's labels say.
struct Failing;

impl Reconciler for Failing {
    const NAME: &'static str = "failing";
    type Object = ReplicaSet;
    type Error = Error;

    async fn reconcile(&self, set: Arc<ReplicaSet>, _: &Context) -> Result<Outcome, Error> {
        match set.spec.as_ref().unwrap().replicas {
            Some(0) => Err(Error::Never(std::fmt::Error)),
            Some(1) => Err(Error::Later(std::fmt::Error)),
            _ => Ok(Outcome::waiting(Duration::from_mins(1))
                .with_event(Notice::normal("Looked", "Looked at it"))),
        }
    }

    fn failed(&self, _: &ReplicaSet, error: &Error, _: &Context) -> Option<Value> {
        let message = seatrial_controller::Chain(error).to_string();
        Some(json!({"replicas": 0, "conditions": [
            {"type": "Failed", "status": "True", "message": message}]}))
    }
}

#[tokio::test(start_paused = true)]
async fn caught_up_caches_hold_what_was_just_written() {
    let (_cluster, ctx) = start().await;
    let ctx = ctx.named("writer").scoped();
    let maps = ctx.cache::<ConfigMap>().await;
    for number in 0..20 {
        let name = format!("map-{number}");
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: Some(NAMESPACE.to_owned()),
                ..ObjectMeta::default()
            },
            ..ConfigMap::default()
        };
        ctx.objects::<ConfigMap>().create(&map).await.unwrap();
        ctx.caught_up().await;
        assert!(maps.find(NAMESPACE, &name).is_some(), "{name}");
    }
}

async fn events(cluster: &Cluster) -> Vec<String> {
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let list = events.list(&ListParams::default()).await.unwrap();
    let lines = list.items.into_iter().map(|event| {
        format!(
            "{} {} {} x{} ({})",
            event.type_.unwrap(),
            event.reason.unwrap(),
            event.message.unwrap(),
            event.count.unwrap(),
            event.source.unwrap().component.unwrap(),
        )
    });
    lines.collect()
}

async fn failing(replicas: i32, seconds: u64) -> (Cluster, Context, Vec<String>) {
    let (cluster, ctx) = start().await;
    tokio::spawn(run(Failing, ctx.clone()));
    cluster.create(set("web", replicas)).await.unwrap();
    wait(seconds).await;
    let seen = events(&cluster).await;
    (cluster, ctx, seen)
}

#[tokio::test(start_paused = true)]
async fn a_terminal_failure_waits_for_a_change() {
    let (cluster, ctx, seen) = failing(0, 3600).await;
    let count = |ctx: &Context| ctx.metrics.snapshot()["failing"].failed;
    // Once for the object, once more for the status that the first pass wrote.
    assert_eq!(count(&ctx), 2);
    expect![[r#"
        [
            "Warning ReconcileError make a child: an error occurred when formatting an argument x2 (failing)",
        ]
    "#]]
    .assert_debug_eq(&seen);
    let sets: Api<ReplicaSet> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let status = sets.get("web").await.unwrap().status.unwrap();
    assert_eq!(status.conditions.unwrap()[0].type_, "Failed");
    let patch = Patch::Merge(json!({"spec": {"replicas": 5}}));
    sets.patch("web", &PatchParams::default(), &patch)
        .await
        .unwrap();
    wait(10).await;
    assert_eq!(ctx.metrics.snapshot()["failing"].succeeded, 1);
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_retried_with_growing_delays() {
    let (_, ctx, _) = failing(1, 3600).await;
    let retried = ctx.metrics.snapshot()["failing"].retried;
    // 5 ms doubled until five minutes take 16 tries and 5 minutes; then one every 5 minutes.
    assert!((24..=28).contains(&retried), "{retried}");
}

#[tokio::test(start_paused = true)]
async fn waiting_looks_again_and_the_same_event_is_counted() {
    let (_, ctx, seen) = failing(2, 602).await;
    assert_eq!(ctx.metrics.snapshot()["failing"].succeeded, 11);
    assert_eq!(seen, ["Normal Looked Looked at it x11 (failing)"]);
}

#[tokio::test(start_paused = true)]
async fn finalizers_hold_and_let_go() {
    let (cluster, ctx) = start().await;
    cluster.create(set("web", 1)).await.unwrap();
    let sets = ctx.objects::<ReplicaSet>();
    let key = ObjectKey::new(NAMESPACE, "web");
    let object = sets.get(&key).await.unwrap();
    finalizer::ensure(&sets, &object, "example.com/hold")
        .await
        .unwrap();
    let stale = finalizer::ensure(&sets, &object, "example.com/other")
        .await
        .unwrap_err();
    assert!(stale.is_conflict(), "{stale:?}");
    sets.delete(&object).await.unwrap();
    let held = sets.get(&key).await.unwrap();
    assert!(held.metadata.deletion_timestamp.is_some());
    finalizer::remove(&sets, &held, "example.com/hold")
        .await
        .unwrap();
    assert!(sets.get(&key).await.unwrap_err().is_not_found());
    finalizer::remove(&sets, &held, "example.com/hold")
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn typed_and_dynamic_caches_follow_the_same_kind() {
    let (cluster, ctx) = start().await;
    let typed = ctx.cache::<ReplicaSet>().await;
    let dynamic = ctx
        .caches
        .of_kind::<DynamicObject>(&ApiResource::erase::<ReplicaSet>(&()));
    dynamic.synced().await;
    let mut changes = typed.subscribe();
    cluster.create(set("b", 1)).await.unwrap();
    cluster.create(set("a", 1)).await.unwrap();
    wait(1).await;
    let names = |keys: Vec<ObjectKey>| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = ["test/a", "test/b"];
    assert_eq!(
        names(typed.all().iter().map(|one| key_of(&**one)).collect()),
        expected
    );
    assert_eq!(
        names(dynamic.all().iter().map(|one| key_of(&**one)).collect()),
        expected
    );
    let heard: Vec<_> = std::iter::from_fn(|| changes.try_recv().ok())
        .map(|change| match change {
            Change::Applied {
                before: None,
                object,
            } => key_of(&*object),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        names(heard),
        ["test/b", "test/a"],
        "in the order of the writes"
    );
    let again: BTreeSet<_> = std::iter::from_fn({
        let mut late = typed.subscribe();
        move || late.try_recv().ok()
    })
    .map(|change| key_of(&**change.object()))
    .collect();
    assert_eq!(again.len(), 2, "a late subscriber hears of what is there");
}

#[tokio::test(start_paused = true)]
async fn applying_again_writes_nothing() {
    let (_cluster, ctx) = start().await;
    let ctx = ctx.named("applier");
    let maps = ctx.objects::<ConfigMap>();
    let map = |value: &str| ConfigMap {
        metadata: ObjectMeta {
            name: Some("settings".into()),
            namespace: Some(NAMESPACE.into()),
            ..ObjectMeta::default()
        },
        data: Some([("key".to_owned(), value.to_owned())].into()),
        ..ConfigMap::default()
    };
    let first = maps.apply(&map("one")).await.unwrap();
    let second = maps.apply(&map("one")).await.unwrap();
    assert_eq!(
        first.metadata.resource_version,
        second.metadata.resource_version
    );
    let third = maps.apply(&map("two")).await.unwrap();
    assert_ne!(
        second.metadata.resource_version,
        third.metadata.resource_version
    );
}

/// A stricter view of ConfigMaps than the server has.
#[derive(Debug, Clone, serde::Deserialize)]
struct Marked {
    metadata: ObjectMeta,
    #[expect(dead_code, reason = "only decoded")]
    data: Mark,
}

#[derive(Debug, Clone, serde::Deserialize)]
enum Mark {
    #[serde(rename = "good")]
    Good(#[expect(dead_code, reason = "only decoded")] String),
}

impl Resource for Marked {
    type DynamicType = ();
    type Scope = kube::core::NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "ConfigMap".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "configmaps".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[tokio::test(start_paused = true)]
async fn one_bad_object_does_not_hide_the_others() {
    let (cluster, ctx) = start().await;
    let map = |name: &str, mark: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap",
               "metadata": {"namespace": NAMESPACE, "name": name}, "data": {mark: "x"}})
    };
    cluster.create(map("a", "good")).await.unwrap();
    let maps = ctx.cache::<Marked>().await;
    let names = || -> Vec<String> {
        maps.list(NAMESPACE)
            .iter()
            .filter_map(|one| one.metadata.name.clone())
            .collect()
    };
    assert_eq!(names(), ["a"]);
    for (name, mark) in [("b", "bad"), ("c", "good"), ("d", "worse"), ("e", "good")] {
        cluster.create(map(name, mark)).await.unwrap();
    }
    wait(1).await;
    assert_eq!(names(), ["a", "c", "e"]);
    let late = Context::new(
        cluster.client.clone(),
        cluster.clock.clone(),
        cluster.random.clone(),
    );
    let listed = late.cache::<Marked>().await.list(NAMESPACE).len();
    assert_eq!(listed, 3, "a first list leaves them out too");
    let patch = Patch::Merge(json!({"data": {"good": null, "bad": "x"}}));
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    api.patch("a", &PatchParams::default(), &patch)
        .await
        .unwrap();
    wait(1).await;
    assert_eq!(names(), ["c", "e"], "what it was before is no longer true");
}

#[tokio::test(start_paused = true)]
async fn a_removed_definition_empties_its_cache_and_a_new_one_fills_it() {
    let (cluster, ctx) = start().await;
    let definition = |name: &str| {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": {"group": "example.com", "scope": "Namespaced",
                "names": {"plural": "widgets", "singular": "widget", "kind": name},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema":
                    {"openAPIV3Schema": {"type": "object",
                                         "x-kubernetes-preserve-unknown-fields": true}}}]},
        })
    };
    let widget = |name: &str| {
        json!({"apiVersion": "example.com/v1", "kind": "Widget",
               "metadata": {"namespace": NAMESPACE, "name": name}})
    };
    let resource = ApiResource {
        group: "example.com".into(),
        version: "v1".into(),
        api_version: "example.com/v1".into(),
        kind: "Widget".into(),
        plural: "widgets".into(),
    };
    let cache = ctx.caches.of_kind::<DynamicObject>(&resource);
    wait(5).await;
    cluster.create(definition("Widget")).await.unwrap();
    cache.synced().await;
    cluster.create(widget("one")).await.unwrap();
    wait(1).await;
    assert_eq!(cache.len(), 1);
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    definitions
        .delete("widgets.example.com", &DeleteParams::default())
        .await
        .unwrap();
    wait(600).await;
    assert!(cache.is_empty());
    cache.caught_up(u64::MAX).await;
    cluster.create(definition("Widget")).await.unwrap();
    wait(20).await;
    cluster.create(widget("two")).await.unwrap();
    wait(1).await;
    assert_eq!(
        cache.list(NAMESPACE)[0].metadata.name.as_deref(),
        Some("two")
    );
}
