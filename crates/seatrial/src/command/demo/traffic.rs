//! Users: a constant stream of requests through the gateway, over connections that stay open.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How many users there are.
const USERS: u32 = 8;
/// How long each waits between two requests.
const PAUSE: Duration = Duration::from_millis(100);

/// The stream of requests; it begins when it is told.
pub(crate) struct Traffic {
    shared: Arc<Shared>,
    users: Mutex<JoinSet<()>>,
}

struct Shared {
    url: String,
    host: String,
    sent: AtomicU64,
    failed: AtomicU64,
    first: Mutex<Option<Instant>>,
    running: AtomicBool,
}

impl Traffic {
    pub(crate) fn new(gateway: &str, host: &str) -> Self {
        let shared = Arc::new(Shared {
            url: format!("{gateway}/"),
            host: host.to_owned(),
            sent: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            first: Mutex::new(None),
            running: AtomicBool::new(false),
        });
        Self {
            shared,
            users: Mutex::default(),
        }
    }

    /// Begins, unless it has begun; a request that fails before the first success is no user's.
    pub(crate) fn begin(&self) {
        if self.shared.running.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        for user in 0..USERS {
            let shared = Arc::clone(&self.shared);
            users.spawn(async move {
                tokio::time::sleep(PAUSE * user / USERS).await;
                shared.browse().await;
            });
        }
    }

    /// Ends, letting requests under way finish.
    pub(crate) async fn stop(&self) {
        self.shared.running.store(false, Ordering::SeqCst);
        let mut users =
            std::mem::take(&mut *self.users.lock().unwrap_or_else(PoisonError::into_inner));
        while users.join_next().await.is_some() {}
    }

    /// When the first request succeeded.
    pub(crate) fn first(&self) -> Option<Instant> {
        *self
            .shared
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    pub(crate) fn failed(&self) -> u64 {
        self.shared.failed.load(Ordering::SeqCst)
    }
}

impl Shared {
    async fn browse(&self) {
        let client: Client<HttpConnector, Empty<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        while self.running.load(Ordering::SeqCst) {
            let begun = Instant::now();
            let good = self.ask(&client).await;
            self.count(good);
            tokio::time::sleep(PAUSE.saturating_sub(begun.elapsed())).await;
        }
    }

    /// A failure before the first success is nobody's: there was nothing to be asked yet.
    fn count(&self, good: bool) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if good {
            first.get_or_insert_with(Instant::now);
        }
        if first.is_some() {
            self.sent.fetch_add(1, Ordering::SeqCst);
            self.failed.fetch_add(u64::from(!good), Ordering::SeqCst);
        }
    }

    async fn ask(&self, client: &Client<HttpConnector, Empty<Bytes>>) -> bool {
        let request = Request::get(&self.url)
            .header(header::HOST, &self.host)
            .body(Empty::new());
        let Ok(request) = request else { return false };
        match client.request(request).await {
            Ok(response) => {
                let good = response.status().is_success();
                // A body that breaks off is a failed request too.
                response.into_body().collect().await.is_ok() && good
            }
            Err(_) => false,
        }
    }
}
