//! The newest view, built when it is asked for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use seatrial_controller::{Cache, Context};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::view::{Objects, Settings, View};

/// A view is used for at least this many times as long as it took to build, so that a large cluster in motion
/// does not keep a core busy with views.
const SHARE: u32 = 8;

/// Follows the cluster, from the first question on.
pub(super) struct Watch {
    ctx: Context,
    followed: OnceCell<Followed>,
    built: Mutex<Option<Built>>,
}

struct Followed {
    pods: Cache<Pod>,
    services: Cache<Service>,
    slices: Cache<EndpointSlice>,
    policies: Cache<NetworkPolicy>,
    namespaces: Cache<Namespace>,
}

struct Built {
    revisions: [u64; 5],
    at: Instant,
    took: Duration,
    view: Arc<View>,
}

impl Watch {
    pub(super) fn new(ctx: &Context) -> Self {
        Self {
            ctx: ctx.clone(),
            followed: OnceCell::new(),
            built: Mutex::default(),
        }
    }

    /// The cluster as it is, or as it was a moment ago.
    pub(super) async fn view(&self, settings: &Settings) -> Arc<View> {
        let followed = self
            .followed
            .get_or_init(|| Followed::start(&self.ctx))
            .await;
        let revisions = followed.revisions();
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(built) = &*built
            && (built.revisions == revisions || now < built.at + built.took * SHARE)
        {
            return built.view.clone();
        }
        let view = Arc::new(View::build(settings, &followed.objects()));
        *built = Some(Built {
            revisions,
            at: now,
            took: now.elapsed(),
            view: view.clone(),
        });
        view
    }
}

impl Followed {
    async fn start(ctx: &Context) -> Self {
        Self {
            pods: ctx.cache().await,
            services: ctx.cache().await,
            slices: ctx.cache().await,
            policies: ctx.cache().await,
            namespaces: ctx.cache().await,
        }
    }

    fn revisions(&self) -> [u64; 5] {
        [
            self.pods.revision(),
            self.services.revision(),
            self.slices.revision(),
            self.policies.revision(),
            self.namespaces.revision(),
        ]
    }

    fn objects(&self) -> Objects {
        Objects {
            pods: self.pods.all(),
            services: self.services.all(),
            slices: self.slices.all(),
            policies: self.policies.all(),
            namespaces: self.namespaces.all(),
        }
    }
}
