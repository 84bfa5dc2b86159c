//! The control plane: store, API server, TLS, and the controllers of built-in kinds.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use seatrial_apiserver::admission::PodSecurity;
use seatrial_apiserver::seal::Sealer;
use seatrial_apiserver::{BearerTokens, Identity, Server, serve, tls};
use seatrial_clock::{Random, SharedClock};
use seatrial_store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Configuration, Data, Parts, compaction};
use crate::adapter::{ClusterAuthority, ProcessFigures};

/// The running API server.
pub(crate) struct Plane {
    server: Server,
}

impl Plane {
    /// An administrator's client in this process.
    pub(crate) fn admin(&self) -> kube::Client {
        self.server.client(Identity::admin())
    }

    /// A client in this process of the part that calls itself `name`, with the rights of that part.
    pub(crate) fn client(&self, name: &str) -> kube::Client {
        self.server.client(Identity::controller(name))
    }

    /// Makes such clients.
    pub(crate) fn clients(&self) -> impl Fn(&str) -> kube::Client + Send + Sync + 'static {
        let server = self.server.clone();
        move |name| server.client(Identity::controller(name))
    }

    /// Makes clients of the agent of a node.
    pub(crate) fn node_clients(
        &self,
        node: &str,
    ) -> impl Fn(&str) -> kube::Client + Send + Sync + 'static {
        let (server, identity) = (self.server.clone(), Identity::node(node));
        move |_| server.client(identity.clone())
    }

    /// Makes a namespace where it is missing.
    pub(crate) async fn make_namespace(&self, name: &str) -> Result<()> {
        use k8s_openapi::api::core::v1::Namespace;
        let namespace: Namespace =
            serde_json::from_value(serde_json::json!({ "metadata": { "name": name } }))?;
        let api: kube::Api<Namespace> = kube::Api::all(self.admin());
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
    configuration: &Configuration,
    listener: TcpListener,
    clock: &SharedClock,
    random: &Random,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Result<Plane> {
    let sealer = Sealer::new(&data.sealing_key()?)?;
    let opened = Store::open_sealed(&data.folder("store")?, Arc::new(sealer));
    let store = opened.map_err(|error| match error {
        // Whoever has it open has it whole.
        seatrial_store::Error::Locked { .. } => anyhow::Error::new(error),
        error => {
            let key = data.sealing_key_path();
            anyhow::Error::new(error).context(format!(
                "the store cannot be opened; go back to a copy of {} and of its key {}, or begin anew \
                 after `seatrial down --delete`",
                data.root().display(),
                key.display()
            ))
        }
    })?;
    let state = seatrial_apiserver::State::new(store, clock.clone(), random.clone());
    state.authentication.sign_with(data.token_key()?);
    state.metrics.gather_from(Arc::new(ProcessFigures));
    if let Some(file) = &configuration.admission {
        state.secure_pods_by(pod_security(file)?);
    }
    if let Some((policy, log)) = configuration.audit.open()? {
        state.audit.start(policy, Arc::new(log));
    }
    let server = Server::start(state)
        .await
        .context("the API server cannot start")?;
    server
        .define(seatrial_resources::definitions())
        .await
        .context("the custom kinds cannot be installed")?;
    let secrets = data.secrets()?;
    server
        .state()
        .be_known_by(secrets.authority.certificate.clone());
    let tls = tls::configuration_with_clients(&secrets.server, &secrets.authority.certificate)
        .context("the server's certificate is no good")?;
    let pipeline = Identity::service_account("seatrial-system", "pipeline");
    let tokens = BearerTokens::new([
        (secrets.admin_token, Identity::admin()),
        (secrets.step_token, pipeline),
    ]);
    let (serving, stop) = (server.clone(), stop.clone());
    let (kept, until) = (server.clone(), stop.clone());
    tasks.spawn(async move { compaction::run(&kept.state().store, &until).await });
    tasks.spawn(async move { serve(&serving, listener, tls, tokens, stop).await });
    Ok(Plane { server })
}

/// Reads what Pod Security asks where namespaces say nothing, and of whom it asks nothing.
fn pod_security(file: &std::path::Path) -> Result<PodSecurity> {
    let name = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", name()))?;
    PodSecurity::read(&text).with_context(name)
}

/// Starts the controllers of built-in workloads and the scheduler.
pub(crate) fn run_controllers(parts: &Parts, tasks: &mut JoinSet<()>) -> Result<()> {
    for (name, controller) in seatrial_workloads::controllers(&parts.ctx) {
        tracing::debug!(name, "controller started");
        tasks.spawn(controller);
    }
    let authority = parts.data.secrets()?.authority;
    let publisher = seatrial_workloads::RootCertificates::new(authority.certificate.clone());
    tasks.spawn(seatrial_controller::run(publisher, parts.ctx.clone()));
    tasks.spawn(seatrial_scheduler::run(parts.ctx.clone()));
    let authority = ClusterAuthority(authority);
    let certificates = seatrial_workloads::Certificates::new(Arc::new(authority));
    tasks.spawn(seatrial_controller::run(certificates, parts.ctx.clone()));
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may fail loudly.

    use seatrial_apiserver::knows_controller;
    use seatrial_controller::Context;

    #[tokio::test(start_paused = true)]
    async fn every_controller_has_a_role_of_its_own() {
        let cluster = seatrial_testkit::cluster().await;
        let ctx = Context::new(
            cluster.client.clone(),
            cluster.clock.clone(),
            cluster.random.clone(),
        );
        let without: Vec<_> = seatrial_workloads::controllers(&ctx)
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| !knows_controller(name))
            .collect();
        assert_eq!(without, Vec::<&str>::new());
    }
}
