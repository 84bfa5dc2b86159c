//! The control plane: store, API server, TLS, and the controllers of built-in kinds.

use anyhow::{Context as _, Result};
use seatrial_apiserver::{BearerTokens, Identity, Server, serve, tls};
use seatrial_clock::{Random, SharedClock};
use seatrial_store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Data, Parts};

/// The running API server.
pub(crate) struct Plane {
    server: Server,
}

impl Plane {
    /// A client in this process that is known under `name`.
    pub(crate) fn client(&self, name: &str) -> kube::Client {
        let identity = match name {
            "system:admin" => Identity::admin(),
            name => Identity::component(name),
        };
        self.server.client(identity)
    }

    /// Makes a namespace where it is missing.
    pub(crate) async fn make_namespace(&self, name: &str) -> Result<()> {
        use k8s_openapi::api::core::v1::Namespace;
        let namespace: Namespace =
            serde_json::from_value(serde_json::json!({ "metadata": { "name": name } }))?;
        let api: kube::Api<Namespace> = kube::Api::all(self.client("system:admin"));
        match api
            .create(&kube::api::PostParams::default(), &namespace)
            .await
        {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            outcome => outcome
                .map(|_| ())
                .with_context(|| format!("cannot make namespace {name}")),
        }
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn stop(&self) {
        self.server.stop();
    }
}

pub(crate) async fn start(
    data: &Data,
    listener: TcpListener,
    clock: &SharedClock,
    random: &Random,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<Plane> {
    let store = Store::open(&data.folder("store")?)?;
    let state = seatrial_apiserver::State::new(store, clock.clone(), random.clone());
    let server = Server::start(state)
        .await
        .context("the API server cannot start")?;
    server
        .define(seatrial_resources::definitions())
        .await
        .context("the custom kinds cannot be installed")?;
    let secrets = data.secrets()?;
    let tls = tls::configuration(&secrets.server).context("the server's certificate is no good")?;
    let tokens = BearerTokens::new([(secrets.admin_token, Identity::admin())]);
    let (serving, stop) = (server.clone(), stop.clone());
    tasks.spawn(async move { serve(&serving, listener, tls, tokens, stop).await });
    Ok(Plane { server })
}

/// Starts the controllers of built-in workloads and the scheduler.
pub(crate) fn run_controllers(parts: &Parts, tasks: &mut JoinSet<()>) -> Result<()> {
    for (name, controller) in seatrial_workloads::controllers(&parts.ctx) {
        tracing::debug!(name, "controller started");
        tasks.spawn(controller);
    }
    let authority = parts.data.secrets()?.authority;
    let publisher = seatrial_workloads::RootCertificates::new(authority);
    tasks.spawn(seatrial_controller::run(publisher, parts.ctx.clone()));
    tasks.spawn(seatrial_scheduler::run(parts.ctx.clone()));
    Ok(())
}
