#![allow(
    clippy::needless_raw_string_hashes,
    clippy::needless_pass_by_value,
    clippy::format_push_string
)] // Snapshots are written so.

use std::net::Ipv4Addr;
use std::sync::Arc;

use expect_test::{Expect, expect};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::wire::*;
use super::zone::{Found, Zone};
use super::{Transport, answer};

fn objects<K: DeserializeOwned>(value: Value) -> Vec<Arc<K>> {
    let list: Vec<K> = serde_json::from_value(value).unwrap();
    list.into_iter().map(Arc::new).collect()
}

fn service(name: &str, spec: Value) -> Value {
    json!({"metadata": {"namespace": "shop", "name": name}, "spec": spec})
}

fn zone() -> Zone {
    let http = json!([{"name": "http", "port": 80, "protocol": "TCP"}, {"name": "stats", "port": 8125, "protocol": "UDP"}]);
    Zone::build(
        ("cluster.local", Ipv4Addr::new(10, 96, 0, 10)),
        &objects(json!([{"metadata": {"name": "shop"}}, {"metadata": {"name": "empty"}}])),
        &objects(json!([
            service("web", json!({"clusterIP": "10.96.0.7", "ports": http})),
            service(
                "db",
                json!({"clusterIP": "None", "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}]})
            ),
            service(
                "nobody",
                json!({"clusterIP": "None", "ports": [{"port": 1}]})
            ),
            service(
                "out",
                json!({"type": "ExternalName", "externalName": "Example.COM."})
            ),
            service(
                "inner",
                json!({"type": "ExternalName", "externalName": "web.shop.svc.cluster.local"})
            ),
        ])),
        &objects(json!([{
            "metadata": {"namespace": "shop", "name": "db-1", "labels": {"kubernetes.io/service-name": "db"}},
            "addressType": "IPv4",
            "ports": [{"name": "sql", "port": 15432, "protocol": "TCP"}],
            "endpoints": [
                {"addresses": ["10.244.0.8"], "conditions": {"ready": true}, "hostname": "db-1"},
                {"addresses": ["10.244.0.7"], "conditions": {"ready": true}, "hostname": "db-0"},
                {"addresses": ["10.244.0.9"], "conditions": {"ready": true}},
                {"addresses": ["10.244.0.10"], "conditions": {"ready": false}, "hostname": "db-2"},
            ],
        }])),
    )
}

fn text(record: &Record) -> String {
    let data = match &record.data {
        Data::A(address) => format!("A {address}"),
        Data::Aaaa(address) => format!("AAAA {address}"),
        Data::Alias(name) => format!("CNAME {name}"),
        Data::Pointer(name) => format!("PTR {name}"),
        Data::Server(name) => format!("NS {name}"),
        Data::Text(text) => format!("TXT {text}"),
        Data::Service { weight, port, host } => format!("SRV {weight} {port} {host}"),
        Data::Authority { server, .. } => format!("SOA {server}"),
    };
    format!("{} {data}", record.name)
}

fn check(questions: &[(&str, u16)], expected: Expect) {
    let zone = zone();
    let mut lines = String::new();
    for (name, kind) in questions {
        lines += &format!("{name} {kind}\n");
        match zone.find(name, *kind) {
            Found::Elsewhere => lines += "  elsewhere\n",
            Found::Alias { alias, target } => {
                lines += &format!("  {} -> {target}\n", text(&alias));
            }
            Found::Reply(reply) => {
                lines += &format!("  {:?}\n", reply.code);
                for record in &reply.answers {
                    lines += &format!("  {}\n", text(record));
                }
                for record in reply.authority.iter().chain(&reply.additional) {
                    lines += &format!("  + {}\n", text(record));
                }
            }
        }
    }
    expected.assert_eq(&lines);
}

#[test]
fn services_are_found() {
    check(
        &[
            ("web.shop.svc.cluster.local", kind::A),
            ("web.shop.svc.cluster.local", kind::AAAA),
            ("_http._tcp.web.shop.svc.cluster.local", kind::SRV),
            ("_http._udp.web.shop.svc.cluster.local", kind::SRV),
            ("db.shop.svc.cluster.local", kind::A),
            ("db-0.db.shop.svc.cluster.local", kind::A),
            ("10-244-0-9.db.shop.svc.cluster.local", kind::A),
            ("_sql._tcp.db.shop.svc.cluster.local", kind::SRV),
            ("nobody.shop.svc.cluster.local", kind::A),
            ("out.shop.svc.cluster.local", kind::A),
        ],
        expect![[r#"
            web.shop.svc.cluster.local 1
              Fine
              web.shop.svc.cluster.local A 10.96.0.7
            web.shop.svc.cluster.local 28
              Fine
              + cluster.local SOA ns.dns.cluster.local
            _http._tcp.web.shop.svc.cluster.local 33
              Fine
              _http._tcp.web.shop.svc.cluster.local SRV 100 80 web.shop.svc.cluster.local
              + web.shop.svc.cluster.local A 10.96.0.7
            _http._udp.web.shop.svc.cluster.local 33
              NoSuchName
              + cluster.local SOA ns.dns.cluster.local
            db.shop.svc.cluster.local 1
              Fine
              db.shop.svc.cluster.local A 10.244.0.7
              db.shop.svc.cluster.local A 10.244.0.8
              db.shop.svc.cluster.local A 10.244.0.9
            db-0.db.shop.svc.cluster.local 1
              Fine
              db-0.db.shop.svc.cluster.local A 10.244.0.7
            10-244-0-9.db.shop.svc.cluster.local 1
              Fine
              10-244-0-9.db.shop.svc.cluster.local A 10.244.0.9
            _sql._tcp.db.shop.svc.cluster.local 33
              Fine
              _sql._tcp.db.shop.svc.cluster.local SRV 33 15432 10-244-0-9.db.shop.svc.cluster.local
              _sql._tcp.db.shop.svc.cluster.local SRV 33 15432 db-0.db.shop.svc.cluster.local
              _sql._tcp.db.shop.svc.cluster.local SRV 33 15432 db-1.db.shop.svc.cluster.local
              + 10-244-0-9.db.shop.svc.cluster.local A 10.244.0.9
              + db-0.db.shop.svc.cluster.local A 10.244.0.7
              + db-1.db.shop.svc.cluster.local A 10.244.0.8
            nobody.shop.svc.cluster.local 1
              NoSuchName
              + cluster.local SOA ns.dns.cluster.local
            out.shop.svc.cluster.local 1
              out.shop.svc.cluster.local CNAME example.com -> example.com
        "#]],
    );
}

#[test]
fn what_is_not_there_is_said_and_what_is_not_ours_is_left() {
    check(
        &[
            ("cluster.local", kind::NS),
            ("shop.svc.cluster.local", kind::A),
            ("none.svc.cluster.local", kind::A),
            ("x.shop.svc.cluster.local", kind::A),
            ("x.web.shop.svc.cluster.local", kind::A),
            ("web.empty.svc.cluster.local", kind::A),
            ("10-1-2-3.shop.pod.cluster.local", kind::A),
            ("10-1-2-3.none.pod.cluster.local", kind::A),
            ("dns-version.cluster.local", kind::TXT),
            ("7.0.96.10.in-addr.arpa", kind::PTR),
            ("7.0.244.10.in-addr.arpa", kind::PTR),
            ("1.1.1.1.in-addr.arpa", kind::PTR),
            ("example.com", kind::A),
            ("mycluster.local", kind::A),
        ],
        expect![[r#"
            cluster.local 2
              Fine
              cluster.local NS ns.dns.cluster.local
            shop.svc.cluster.local 1
              Fine
              + cluster.local SOA ns.dns.cluster.local
            none.svc.cluster.local 1
              NoSuchName
              + cluster.local SOA ns.dns.cluster.local
            x.shop.svc.cluster.local 1
              NoSuchName
              + cluster.local SOA ns.dns.cluster.local
            x.web.shop.svc.cluster.local 1
              NoSuchName
              + cluster.local SOA ns.dns.cluster.local
            web.empty.svc.cluster.local 1
              NoSuchName
              + cluster.local SOA ns.dns.cluster.local
            10-1-2-3.shop.pod.cluster.local 1
              Fine
              10-1-2-3.shop.pod.cluster.local A 10.1.2.3
            10-1-2-3.none.pod.cluster.local 1
              NoSuchName
              + cluster.local SOA ns.dns.cluster.local
            dns-version.cluster.local 16
              Fine
              dns-version.cluster.local TXT 1.1.0
            7.0.96.10.in-addr.arpa 12
              Fine
              7.0.96.10.in-addr.arpa PTR web.shop.svc.cluster.local
            7.0.244.10.in-addr.arpa 12
              Fine
              7.0.244.10.in-addr.arpa PTR db-0.db.shop.svc.cluster.local
            1.1.1.1.in-addr.arpa 12
              elsewhere
            example.com 1
              elsewhere
            mycluster.local 1
              elsewhere
        "#]],
    );
}

fn question(name: &str, kind: u16) -> Vec<u8> {
    ask(7, name, kind)
}

#[tokio::test]
async fn an_answer_can_be_read_by_others() {
    let zone = zone();
    let asked = question("WEB.shop.svc.cluster.local", kind::A);
    let said = answer(&zone, &[], &asked, Transport::Datagram)
        .await
        .unwrap();
    // The letters come back as they were asked.
    assert_eq!(said[12..asked.len()], asked[12..]);
    let (code, records) = read_answer(&said, 7).unwrap();
    assert_eq!(code, 0);
    assert_eq!(
        records.iter().map(text).collect::<Vec<_>>(),
        ["web.shop.svc.cluster.local A 10.96.0.7"]
    );

    let asked = question("inner.shop.svc.cluster.local", kind::A);
    let said = answer(&zone, &[], &asked, Transport::Datagram)
        .await
        .unwrap();
    let (_, records) = read_answer(&said, 7).unwrap();
    let records: Vec<_> = records.iter().map(text).collect();
    assert_eq!(
        records,
        [
            "inner.shop.svc.cluster.local CNAME web.shop.svc.cluster.local",
            "web.shop.svc.cluster.local A 10.96.0.7"
        ]
    );
}

#[tokio::test]
async fn without_servers_other_names_fail() {
    let asked = question("example.com", kind::A);
    let said = answer(&zone(), &[], &asked, Transport::Datagram)
        .await
        .unwrap();
    assert_eq!(
        read_answer(&said, 7),
        Some((Code::Failed as u8, Vec::new()))
    );
}

#[tokio::test]
async fn nonsense_is_not_answered_and_half_a_question_is() {
    let zone = zone();
    let asked = question("web.shop.svc.cluster.local", kind::A);
    assert_eq!(answer(&zone, &[], b"x", Transport::Datagram).await, None);
    let mut answered = asked.clone();
    answered[2] |= 0x80;
    assert_eq!(
        answer(&zone, &[], &answered, Transport::Datagram).await,
        None
    );
    for end in 12..asked.len() {
        let said = answer(&zone, &[], &asked[..end], Transport::Datagram).await;
        assert_eq!(said.unwrap()[3], Code::Malformed as u8);
    }
    // A name that points at itself.
    let mut looping = asked[..12].to_vec();
    looping.extend([0xc0, 12, 0, 1, 0, 1]);
    let said = answer(&zone, &[], &looping, Transport::Datagram).await;
    assert_eq!(said.unwrap()[3], Code::Malformed as u8);
}

#[test]
fn what_does_not_fit_is_cut_and_said() {
    let bytes = question("db.shop.svc.cluster.local", kind::A);
    let asked = parse(&bytes).unwrap();
    let record = |number: u8| Record {
        name: asked.name.clone(),
        seconds: 5,
        data: Data::A(Ipv4Addr::new(10, 0, 0, number)),
    };
    let reply = Reply {
        answers: (0..100).map(record).collect(),
        ..Reply::of(Code::Fine)
    };
    let cut = write(&asked, &reply, asked.datagram);
    assert!(cut.len() <= 512 && cut.len() > 490, "{}", cut.len());
    assert_eq!(cut[2] & 0x02, 0x02);
    let (_, records) = read_answer(&cut, 7).unwrap();
    assert_eq!(records.len(), (cut.len() - bytes.len()) / 16);
    let whole = write(&asked, &reply, STREAM);
    assert_eq!(read_answer(&whole, 7).unwrap().1.len(), 100);
}

/// Neither questions nor the answers of other servers can be trusted to be well formed.
#[tokio::test]
async fn damaged_messages_do_no_harm() {
    let zone = zone();
    let asked = question("_sql._tcp.db.shop.svc.cluster.local", kind::SRV);
    let said = answer(&zone, &[], &asked, Transport::Stream).await.unwrap();
    // The same numbers in each run.
    let mut state = 1u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    for _ in 0..20_000 {
        for message in [&asked, &said] {
            let mut bytes = message.clone();
            for _ in 0..=next(4) {
                let at = next(bytes.len());
                bytes[at] = next(256) as u8;
            }
            bytes.truncate(1 + next(bytes.len()));
            read_answer(&bytes, 7);
            if let Some(reply) = answer(&zone, &[], &bytes, Transport::Datagram).await {
                assert!(reply.len() <= 16 << 10);
            }
        }
    }
}
