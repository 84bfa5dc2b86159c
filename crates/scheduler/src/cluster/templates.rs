//! What placed pods have in common, held once.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use crate::pod::{Demand, Template};
use crate::query::Labels;

/// The templates in use, by namespace and labels: the pods of one ReplicaSet have the same.
#[derive(Debug, Default)]
pub(super) struct Templates {
    known: BTreeMap<(String, Labels), Weak<Template>>,
    /// At how many those that nobody uses any more are thrown out.
    full: usize,
}

impl Templates {
    /// The same demand, with the template of others like it.
    pub(super) fn share(&mut self, demand: &Arc<Demand>) -> Arc<Demand> {
        let place = (demand.namespace.clone(), demand.labels.clone());
        match self.known.get(&place).and_then(Weak::upgrade) {
            Some(template) if template == demand.template => {
                let mut shared = Demand::clone(demand);
                shared.template = template;
                Arc::new(shared)
            }
            _ => {
                self.known.insert(place, Arc::downgrade(&demand.template));
                self.clean();
                demand.clone()
            }
        }
    }

    fn clean(&mut self) {
        if self.known.len() > self.full {
            self.known.retain(|_, template| template.strong_count() > 0);
            self.full = 2 * self.known.len() + 64;
        }
    }
}
