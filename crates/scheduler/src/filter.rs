//! The reasons for which a node does not do. Each is one function in the table [`FILTERS`].

mod between;
mod fit;
mod node;

pub(crate) use self::between::crowding;

use crate::cluster::{Cluster, Host};
use crate::pod::Demand;

/// What a filter looks at.
pub(crate) struct Question<'a> {
    pub(crate) demand: &'a Demand,
    /// What constraints between pods found once for all nodes.
    pub(crate) between: &'a between::Findings,
    pub(crate) name: &'a str,
    pub(crate) host: &'a Host,
}

/// Says why the node does not do; nothing where it does.
type Filter = fn(&Question<'_>, &mut Vec<String>);

/// In upstream's order; the first that objects ends the examination of a node.
const FILTERS: &[Filter] = &[
    node::unschedulable,
    node::taints,
    node::affinity,
    fit::ports,
    fit::resources,
    between::spread,
    between::apart,
    between::near,
];

/// Why no pod of this demand can go to each node; the names of the nodes that do.
pub(crate) fn examine<'a>(
    demand: &'a Demand,
    cluster: &'a Cluster,
) -> (Vec<(&'a str, &'a Host)>, Vec<String>) {
    let (mut fitting, mut reasons) = (Vec::new(), Vec::new());
    let between = between::Findings::of(demand, cluster);
    for (name, host) in cluster.hosts() {
        let question = Question {
            demand,
            between: &between,
            name,
            host,
        };
        let before = reasons.len();
        for filter in FILTERS {
            filter(&question, &mut reasons);
            if reasons.len() > before {
                break;
            }
        }
        if reasons.len() == before {
            fitting.push((name, host));
        }
    }
    (fitting, reasons)
}
