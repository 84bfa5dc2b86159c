//! The gateway's way into pods, through the agents of this process.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use seatrial_network::{BoxedStream, Connector, PodAddress};
use seatrial_node::agent::Agent;

/// Opens connections into the pods of all agents. Agents are added as nodes start.
#[derive(Clone, Default)]
pub(crate) struct Reach(Arc<RwLock<Vec<Agent>>>);

impl Reach {
    pub(crate) fn add(&self, agent: Agent) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(agent);
    }

    /// How many agents there are.
    pub(crate) fn count(&self) -> u64 {
        let agents = self.0.read().unwrap_or_else(PoisonError::into_inner);
        agents.len() as u64
    }

    /// Whether all nodes are simulated.
    pub(crate) fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The agent whose node has this pod.
    pub(crate) fn agent(&self, namespace: &str, pod: &str) -> Option<Agent> {
        let agents = self.0.read().unwrap_or_else(PoisonError::into_inner);
        agents
            .iter()
            .find(|agent| agent.has(namespace, pod))
            .cloned()
    }
}

#[async_trait]
impl Connector for Reach {
    async fn connect(&self, pod: &PodAddress, port: u16) -> io::Result<BoxedStream> {
        let agent = self.agent(&pod.namespace, &pod.name).ok_or_else(|| {
            let message = format!(
                "pod {pod} runs on no node of this machine (simulated pods answer nothing)"
            );
            io::Error::new(io::ErrorKind::NotConnected, message)
        })?;
        let stream = agent.connect(&pod.namespace, &pod.name, port).await;
        let stream = stream.map_err(|error| {
            let text = seatrial_controller::Chain(&error).to_string();
            io::Error::new(io::ErrorKind::ConnectionRefused, text)
        })?;
        Ok(Box::new(stream))
    }
}
