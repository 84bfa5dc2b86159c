//! A gateway between in-memory clients and in-memory pods.

#![allow(unreachable_pub, dead_code, clippy::unwrap_used)] // A module of tests has no outside.

mod client;
mod pods;

use std::sync::Arc;
use std::time::Duration;

use seatrial_network::{Drained, Gateway, Member, PodAddress, RequestLog, Snapshot, Table};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::client::Client;
pub use self::pods::{Pod, Pods};

pub struct Bench {
    pub gateway: Gateway,
    pub pods: Arc<Pods>,
    pub log: Arc<RequestLog>,
}

impl Bench {
    pub fn new() -> Self {
        let (pods, log) = (Arc::<Pods>::default(), RequestLog::new());
        Self {
            gateway: Gateway::new(pods.clone(), log.clone()),
            pods,
            log,
        }
    }

    pub fn publish(&self, snapshot: &Snapshot) {
        self.gateway.publish(Table::build(snapshot));
    }

    pub async fn client(&self) -> Client {
        Client::connect(&self.gateway).await
    }

    pub async fn drain(&self, pod: &str, limit: Duration) -> Drained {
        let address = PodAddress {
            namespace: "production".into(),
            name: pod.into(),
            uid: pod.into(),
            ip: "10.0.0.1".into(),
        };
        self.gateway.drain(&address, limit).await
    }

    /// One line per service, version and class of status.
    pub fn totals(&self) -> String {
        let totals = self.log.totals();
        let lines = totals.iter().map(|total| {
            format!(
                "{}/{} {} {:?} {}\n",
                total.namespace, total.service, total.version, total.class, total.count
            )
        });
        lines.collect()
    }
}

fn object<K: DeserializeOwned>(value: Value) -> Arc<K> {
    Arc::new(serde_json::from_value(value).unwrap())
}

/// The Service `production/shop` with these pods and their readiness.
pub fn shop(pods: &[(&str, &str)]) -> Snapshot {
    let pod = |(name, ready): &(&str, &str)| {
        let pod = object(json!({
            "metadata": {"namespace": "production", "name": name, "uid": name, "labels": {"app": "shop", "version": "1.0"}},
            "status": {"podIP": "10.0.0.1", "phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
        }));
        Arc::new(Member::of(&pod))
    };
    Snapshot {
        services: vec![object(json!({
            "metadata": {"namespace": "production", "name": "shop"},
            "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 8080}]},
        }))],
        pods: pods.iter().map(pod).collect(),
        ..Snapshot::default()
    }
}

pub fn virtual_service(spec: &Value) -> Arc<seatrial_resources::istio::VirtualService> {
    object(json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"namespace": "production", "name": "shop"}, "spec": spec,
    }))
}
