//! The cluster's name server: questions in, answers out.
//!
//! ```text
//!   bytes ── wire::parse ──▶ Question ── Zone::find ──▶ Reply ── wire::write ──▶ bytes
//!                                          │ none of the cluster's, or an alias that leads outside
//!                                          └──▶ forward: the machine's name servers
//! ```
//!
//! **Invariants**
//! - What a name of the cluster means is a pure function of Services and EndpointSlices.
//! - A question is answered once or not at all; where no server of the machine answers, it is SERVFAIL.

mod forward;
mod probe;
#[cfg(test)]
mod tests;
mod wire;
mod zone;

use std::collections::BTreeSet;
use std::net::SocketAddr;

#[doc(hidden)]
pub use self::probe::probe;
use self::wire::{Code, Data, Question, Record, Reply, kind};
use self::zone::Found;
pub(crate) use self::zone::Zone;

/// How a question came, and how its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Datagram,
    Stream,
}

/// An alias may lead to an alias, but not for ever.
const ALIASES: usize = 8;

/// Answers a question; none where it is not even a question.
pub(crate) async fn answer(
    zone: &Zone,
    servers: &[SocketAddr],
    bytes: &[u8],
    transport: Transport,
) -> Option<Vec<u8>> {
    let question = match wire::parse(bytes) {
        Ok(question) => question,
        Err(wire::Error::Nonsense) => return None,
        Err(wire::Error::Answer(answer)) => return Some(answer),
    };
    let reply = match zone.find(&question.name, question.kind) {
        Found::Reply(reply) => rotated(reply, question.id),
        Found::Alias { alias, target } => follow(zone, servers, &question, alias, target).await,
        Found::Elsewhere => match forward::ask(servers, bytes, question.id, transport).await {
            Some(answer) => return Some(answer),
            None => Reply::of(Code::Failed),
        },
    };
    let limit = match transport {
        Transport::Datagram => question.datagram,
        Transport::Stream => wire::STREAM,
    };
    Some(wire::write(&question, &reply, limit))
}

/// Several answers begin with another one each time, for clients that take the first.
fn rotated(mut reply: Reply, id: u16) -> Reply {
    let count = reply.answers.len();
    if count > 1 {
        reply.answers.rotate_left(usize::from(id) % count);
    }
    reply
}

/// The alias, with what it leads to: clients do not ask a second time.
async fn follow(
    zone: &Zone,
    servers: &[SocketAddr],
    question: &Question,
    alias: Record,
    mut target: String,
) -> Reply {
    let mut reply = Reply::of(Code::Fine);
    reply.answers.push(alias);
    if !matches!(question.kind, kind::A | kind::AAAA | kind::ANY) {
        return reply;
    }
    let mut seen = BTreeSet::new();
    while seen.insert(target.clone()) && seen.len() <= ALIASES {
        match zone.find(&target, question.kind) {
            Found::Reply(found) => {
                reply.answers.extend(found.answers);
                return reply;
            }
            Found::Alias {
                alias,
                target: next,
            } => {
                reply.answers.push(alias);
                target = next;
            }
            Found::Elsewhere => {
                reply
                    .answers
                    .extend(abroad(servers, question, &target).await);
                return reply;
            }
        }
    }
    reply
}

/// What the machine's name servers know of a name.
async fn abroad(servers: &[SocketAddr], question: &Question, target: &str) -> Vec<Record> {
    let kind = match question.kind {
        kind::ANY => kind::A,
        kind => kind,
    };
    let bytes = wire::ask(question.id, target, kind);
    let answer = forward::ask(servers, &bytes, question.id, Transport::Datagram).await;
    let records = answer.and_then(|answer| wire::read_answer(&answer, question.id));
    let wanted =
        |record: &Record| matches!(record.data, Data::Alias(_)) || record.data.kind() == kind;
    records
        .map(|(_, records)| records.into_iter().filter(wanted).collect())
        .unwrap_or_default()
}
