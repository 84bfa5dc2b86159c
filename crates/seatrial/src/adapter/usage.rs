//! `kubectl top`, from the agents of this process and the machine's process table.

use std::collections::BTreeMap;

use async_trait::async_trait;
use seatrial_apiserver::usage::{
    Amount, FiguresOrigin, Measured, NodeFigures, PodFigures, Usage as Port,
};
use seatrial_node::usage::{self, Meter, played};

use super::Reach;

/// Figures of all pods: measured where an agent has them, else modelled.
pub(crate) struct Usage {
    reach: Reach,
    meter: Meter,
}

impl Usage {
    pub(crate) fn new(reach: Reach) -> Self {
        Self {
            reach,
            meter: Meter::default(),
        }
    }

    /// The first processes of a pod's containers; absent where no agent has the pod.
    fn processes(&self, pod: &Measured) -> Option<BTreeMap<String, u32>> {
        let agent = self.reach.agent(&pod.namespace, &pod.pod)?;
        let processes = agent.processes(&pod.namespace, &pod.pod).into_iter();
        Some(
            processes
                .filter_map(|(name, process)| Some((name, process.pid()?)))
                .collect(),
        )
    }
}

fn told(amount: usage::Amount) -> Amount {
    Amount {
        cpu_nanos: amount.cpu_nanos,
        memory_bytes: amount.memory_bytes,
    }
}

fn model(pod: &Measured) -> PodFigures {
    let containers = pod.containers.iter().map(|(name, requests)| {
        let amount = played(&pod.annotations, &requests.cpu, &requests.memory);
        (name.clone(), told(amount))
    });
    PodFigures {
        containers: containers.collect(),
        window: std::time::Duration::from_secs(15),
        origin: FiguresOrigin::Modelled,
    }
}

fn total(figures: &PodFigures) -> usage::Amount {
    let amounts = figures.containers.values();
    amounts.fold(usage::Amount::default(), |sum, one| {
        sum.plus(usage::Amount {
            cpu_nanos: one.cpu_nanos,
            memory_bytes: one.memory_bytes,
        })
    })
}

type Figures = BTreeMap<(String, String), PodFigures>;

impl Usage {
    async fn measure(&self, pods: &[Measured]) -> (Figures, Option<usage::Found>) {
        let known: Vec<_> = pods.iter().map(|pod| (pod, self.processes(pod))).collect();
        let all: Vec<u32> = known
            .iter()
            .flat_map(|(_, processes)| processes.iter().flat_map(BTreeMap::values))
            .copied()
            .collect();
        let real = known.iter().any(|(_, processes)| processes.is_some());
        let found = if real || !self.reach.is_empty() {
            self.meter.measure(&all).await
        } else {
            None
        };
        let mut figures = Figures::new();
        for (pod, processes) in known {
            let key = (pod.namespace.clone(), pod.pod.clone());
            match (processes, &found) {
                (None, _) => {
                    figures.insert(key, model(pod));
                }
                (Some(processes), Some(found)) => {
                    let amounts = processes.into_iter().filter_map(|(name, process)| {
                        Some((name, told(*found.processes.get(&process)?)))
                    });
                    let measured = PodFigures {
                        containers: amounts.collect(),
                        window: found.window,
                        origin: FiguresOrigin::Measured,
                    };
                    figures.insert(key, measured);
                }
                // This machine does not tell.
                (Some(_), None) => {}
            }
        }
        (figures, found)
    }
}

#[async_trait]
impl Port for Usage {
    async fn pods(&self, pods: &[Measured]) -> Figures {
        self.measure(pods).await.0
    }

    /// A node that is simulated uses what its pods do; the others share what the machine uses beyond
    /// their pods.
    async fn nodes(&self, nodes: &[String], pods: &[Measured]) -> BTreeMap<String, NodeFigures> {
        let (figures, found) = self.measure(pods).await;
        let mut sums: BTreeMap<&str, usage::Amount> = BTreeMap::new();
        let mut all = usage::Amount::default();
        for pod in pods {
            let key = (pod.namespace.clone(), pod.pod.clone());
            let amount = figures.get(&key).map(total).unwrap_or_default();
            let sum = sums.entry(&pod.node).or_default();
            *sum = sum.plus(amount);
            all = all.plus(amount);
        }
        let agents = self.reach.count();
        let figures = nodes.iter().map(|name| {
            let own = sums.get(name.as_str()).copied().unwrap_or_default();
            let (amount, window, origin) = match &found {
                Some(found) => {
                    let rest = found.machine.minus(all).share(agents);
                    (own.plus(rest), found.window, FiguresOrigin::Measured)
                }
                None => {
                    let window = std::time::Duration::from_secs(15);
                    (own, window, FiguresOrigin::Modelled)
                }
            };
            let figures = NodeFigures {
                amount: told(amount),
                window,
                origin,
            };
            (name.clone(), figures)
        });
        figures.collect()
    }
}
