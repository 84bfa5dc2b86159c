//! Room on the node.

use super::Question;
use crate::pod::HostPort;
use crate::reason::{Help, Reason, Rejection};

/// Ports of the node that another pod has.
pub(super) fn ports(question: &Question<'_>) -> Option<Rejection> {
    let wanted = &question.demand.ports;
    if wanted.is_empty() {
        return None;
    }
    let mut taken = question.host.pods.values().flat_map(|pod| &pod.ports);
    taken
        .any(|taken| wanted.iter().any(|wanted| clash(taken, wanted)))
        .then(|| Rejection::crowded(Reason::Ports))
}

fn clash(one: &HostPort, other: &HostPort) -> bool {
    let any = "0.0.0.0";
    one.0 == other.0 && one.2 == other.2 && (one.1 == other.1 || one.1 == any || other.1 == any)
}

/// Everything the pod requests must be free. What the whole node does not have no preemption frees.
pub(super) fn resources(question: &Question<'_>) -> Option<Rejection> {
    let (asked, host) = (&question.demand.requests, question.host);
    let (room, used) = (&host.room, &host.used);
    let mut reasons = Vec::new();
    let mut help = Help::Possible;
    if used.pods + asked.pods > room.pods {
        reasons.push(Reason::TooManyPods);
    }
    let mut check = |name: &str, asked: i64, room: i64, used: i64| {
        if asked > 0 && asked > room - used {
            reasons.push(Reason::Insufficient(name.to_owned()));
            if asked > room {
                help = Help::Pointless;
            }
        }
    };
    check("cpu", asked.cpu, room.cpu, used.cpu);
    check("memory", asked.memory, room.memory, used.memory);
    check(
        "ephemeral-storage",
        asked.storage,
        room.storage,
        used.storage,
    );
    for (name, asked) in &asked.others {
        let of = |all: &std::collections::BTreeMap<String, i64>| all.get(name).copied();
        let (room, used) = (of(&room.others), of(&used.others));
        check(name, *asked, room.unwrap_or(0), used.unwrap_or(0));
    }
    (!reasons.is_empty()).then_some(Rejection { reasons, help })
}
