use std::time::Duration;

use super::*;
use crate::{PodAddress, PortChoice, ServiceName};

fn split(weights: &[u32]) -> Split {
    let destination = |(index, weight): (usize, &u32)| Destination {
        service: ServiceName::new("shop", format!("v{index}")),
        port: PortChoice::Usual,
        weight: *weight,
    };
    Split::new(
        "shop/vs#0",
        weights.iter().enumerate().map(destination).collect(),
    )
}

fn served(traffic: &Traffic, split: &Split, requests: usize) -> String {
    (0..requests)
        .map(|_| traffic.choose(split).service.name.chars().last().unwrap())
        .collect()
}

fn port(names: &[&str]) -> BackendPort {
    let endpoint = |name: &&str| {
        Arc::new(Endpoint {
            pod: PodAddress {
                namespace: "shop".into(),
                name: (*name).into(),
                uid: (*name).into(),
                ip: "10.0.0.1".into(),
            },
            port: 80,
            version: "1".into(),
            node: "".into(),
        })
    };
    BackendPort {
        endpoints: names.iter().map(endpoint).collect(),
        ..BackendPort::default()
    }
}

fn name(lease: &Lease) -> String {
    lease.endpoint.pod.name.to_string()
}

#[test]
fn ten_percent_is_one_of_any_ten() {
    let traffic = Traffic::default();
    let order = served(&traffic, &split(&[90, 10]), 100);
    let order: Vec<char> = order.chars().collect();
    for window in order.windows(10) {
        assert_eq!(
            window.iter().filter(|digit| **digit == '1').count(),
            1,
            "{order:?}"
        );
    }
}

#[test]
fn three_destinations_are_interleaved() {
    assert_eq!(
        served(&Traffic::default(), &split(&[5, 1, 1]), 7),
        "0010200"
    );
}

#[test]
fn no_weight_means_no_request() {
    assert_eq!(served(&Traffic::default(), &split(&[0, 100]), 5), "11111");
    assert_eq!(served(&Traffic::default(), &split(&[100, 0]), 5), "00000");
}

#[test]
fn a_change_of_weights_takes_effect_at_once() {
    let traffic = Traffic::default();
    served(&traffic, &split(&[90, 10]), 3);
    assert_eq!(served(&traffic, &split(&[0, 100]), 3), "111");
}

#[test]
fn idle_pods_take_turns_and_busy_ones_wait() {
    let (traffic, port) = (Arc::new(Traffic::default()), port(&["a", "b", "c"]));
    let turns: Vec<String> = (0..6)
        .map(|_| name(&traffic.lease(&port, &[]).unwrap()))
        .collect();
    assert_eq!(turns, ["a", "b", "c", "a", "b", "c"]);
    let (_first, _second) = (
        traffic.lease(&port, &[]).unwrap(),
        traffic.lease(&port, &[]).unwrap(),
    );
    let idle: Vec<String> = (0..3)
        .map(|_| name(&traffic.lease(&port, &[]).unwrap()))
        .collect();
    assert_eq!(idle, ["c", "c", "c"]);
}

#[test]
fn a_tried_endpoint_is_left_out() {
    let (traffic, port) = (Arc::new(Traffic::default()), port(&["a"]));
    assert!(traffic.lease(&port, &port.endpoints).is_none());
}

#[test]
fn a_leaving_pod_is_the_last_resort_until_it_is_closed() {
    let (traffic, port) = (Arc::new(Traffic::default()), port(&["a", "b"]));
    traffic.mark_draining(&"a".into());
    for _ in 0..4 {
        assert_eq!(name(&traffic.lease(&port, &[]).unwrap()), "b");
    }
    traffic.mark_draining(&"b".into());
    let lease = traffic.lease(&port, &[]).unwrap();
    assert!(
        !traffic.close_if_idle(&lease.endpoint.pod.uid),
        "a request is in flight"
    );
    drop(lease);
    assert!(traffic.close_if_idle("a") && traffic.close_if_idle("b"));
    assert!(traffic.lease(&port, &[]).is_none());
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_last_request() {
    let (traffic, port) = (Arc::new(Traffic::default()), port(&["a"]));
    traffic.mark_draining(&"a".into());
    let lease = traffic.lease(&port, &[]).unwrap();
    let waiter = {
        let traffic = traffic.clone();
        tokio::spawn(async move {
            traffic
                .wait_until(Duration::from_mins(1), || traffic.close_if_idle("a"))
                .await
        })
    };
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(!waiter.is_finished());
    drop(lease);
    assert!(waiter.await.unwrap());
}
