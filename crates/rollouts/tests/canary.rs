//! Canary rollouts from the first deploy to promotion and abort, in virtual time.
//!
//! Pods are played by a task that makes every replica set ready as soon as it is scaled; the numbers
//! come from a function of the test.

#![allow(clippy::unwrap_used, clippy::panic)] // A test may fail loudly.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use seatrial_controller::Context;
use seatrial_resources::argoproj::{AnalysisPhase, AnalysisRun, Rollout, RolloutPhase};
use seatrial_resources::istio::VirtualService;
use seatrial_rollouts::metrics::{Answer, Metrics, Unanswered};
use seatrial_testkit::Cluster;
use serde_json::{Value, json};

/// Answers every query with the number that the test has set; nothing means no samples.
#[derive(Clone, Default)]
struct Numbers(Arc<Mutex<Option<f64>>>);

impl Numbers {
    fn set(&self, number: impl Into<Option<f64>>) {
        *self.0.lock().unwrap() = number.into();
    }
}

#[async_trait]
impl Metrics for Numbers {
    async fn query(&self, address: &str, query: &str) -> Result<Answer, Unanswered> {
        assert_eq!(address, "http://prometheus:9090");
        assert!(query.contains(r#"service="shop-canary""#), "{query}");
        Ok(Answer::Vector(
            self.0.lock().unwrap().iter().copied().collect(),
        ))
    }
}

struct Stage {
    cluster: Cluster,
    rollouts: Api<Rollout>,
    numbers: Numbers,
    tasks: tokio::task::JoinSet<()>,
}

fn rollout(image: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "test"},
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{"name": "app", "image": image}]}
            },
            "strategy": {"canary": {
                "canaryService": "shop-canary", "stableService": "shop-stable",
                "trafficRouting": {"istio": {"virtualService": {"name": "shop", "routes": ["primary"]}}},
                "steps": [
                    {"setWeight": 10}, {"pause": {"duration": "5m"}},
                    {"setWeight": 50}, {"pause": {"duration": "5m"}}
                ],
                "analysis": {
                    "templates": [{"templateName": "success-rate"}], "startingStep": 1,
                    "args": [{"name": "service-name", "value": "shop-canary"}]
                }
            }}
        }
    })
}

fn surroundings() -> Vec<Value> {
    let service = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "test"},
            "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}]}
        })
    };
    vec![
        service("shop-stable"),
        service("shop-canary"),
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "shop", "namespace": "test"},
            "spec": {"hosts": ["shop.example"], "http": [{"name": "primary", "route": [
                {"destination": {"host": "shop-stable"}, "weight": 100},
                {"destination": {"host": "shop-canary"}, "weight": 0}
            ]}]}
        }),
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
            "metadata": {"name": "success-rate", "namespace": "test"},
            "spec": {"args": [{"name": "service-name"}], "metrics": [{
                "name": "success-rate", "interval": "1m", "failureLimit": 1,
                "successCondition": "result[0] >= 0.99",
                "provider": {"prometheus": {
                    "address": "http://prometheus:9090",
                    "query": "rate(ok{service=\"{{args.service-name}}\"}[5m])"
                }}
            }]}
        }),
    ]
}

/// Makes every replica set ready as soon as it is scaled.
async fn play_pods(cluster: Cluster) {
    let sets: Api<ReplicaSet> = Api::namespaced(cluster.client, "test");
    loop {
        for set in sets.list(&ListParams::default()).await.unwrap() {
            let wanted = set.spec.as_ref().unwrap().replicas;
            let status = set.status.as_ref();
            if status.and_then(|status| status.available_replicas) != wanted {
                let status = json!({"status": {"replicas": wanted, "readyReplicas": wanted, "availableReplicas": wanted}});
                let name = set.metadata.name.unwrap();
                sets.patch_status(&name, &PatchParams::default(), &Patch::Merge(status))
                    .await
                    .unwrap();
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

impl Stage {
    async fn set(objects: Vec<Value>) -> Self {
        let cluster = seatrial_testkit::cluster().await;
        cluster.namespace("test").await.unwrap();
        for object in objects {
            cluster.create(object).await.unwrap();
        }
        let ctx = Context::with_identities(
            cluster.controllers(),
            cluster.clock.clone(),
            cluster.random.clone(),
        );
        let numbers = Numbers::default();
        numbers.set(1.0);
        let mut tasks = tokio::task::JoinSet::new();
        for (_, controller) in seatrial_rollouts::controllers(&ctx, Arc::new(numbers.clone())) {
            tasks.spawn(controller);
        }
        tasks.spawn(play_pods(cluster.clone()));
        let rollouts = Api::namespaced(cluster.client.clone(), "test");
        Self {
            cluster,
            rollouts,
            numbers,
            tasks,
        }
    }

    async fn until(&self, what: &str, fits: impl Fn(&Rollout) -> bool) -> Rollout {
        for _ in 0..1800 {
            let rollout = self.rollouts.get("shop").await.unwrap();
            if fits(&rollout) {
                return rollout;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("{what}: did not happen within half an hour");
    }

    async fn phase(&self, phase: RolloutPhase, image: &str) -> Rollout {
        self.until(&format!("{phase:?} with {image}"), |rollout| {
            let status = rollout.status.as_ref();
            let current = serde_json::to_string(&rollout.spec.template)
                .unwrap()
                .contains(image);
            let observed = status.and_then(|status| status.observed_generation.clone());
            current
                && observed == rollout.metadata.generation.map(|number| number.to_string())
                && status.and_then(|status| status.phase) == Some(phase)
        })
        .await
    }

    async fn canary_weight(&self) -> i32 {
        let routes: Api<VirtualService> = Api::namespaced(self.cluster.client.clone(), "test");
        routes.get("shop").await.unwrap().spec.http[0].route[1]
            .weight
            .unwrap()
    }

    async fn selected(&self, service: &str) -> Option<String> {
        let services: Api<Service> = Api::namespaced(self.cluster.client.clone(), "test");
        let selector = services
            .get(service)
            .await
            .unwrap()
            .spec
            .unwrap()
            .selector
            .unwrap();
        selector.get("rollouts-pod-template-hash").cloned()
    }

    async fn sizes(&self) -> Vec<i32> {
        let sets: Api<ReplicaSet> = Api::namespaced(self.cluster.client.clone(), "test");
        let mut sizes: Vec<i32> = sets
            .list(&ListParams::default())
            .await
            .unwrap()
            .iter()
            .map(|set| set.spec.as_ref().unwrap().replicas.unwrap())
            .collect();
        sizes.sort_unstable();
        sizes
    }

    async fn runs(&self) -> Vec<(AnalysisPhase, String)> {
        let runs: Api<AnalysisRun> = Api::namespaced(self.cluster.client.clone(), "test");
        let runs = runs.list(&ListParams::default()).await.unwrap();
        runs.iter()
            .map(|run| run.status.clone().unwrap_or_default())
            .map(|status| (status.phase, status.message.unwrap_or_default()))
            .collect()
    }

    async fn patch_status(&self, status: Value) {
        let patch = Patch::Merge(json!({"status": status}));
        self.rollouts
            .patch_status("shop", &PatchParams::default(), &patch)
            .await
            .unwrap();
    }
}

async fn first_version() -> Stage {
    let stage = Stage::set([surroundings(), vec![rollout("shop:1")]].concat()).await;
    let healthy = stage.phase(RolloutPhase::Healthy, "shop:1").await;
    let status = healthy.status.unwrap();
    assert_eq!(status.stable_rs, status.current_pod_hash);
    stage
}

#[tokio::test(start_paused = true)]
async fn the_first_version_comes_up_without_steps() {
    let mut stage = first_version().await;
    assert_eq!(stage.sizes().await, [4]);
    assert_eq!(stage.canary_weight().await, 0);
    assert!(stage.runs().await.is_empty());
    stage.tasks.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_good_version_takes_over_step_by_step() {
    let stage = first_version().await;
    let begun = tokio::time::Instant::now();
    stage.cluster.apply(rollout("shop:2")).await.unwrap();
    let paused = stage.phase(RolloutPhase::Paused, "shop:2").await;
    let status = paused.status.unwrap();
    assert_eq!(status.current_step_index, Some(1));
    assert_eq!(status.message.as_deref(), Some("CanaryPauseStep"));
    assert_eq!(
        (stage.canary_weight().await, stage.sizes().await),
        (10, vec![1, 4])
    );
    assert_eq!(stage.selected("shop-canary").await, status.current_pod_hash);
    assert_eq!(stage.selected("shop-stable").await, status.stable_rs);

    let healthy = stage.phase(RolloutPhase::Healthy, "shop:2").await;
    let status = healthy.status.unwrap();
    assert!(
        begun.elapsed() >= Duration::from_mins(10),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(status.stable_rs, status.current_pod_hash);
    let revision = healthy.metadata.annotations.unwrap()["rollout.argoproj.io/revision"].clone();
    assert_eq!(revision, "2");
    assert_eq!(stage.canary_weight().await, 0);
    assert_eq!(stage.selected("shop-stable").await, status.stable_rs);
    // The old pods stay for the scale-down delay, then go.
    assert_eq!(stage.sizes().await, [4, 4]);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(stage.sizes().await, [0, 4]);
    assert_eq!(
        stage.runs().await,
        [(AnalysisPhase::Successful, "Run Terminated".to_owned())]
    );
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_is_given_up_and_the_stable_one_has_all_traffic() {
    let stage = first_version().await;
    stage.numbers.set(0.8);
    stage.cluster.apply(rollout("shop:3")).await.unwrap();
    let degraded = stage.phase(RolloutPhase::Degraded, "shop:3").await;
    let status = degraded.status.unwrap();
    assert_eq!(
        status.message.as_deref(),
        Some(
            "RolloutAborted: Rollout aborted update to revision 2: Metrics analysis phase \
             error/failed: Metric \"success-rate\" assessed Failed due to failed (2) > failureLimit (1)"
        )
    );
    assert_eq!(stage.canary_weight().await, 0);
    assert_eq!(stage.sizes().await, [1, 4]);
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(stage.sizes().await, [0, 4]);
    let later = stage.rollouts.get("shop").await.unwrap().status.unwrap();
    assert_eq!(later.message, status.message, "the message must not grow");

    // A retry starts at the first step, with an analysis of its own.
    stage.numbers.set(1.0);
    stage.patch_status(json!({"abort": false})).await;
    stage.phase(RolloutPhase::Healthy, "shop:3").await;
    assert_eq!(stage.runs().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn going_back_to_the_stable_template_skips_the_steps() {
    let stage = first_version().await;
    stage.cluster.apply(rollout("shop:2")).await.unwrap();
    stage.phase(RolloutPhase::Paused, "shop:2").await;
    stage.cluster.apply(rollout("shop:1")).await.unwrap();
    let begun = tokio::time::Instant::now();
    stage.phase(RolloutPhase::Healthy, "shop:1").await;
    assert!(
        begun.elapsed() < Duration::from_mins(1),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(stage.canary_weight().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_promotion_ends_the_pause_and_a_full_one_skips_all() {
    let stage = first_version().await;
    stage.cluster.apply(rollout("shop:2")).await.unwrap();
    stage.phase(RolloutPhase::Paused, "shop:2").await;
    stage.patch_status(json!({"pauseConditions": null})).await;
    stage
        .until("step 3", |rollout| {
            rollout
                .status
                .as_ref()
                .and_then(|status| status.current_step_index)
                == Some(3)
        })
        .await;
    assert_eq!(stage.canary_weight().await, 50);
    stage.patch_status(json!({"promoteFull": true})).await;
    let begun = tokio::time::Instant::now();
    stage.phase(RolloutPhase::Healthy, "shop:2").await;
    assert!(
        begun.elapsed() < Duration::from_mins(1),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn an_analysis_that_fetches_nothing_is_an_error_that_says_so() {
    let stage = first_version().await;
    stage.numbers.set(None);
    stage.cluster.apply(rollout("shop:2")).await.unwrap();
    let degraded = stage.phase(RolloutPhase::Degraded, "shop:2").await;
    let message = degraded.status.unwrap().message.unwrap();
    assert!(
        message.contains("assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4)")
            && message
                .contains("the query returned no samples: rate(ok{service=\"shop-canary\"}[5m])"),
        "{message}"
    );
    assert_eq!(stage.canary_weight().await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_named_and_healed() {
    let mut objects = surroundings();
    let route = objects.remove(2);
    objects.push(rollout("shop:1"));
    let stage = Stage::set(objects).await;
    let degraded = stage.phase(RolloutPhase::Degraded, "shop:1").await;
    let message = degraded.status.unwrap().message.unwrap();
    assert!(message.starts_with("InvalidSpec: The Rollout \"shop\" is invalid: spec.strategy.canary.trafficRouting.istio.virtualService.name"), "{message}");
    assert!(
        message.ends_with("VirtualService \"shop\" not found in namespace test"),
        "{message}"
    );
    assert!(stage.sizes().await.is_empty(), "nothing is half applied");
    stage.cluster.create(route).await.unwrap();
    stage.phase(RolloutPhase::Healthy, "shop:1").await;
}
