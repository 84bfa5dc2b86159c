//! Room on the node.

use super::Question;
use crate::pod::HostPort;

/// Ports of the node that another pod has.
pub(super) fn ports(question: &Question<'_>, reasons: &mut Vec<String>) {
    if question.demand.ports.is_empty() {
        return;
    }
    let mut taken = question.host.pods.values().flat_map(|demand| &demand.ports);
    if taken.any(|taken| {
        question
            .demand
            .ports
            .iter()
            .any(|wanted| clash(taken, wanted))
    }) {
        let text = "node(s) didn't have free ports for the requested pod ports";
        reasons.push(text.to_owned());
    }
}

fn clash(one: &HostPort, other: &HostPort) -> bool {
    let any = "0.0.0.0";
    one.0 == other.0 && one.2 == other.2 && (one.1 == other.1 || one.1 == any || other.1 == any)
}

/// Everything the pod requests must be free.
pub(super) fn resources(question: &Question<'_>, reasons: &mut Vec<String>) {
    let host = question.host;
    for (name, asked) in question.demand.requests.iter() {
        if asked > 0 && asked > host.room.get(name) - host.used.get(name) {
            reasons.push(match name {
                "pods" => "Too many pods".to_owned(),
                _ => format!("Insufficient {name}"),
            });
        }
    }
}
