//! Modelled clients: they ask the gateway, and the version that would serve decides how it goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, Method};
use seatrial_clock::Random;
use seatrial_network::Gateway;
use seatrial_rollouts::metrics::{Answer, Metrics, Unanswered};
use seatrial_telemetry::scrape::{Conflicts, Rendered, Target, Targets};
use seatrial_telemetry::{Labels, Telemetry, Value};
use tokio::time::Instant;

use crate::production::{NAMESPACE, SERVICE};

/// Requests in each second.
pub(crate) const PER_SECOND: u64 = 20;
/// The version of which every fifth answer, by chance, is an error.
const BAD: &str = "v3";

/// What became of the requests of one second.
#[derive(Debug, Default)]
pub(crate) struct Second {
    /// Since the start of the run.
    pub(crate) at: Duration,
    /// How many each version answered; no version is the empty text.
    pub(crate) answered: BTreeMap<Arc<str>, u64>,
    /// How many the canary's Service was asked.
    pub(crate) canary: u64,
    /// How many of each version's answers were errors.
    pub(crate) failed: BTreeMap<Arc<str>, u64>,
}

/// Clients that send the same number of requests in every second.
pub(crate) struct Clients {
    pub(crate) gateway: Gateway,
    pub(crate) random: Random,
    pub(crate) start: Instant,
    pub(crate) seconds: Arc<Mutex<Vec<Second>>>,
}

impl Clients {
    pub(crate) async fn run(self) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            let second = self.second();
            self.seconds.lock().unwrap().push(second);
        }
    }

    fn second(&self) -> Second {
        let host = format!("{SERVICE}.{NAMESPACE}");
        let mut second = Second {
            at: self.start.elapsed(),
            ..Second::default()
        };
        for _ in 0..PER_SECOND {
            let asked = self
                .gateway
                .model(&Method::GET, &host, "/", &HeaderMap::new());
            let mut record = asked.record;
            record.duration = Duration::from_millis(5 + self.random.below(20));
            if &*record.version == BAD && self.random.below(5) == 0 {
                record.status = 500;
            }
            self.gateway.log().record(&record);
            if record.status != 200 {
                *second.failed.entry(record.version.clone()).or_default() += 1;
            }
            second.canary += u64::from(record.destination.ends_with("-canary"));
            *second.answered.entry(record.version).or_default() += 1;
        }
        second
    }
}

/// The gateway's page, as the only one to scrape.
pub(crate) struct GatewayPage(pub(crate) Gateway);

#[async_trait]
impl Targets for GatewayPage {
    async fn targets(&self) -> Vec<Target> {
        let log = self.0.log().clone();
        vec![Target {
            labels: Labels::new([("job", "gateway"), ("instance", "gateway")]),
            conflicts: Conflicts::PageHolds,
            source: Arc::new(Rendered(move || log.render())),
        }]
    }
}

/// The numbers that analyses see.
pub(crate) struct Numbers(pub(crate) Telemetry);

#[async_trait]
impl Metrics for Numbers {
    async fn query(&self, address: &str, query: &str) -> Result<Answer, Unanswered> {
        assert_eq!(address, "http://prometheus:9090");
        match self.0.query(query, self.0.now()) {
            Ok(Value::Vector(samples)) => Ok(Answer::Vector(
                samples.into_iter().map(|sample| sample.value).collect(),
            )),
            other => Err(Unanswered(format!("{address}: {other:?}"))),
        }
    }
}
