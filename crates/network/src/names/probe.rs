//! For whoever feeds the name server with any bytes.

use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};

use k8s_openapi::api::core::v1::{Namespace, Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::wire::{self, Reply};
use super::zone::Found;
use super::{Code, Zone};

/// A zone of one Service.
static ZONE: LazyLock<Zone> = LazyLock::new(|| {
    let named = |name: &str, namespace: Option<&str>| ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ObjectMeta::default()
    };
    let port = ServicePort {
        name: Some("http".to_owned()),
        port: 80,
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    };
    let spec = ServiceSpec {
        cluster_ip: Some("10.96.0.7".to_owned()),
        cluster_ips: Some(vec!["10.96.0.7".to_owned()]),
        ports: Some(vec![port]),
        type_: Some("ClusterIP".to_owned()),
        ..ServiceSpec::default()
    };
    let service = Service {
        metadata: named("web", Some("default")),
        spec: Some(spec),
        ..Service::default()
    };
    let namespace = Namespace {
        metadata: named("default", None),
        ..Namespace::default()
    };
    let place = ("cluster.local", Ipv4Addr::new(10, 96, 0, 10));
    Zone::build(place, &[Arc::new(namespace)], &[Arc::new(service)], &[])
});

/// Takes `bytes` for a question and for an answer, and returns what a datagram with the answer would be; it
/// is never longer than the question allows.
#[doc(hidden)]
pub fn probe(bytes: &[u8]) -> Option<Vec<u8>> {
    let id = bytes.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
    let records = wire::read_answer(bytes, id).map(|(_, records)| records);
    let question = match wire::parse(bytes) {
        Ok(question) => question,
        Err(wire::Error::Nonsense) => return None,
        Err(wire::Error::Answer(answer)) => return Some(answer),
    };
    let mut reply = match ZONE.find(&question.name, question.kind) {
        Found::Reply(reply) => reply,
        Found::Alias { .. } | Found::Elsewhere => Reply::of(Code::Failed),
    };
    reply.answers.extend(records.into_iter().flatten());
    let written = wire::write(&question, &reply, question.datagram);
    (written.len() <= question.datagram).then_some(written)
}
