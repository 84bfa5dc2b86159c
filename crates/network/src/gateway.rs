//! The gateway: holds the current table and serves connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::affinity::{Affinity, Visit};
use crate::body::GatewayBody;
use crate::connector::{BoxedStream, Connector};
use crate::log::RequestLog;
use crate::pool::Pool;
use crate::proxy;
use crate::table::{BackendPort, Endpoint, Table};
use crate::traffic::{Lease, Traffic};

/// How long connections may finish their requests after the gateway is told to stop.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A reverse proxy for HTTP/1.1 and HTTP/2 without TLS. Clones share everything.
#[derive(Clone)]
pub struct Gateway(Arc<Shared>);

struct Shared {
    table: RwLock<Arc<Table>>,
    traffic: Arc<Traffic>,
    affinity: Affinity,
    pool: Pool,
    connector: Arc<dyn Connector>,
    log: Arc<RequestLog>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway with an empty table.
    pub fn new(connector: Arc<dyn Connector>, log: Arc<RequestLog>) -> Self {
        Self(Arc::new(Shared {
            table: RwLock::default(),
            traffic: Arc::default(),
            affinity: Affinity::default(),
            pool: Pool::default(),
            connector,
            log,
        }))
    }

    /// Replaces the table. Requests that were already routed finish where they are.
    pub fn publish(&self, table: Table) {
        let table = Arc::new(table);
        *self.0.table.write().unwrap_or_else(PoisonError::into_inner) = table.clone();
        self.0
            .pool
            .retain(|uid| table.pods.contains_key(uid) || self.0.traffic.in_flight(uid) > 0);
        self.0.traffic.table_published(&table);
    }

    /// The table in force.
    pub fn table(&self) -> Arc<Table> {
        self.0
            .table
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Where requests are counted.
    pub fn log(&self) -> &Arc<RequestLog> {
        &self.0.log
    }

    /// Which pods clients stay with, however they come.
    pub(crate) fn affinity(&self) -> &Affinity {
        &self.0.affinity
    }

    /// Whom a client of a Service is led to: the pod that it stays with, or else the next in turn, whose lease counts
    /// as long as it is held. Those that were tried are left out.
    pub(crate) fn choose(
        &self,
        visit: Visit<'_>,
        port: &BackendPort,
        tried: &[Arc<Endpoint>],
    ) -> Option<(Arc<Endpoint>, Option<Lease>)> {
        let untried = port.endpoints.iter();
        let untried = untried.filter(|one| !tried.iter().any(|other| Arc::ptr_eq(other, one)));
        if let Some(endpoint) = self.affinity().kept(visit, untried) {
            return Some((endpoint, None));
        }
        let lease = self.traffic().lease(port, tried)?;
        Some((lease.endpoint.clone(), Some(lease)))
    }

    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.0.traffic
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.0.pool
    }

    pub(crate) fn connector(&self) -> &dyn Connector {
        &*self.0.connector
    }

    /// Carries one request and answers it, if only to say why it could not be carried.
    pub async fn handle(
        &self,
        request: Request<Incoming>,
        client: SocketAddr,
    ) -> Response<GatewayBody> {
        proxy::carry(self, request, client).await
    }

    /// Accepts connections until `stop`; then lets requests under way finish for a few seconds.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) {
        let graceful = GracefulShutdown::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, client)) => {
                        let _ = stream.set_nodelay(true);
                        self.spawn(stream, client, graceful.watcher());
                    }
                    // Out of file descriptors, or the client was gone already: neither ends the gateway.
                    Err(error) => {
                        tracing::warn!(%error, "the gateway could not accept a connection");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                },
            }
        }
        drop(listener);
        if tokio::time::timeout(STOP_LIMIT, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("connections were cut after {} s", STOP_LIMIT.as_secs());
        }
    }

    fn spawn(&self, stream: TcpStream, client: SocketAddr, watcher: Watcher) {
        let gateway = self.clone();
        tokio::spawn(async move {
            let service = gateway.service(client);
            let builder = server();
            let connection = builder
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .into_owned();
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(error = %error, %client, "a client connection ended");
            }
        });
    }

    /// Serves one connection that was accepted elsewhere, until the client closes it.
    pub async fn serve_stream(
        &self,
        stream: BoxedStream,
        client: SocketAddr,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let service = self.service(client);
        server()
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .await
    }

    fn service(
        &self,
        client: SocketAddr,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<GatewayBody>,
        Error = Infallible,
        Future: Send + 'static,
    > + Send
    + 'static {
        let gateway = self.clone();
        service_fn(move |request| {
            let gateway = gateway.clone();
            async move { Ok::<_, Infallible>(gateway.handle(request, client).await) }
        })
    }
}

fn server() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    builder
}
