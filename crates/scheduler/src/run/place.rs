//! From a waiting pod to its place, or to the reason why it has none.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use seatrial_controller::{Chain, ObjectKey, key_of};

use super::{BindError, CONCURRENT, Done, Scheduler, waiting};
use crate::decide::{Ask, decide};
use crate::pod::Demand;
use crate::preempt::{Refusal, Sacrifice, preempt};
use crate::reason::Cause;
use crate::report::{self, Nomination, Reason};
use crate::unfit::Unfit;
use crate::volume::{Needs, Settlement, settle};

impl Scheduler {
    pub(super) fn place_waiting(&mut self) {
        while self.writes.len() < CONCURRENT {
            let Some(key) = self.pending.pop() else {
                return;
            };
            match waiting(&self.pods, &key) {
                Some(pod) => self.place(&key, &pod),
                None => self.pending.remove(&key),
            }
        }
    }

    fn place(&mut self, key: &ObjectKey, pod: &Arc<Pod>) {
        let demand = Arc::new(Demand::of(pod));
        let storage = &self.surroundings.storage;
        let volumes = match Needs::of(&demand, storage, &self.reserved) {
            Ok(volumes) => volumes,
            Err(why) => {
                let (nodes, cause) = (self.cluster.len(), Cause::Volumes);
                let unfit = Unfit::Hopeless { nodes, why, cause };
                return self.make_room(key, pod, (&demand, &Needs::default()), &unfit);
            }
        };
        let defaults = self.surroundings.defaults(pod, &demand);
        let status = pod.status.as_ref();
        let ask = Ask {
            key,
            demand: &demand,
            volumes: &volumes,
            defaults: &defaults,
            nominated: status.and_then(|status| status.nominated_node_name.as_deref()),
        };
        match decide(&ask, &mut self.cluster) {
            Ok(slot) => self.take_place(key, pod, (&demand, &volumes), slot),
            Err(unfit) => self.make_room(key, pod, (&demand, &volumes), &unfit),
        }
    }

    /// The place is assumed from now on, so that the next decision knows of it.
    fn take_place(
        &mut self,
        key: &ObjectKey,
        pod: &Arc<Pod>,
        (demand, volumes): (&Arc<Demand>, &Needs),
        slot: usize,
    ) {
        let Some(host) = self.cluster.host(slot) else {
            return;
        };
        let node = host.name.clone();
        // The filter found that they can be settled here.
        let settlements = volumes.on(host).unwrap_or_default();
        self.cluster.place(key, &node, demand);
        for settlement in &settlements {
            if let Settlement::Take { claim, volume } = settlement {
                let name = volume.metadata.name.clone().unwrap_or_default();
                self.reserved.insert(name, key_of(&**claim));
            }
        }
        let (ctx, key, pod) = (self.ctx.clone(), key.clone(), pod.clone());
        if settlements.is_empty() {
            self.writes.spawn(async move {
                let result = report::bind(&ctx, &pod, &node).await;
                Done::Bound(key, result.map_err(BindError::Bind))
            });
            return;
        }
        let (ctx, claims) = (ctx.scoped(), self.surroundings.storage.claims.clone());
        self.settling.spawn(async move {
            let result = match settle(&ctx, &claims, &settlements, &node).await {
                Ok(()) => report::bind(&ctx, &pod, &node)
                    .await
                    .map_err(BindError::Bind),
                Err(error) => Err(BindError::Volumes(error)),
            };
            Done::Bound(key, result)
        });
    }

    /// No node does: pushes less important pods aside where that helps, and says why the pod waits.
    fn make_room(
        &mut self,
        key: &ObjectKey,
        pod: &Arc<Pod>,
        (demand, volumes): (&Arc<Demand>, &Needs),
        unfit: &Unfit,
    ) {
        let status = pod.status.as_ref();
        let ask = Ask {
            key,
            demand,
            volumes,
            defaults: &[],
            nominated: status.and_then(|status| status.nominated_node_name.as_deref()),
        };
        let budgets = self.surroundings.budgets();
        let (message, nomination) = match preempt(&ask, unfit, &budgets, &mut self.cluster) {
            Ok(sacrifice) => {
                let node = sacrifice.node.to_string();
                self.cluster.nominate(key, Some((&node, demand)));
                self.push_aside(pod, demand.priority, sacrifice);
                (unfit.message(None), Nomination::Set(node))
            }
            Err(why) => {
                let nomination = if why == Refusal::Clearing {
                    Nomination::Keep
                } else {
                    self.cluster.nominate(key, None);
                    Nomination::Clear
                };
                (unfit.message(why.text()), nomination)
            }
        };
        self.pending.failed(key, unfit.causes());
        let (ctx, pod) = (self.ctx.clone(), pod.clone());
        self.say(async move {
            report::explain(&ctx, &pod, Reason::Unschedulable, &message, nomination).await;
        });
    }

    fn push_aside(&mut self, pod: &Arc<Pod>, priority: i32, sacrifice: Sacrifice) {
        let lesser: Vec<ObjectKey> = self
            .cluster
            .nominated()
            .filter(|(_, ghost)| ghost.node == sacrifice.node && ghost.demand.priority < priority)
            .map(|(key, _)| key.clone())
            .collect();
        for key in &lesser {
            self.cluster.nominate(key, None);
        }
        let find = |key: &ObjectKey| self.pods.get(key);
        let lesser: Vec<_> = lesser.iter().filter_map(find).collect();
        let victims: Vec<_> = sacrifice
            .victims
            .iter()
            .filter_map(|(key, _)| find(key))
            .collect();
        let (ctx, pod) = (self.ctx.clone(), pod.clone());
        self.say(async move {
            for victim in &victims {
                report::evict(&ctx, victim, &pod, &sacrifice.node).await;
            }
            for pod in &lesser {
                report::forget_nomination(&ctx, pod).await;
            }
        });
    }

    /// The decision did not come true: the room is free again, for this pod too, unless the cache
    /// says that it is bound.
    pub(super) fn give_up_place(&mut self, key: &ObjectKey, error: &BindError) {
        let Some(pod) = waiting(&self.pods, key) else {
            self.pending.remove(key);
            return;
        };
        self.cluster.remove(key);
        self.pending.failed(key, BTreeSet::new());
        self.pending.stir(&[Cause::Room, Cause::Pods]);
        let (ctx, message) = (self.ctx.clone(), Chain(error).to_string());
        self.say(async move {
            let reason = Reason::SchedulerError;
            report::explain(&ctx, &pod, reason, &message, Nomination::Keep).await;
        });
    }
}
