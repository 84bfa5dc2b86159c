//! The reasons for which a node does not do. Each is one function in the table [`FILTERS`].

mod between;
mod findings;
mod fit;
mod node;
mod volume;

pub(crate) use self::findings::{Findings, counts_for};
pub(crate) use self::node::{is_eligible, named_nodes};
use crate::cluster::Host;
use crate::pod::Demand;
use crate::reason::Rejection;
use crate::volume::Needs;

/// What a filter looks at.
pub(crate) struct Question<'a> {
    pub(crate) demand: &'a Demand,
    /// What is the same for all nodes, found once.
    pub(crate) findings: &'a Findings,
    pub(crate) volumes: &'a Needs,
    pub(crate) slot: usize,
    pub(crate) host: &'a Host,
}

/// Says why the node does not do; nothing where it does.
type Filter = fn(&Question<'_>) -> Option<Rejection>;

/// In upstream's order; the first that objects ends the examination of a node.
const FILTERS: &[Filter] = &[
    node::unschedulable,
    node::taints,
    node::affinity,
    fit::ports,
    fit::resources,
    volume::exclusive,
    volume::limits,
    volume::topology,
    between::spread,
    between::affinity,
];

/// Why this node does not do for this pod, if it does not.
pub(crate) fn examine(question: &Question<'_>) -> Option<Rejection> {
    FILTERS.iter().find_map(|filter| filter(question))
}
