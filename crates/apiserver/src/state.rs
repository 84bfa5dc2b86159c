//! What every request shares.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};

use jiff::Timestamp;
use seatrial_clock::{Random, SharedClock};
use seatrial_store::{Expect, Key, Record, Store, Write};
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::admission::{Admission, Chain, PodSecurity};
use crate::allocation::Allocation;
use crate::audit::Audit;
use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::object::Object;
use crate::openapi::Documents;
use crate::registry::{Kind, Registry};
use crate::stream::PodStreams;
use crate::subresource::PodLogs;
use crate::token::Authentication;
use crate::usage::Usage;

/// The server's state; handed in by whoever composes it.
pub struct State {
    /// Where objects live.
    pub store: Store,
    /// The time.
    pub clock: SharedClock,
    /// Uids and generated names.
    pub random: Random,
    /// Ends watches and other long replies.
    pub stopping: CancellationToken,
    /// Who says who a token is.
    pub authentication: Authentication,
    /// The roles and bindings.
    pub(crate) access: Access,
    /// What is written down about requests.
    pub audit: Audit,
    /// What the server did.
    pub metrics: Metrics,
    /// Addresses and ports of services.
    pub allocation: Allocation,
    /// OpenAPI documents made so far.
    pub documents: Documents,
    /// The steps that see each object before it is stored.
    admission: RwLock<Arc<Chain>>,
    /// The certificates by which pods know this server, as PEM.
    authority: OnceLock<String>,
    /// What Pod Security asks where namespaces say nothing, and of whom it asks nothing.
    pod_security: OnceLock<PodSecurity>,
    /// Whoever has the logs of pods.
    logs: OnceLock<Arc<dyn PodLogs>>,
    /// Whoever can measure pods and nodes.
    usage: OnceLock<Arc<dyn Usage>>,
    /// Whoever has the processes of pods.
    streams: OnceLock<Arc<dyn PodStreams>>,
    registry: RwLock<Arc<Registry>>,
}

impl State {
    /// A state over `store` without admission steps, which knows the built-in kinds and those whose
    /// definitions are stored.
    pub fn new(store: Store, clock: SharedClock, random: Random) -> Self {
        let access = Access::over(&store);
        let state = Self {
            store,
            clock,
            random,
            admission: RwLock::default(),
            authority: OnceLock::new(),
            pod_security: OnceLock::new(),
            logs: OnceLock::new(),
            streams: OnceLock::new(),
            usage: OnceLock::new(),
            stopping: CancellationToken::new(),
            authentication: Authentication::default(),
            access,
            audit: Audit::default(),
            metrics: Metrics::default(),
            allocation: Allocation::default(),
            documents: Documents::default(),
            registry: RwLock::new(Arc::new(Registry::built_in())),
        };
        crate::custom::load(&state);
        state
    }

    /// Adds a step to the admission chain, after the webhooks and before the quota.
    pub fn admit_with(&self, step: Arc<dyn Admission>) {
        let mut chain = self
            .admission
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *chain = Arc::new(chain.with(step));
    }

    /// The admission chain as it is now.
    pub(crate) fn admission(&self) -> Arc<Chain> {
        Arc::clone(
            &self
                .admission
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Says by which certificates (PEM) pods know this server. From then on pods get the token of their
    /// service account; without it they could not use one. Only the first to say so is heard.
    pub fn be_known_by(&self, authority: String) {
        if self.authority.set(authority).is_err() {
            tracing::warn!("the server has a certificate authority already");
        }
    }

    /// The certificates by which pods know this server, as PEM.
    pub fn authority(&self) -> Option<&str> {
        self.authority.get().map(String::as_str)
    }

    /// Says what Pod Security asks where namespaces say nothing, and of whom it asks nothing. Only the first to say so is heard.
    pub fn secure_pods_by(&self, configuration: PodSecurity) {
        if self.pod_security.set(configuration).is_err() {
            tracing::warn!("Pod Security is configured already");
        }
    }

    /// What Pod Security asks.
    pub(crate) fn pod_security(&self) -> &PodSecurity {
        // Nobody has to say so before the first question is asked.
        static UNSAID: LazyLock<PodSecurity> = LazyLock::new(PodSecurity::default);
        self.pod_security.get().unwrap_or(&UNSAID)
    }

    /// Says who has the logs of pods; only the first to say so is heard.
    pub fn read_logs_from(&self, logs: Arc<dyn PodLogs>) {
        if self.logs.set(logs).is_err() {
            tracing::warn!("the logs of pods have a source already");
        }
    }

    /// Whoever has the logs of pods.
    pub(crate) fn logs(&self) -> Option<&Arc<dyn PodLogs>> {
        self.logs.get()
    }

    /// Says who can measure pods and nodes; only the first to say so is heard.
    pub fn measure_with(&self, usage: Arc<dyn Usage>) {
        if self.usage.set(usage).is_err() {
            tracing::warn!("what pods use is measured by somebody already");
        }
    }

    /// Whoever can measure pods and nodes.
    pub(crate) fn usage(&self) -> Option<&Arc<dyn Usage>> {
        self.usage.get()
    }

    /// Says who has the processes of pods; only the first to say so is heard.
    pub fn stream_with(&self, streams: Arc<dyn PodStreams>) {
        if self.streams.set(streams).is_err() {
            tracing::warn!("the processes of pods have a source already");
        }
    }

    /// Whoever has the processes of pods.
    pub(crate) fn streams(&self) -> Option<&Arc<dyn PodStreams>> {
        self.streams.get()
    }

    /// The kinds as they are now.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the table of kinds.
    pub fn change_registry(&self, change: impl FnOnce(&mut Registry)) {
        let mut registry = self
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut registry));
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The stored object of this name, if there is one.
    pub fn record(&self, kind: &Kind, namespace: &str, name: &str) -> Option<Arc<Record>> {
        self.store
            .get(&Key::new(Arc::clone(&kind.resource), namespace, name))
    }

    /// The stored object of this name.
    ///
    /// # Errors
    /// Not found.
    pub fn find(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Arc<Record>, Failure> {
        self.record(kind, namespace, name)
            .ok_or_else(|| Failure::not_found(kind, name))
    }

    /// Commits one write about an object of `kind` and returns it as stored.
    ///
    /// # Errors
    /// Already exists, not found or conflict where the precondition does not hold.
    pub async fn commit(&self, kind: &Kind, write: Write) -> Result<Arc<Record>, Failure> {
        match self.commit_with(kind, write, Vec::new()).await? {
            Commit::Done(record) => Ok(record),
            Commit::Disturbed => Err(Failure::internal("a lone write was disturbed")),
        }
    }

    /// Commits one write about an object of `kind` together with others, all or none.
    ///
    /// # Errors
    /// As [`State::commit`], where the precondition of the first does not hold.
    pub(crate) async fn commit_with(
        &self,
        kind: &Kind,
        write: Write,
        others: Vec<Write>,
    ) -> Result<Commit, Failure> {
        let (expect, key) = (write.expect, write.key.clone());
        let name = key.name.clone();
        let mut writes = vec![write];
        writes.extend(others);
        match self.store.commit(writes).await {
            Ok(records) => records
                .into_iter()
                .next()
                .map(Commit::Done)
                .ok_or_else(|| Failure::internal("nothing was written")),
            Err(seatrial_store::Error::Conflict { key: other, .. }) if other != key => {
                Ok(Commit::Disturbed)
            }
            Err(seatrial_store::Error::Conflict { found, .. }) => Err(match (expect, found) {
                (Expect::Absent, _) => Failure::already_exists(kind, &name),
                (_, None) => Failure::not_found(kind, &name),
                (_, Some(_)) => Failure::modified(kind, &name),
            }),
            Err(error @ seatrial_store::Error::Full { .. }) => {
                let mut failure = Failure::internal(error);
                failure.details.said = Some((507, "InsufficientStorage".to_owned()));
                Err(failure)
            }
            Err(error) => Err(Failure::internal(error)),
        }
    }
}

/// What became of a commit of several writes.
pub(crate) enum Commit {
    /// It is done; the first record.
    Done(Arc<Record>),
    /// Nothing was written, since another object than the first has changed meanwhile.
    Disturbed,
}

/// Reads a stored object.
///
/// # Errors
/// Internal, where the stored bytes cannot be read.
pub(crate) fn decode(record: &Record) -> Result<Object, Failure> {
    Object::decode(&record.bytes)
        .map_err(|error| Failure::internal(format!("{} cannot be read: {error}", record.key)))
}

/// Query parameters, decoded; the last one wins where a name is repeated.
pub(crate) fn query(text: Option<&str>) -> BTreeMap<String, String> {
    pairs(text.unwrap_or_default()).collect()
}

/// Query parameters, decoded, in order.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let decode = |part: &str| {
        let part = part.replace('+', " ");
        percent_encoding::percent_decode_str(&part)
            .decode_utf8_lossy()
            .into_owned()
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(move |pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
}
