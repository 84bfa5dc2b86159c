//! Made-up figures for `metrics.k8s.io`: a test says what pods use.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use seatrial_apiserver::usage::{
    Amount, FiguresOrigin, Measured, NodeFigures, PodFigures, Usage as Port,
};

/// What every container of every pod uses, until it is told otherwise.
#[derive(Clone, Default)]
pub struct Figures {
    millis: Arc<AtomicU64>,
}

impl Figures {
    /// From now on each container uses so many thousandths of a processor.
    pub fn set(&self, cpu_millis: u64) {
        self.millis.store(cpu_millis, Ordering::Relaxed);
    }

    fn amount(&self) -> Amount {
        Amount {
            cpu_nanos: self.millis.load(Ordering::Relaxed) * 1_000_000,
            memory_bytes: 64 << 20,
        }
    }
}

const WINDOW: Duration = Duration::from_secs(15);

#[async_trait::async_trait]
impl Port for Figures {
    async fn pods(&self, pods: &[Measured]) -> BTreeMap<(String, String), PodFigures> {
        let figures = pods.iter().map(|pod| {
            let containers = pod.containers.keys();
            let figures = PodFigures {
                containers: containers
                    .map(|name| (name.clone(), self.amount()))
                    .collect(),
                window: WINDOW,
                origin: FiguresOrigin::Modelled,
            };
            ((pod.namespace.clone(), pod.pod.clone()), figures)
        });
        figures.collect()
    }

    async fn nodes(&self, nodes: &[String], _: &[Measured]) -> BTreeMap<String, NodeFigures> {
        let figures = NodeFigures {
            amount: self.amount(),
            window: WINDOW,
            origin: FiguresOrigin::Modelled,
        };
        nodes.iter().map(|name| (name.clone(), figures)).collect()
    }
}
