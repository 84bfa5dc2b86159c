//! The server as a whole: its router, and clients in the same process.

use std::sync::Arc;

use axum::{Extension, Router};

use crate::bootstrap::bootstrap;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::router::{InProcess, router};
use crate::state::State;

/// A running API server. It binds nothing by itself; see [`Server::client`] and [`crate::serve`].
#[derive(Clone)]
pub struct Server {
    state: Arc<State>,
    router: Router,
}

impl Server {
    /// Makes the system's own objects where they are missing, and the router.
    ///
    /// # Errors
    /// Where the store cannot write.
    pub async fn start(state: State) -> Result<Self, Failure> {
        let state = Arc::new(state);
        bootstrap(&state).await?;
        Ok(Self {
            router: router(Arc::clone(&state)),
            state,
        })
    }

    /// What every request shares.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// The router; requests must carry an [`Identity`] as an extension.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// A client within this process: its requests reach the router with no socket between. Must be
    /// called within a tokio runtime.
    pub fn client(&self, identity: Identity) -> kube::Client {
        let router = self.router.clone().layer(Extension(identity));
        kube::Client::new(router.layer(Extension(InProcess)), "default")
    }

    /// Defines custom kinds: those that are new, and those whose definition has changed.
    ///
    /// # Errors
    /// What is wrong with a definition, or where the store cannot write.
    pub async fn define(
        &self,
        definitions: impl IntoIterator<Item = serde_json::Value>,
    ) -> Result<(), Failure> {
        let path = ("apiextensions.k8s.io", "v1", "customresourcedefinitions");
        for definition in definitions {
            crate::bootstrap::install(&self.state, path, definition).await?;
        }
        Ok(())
    }

    /// Ends watches and other long replies, for a graceful shutdown.
    pub fn stop(&self) {
        self.state.stopping.cancel();
    }
}
