//! Before a pod ends, the gateway finishes what it has with it.

use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use seatrial_network::{Drained, Gateway, PodAddress};
use seatrial_node::agent;

/// The gateway as the agents see it.
pub(crate) struct Drain(pub(crate) Gateway);

#[async_trait]
impl agent::Drain for Drain {
    async fn drained(&self, pod: &Pod, limit: Duration) {
        let metadata = &pod.metadata;
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let ip = pod
            .status
            .as_ref()
            .and_then(|status| status.pod_ip.clone())
            .unwrap_or_default();
        let address = PodAddress {
            namespace: text(&metadata.namespace).into(),
            name: text(&metadata.name).into(),
            uid: text(&metadata.uid).into(),
            ip: ip.into(),
        };
        if let Drained::Cut { in_flight } = self.0.drain(&address, limit).await {
            tracing::warn!(
                in_flight,
                "pod {address} ends although requests are under way"
            );
        }
    }
}
