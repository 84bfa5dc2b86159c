//! Where the servers listen.

use std::io;
use std::net::SocketAddr;

use anyhow::{Result, bail};
use tokio::net::TcpListener;

use super::{Data, Endpoints};

/// Ports on loopback. One that was asked for must be free; any other falls back to a free one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ports {
    /// The API; 6443 unless told.
    pub(crate) api: Option<u16>,
    /// The gateway; 8080 unless told.
    pub(crate) gateway: Option<u16>,
    /// Whether all ports are any free ones, as for a demo beside other clusters.
    pub(crate) any: bool,
}

/// Sockets that listen already, so that no other process can take their ports.
pub(crate) struct Listeners {
    pub(crate) api: TcpListener,
    pub(crate) gateway: TcpListener,
    pub(crate) git: TcpListener,
    pub(crate) registry: TcpListener,
    pub(crate) metrics: TcpListener,
    pub(crate) endpoints: Endpoints,
}

impl Ports {
    pub(crate) async fn bind(self, data: &Data) -> Result<Listeners> {
        let last = data.last_endpoints();
        let api = self.one("--api-port", self.api, &last.api, 6443).await?;
        let gateway = self
            .one("--gateway-port", self.gateway, &last.gateway, 8080)
            .await?;
        let git = self.one("", None, &last.git, 3000).await?;
        let registry = self.one("", None, &last.registry, 5000).await?;
        let metrics = self.one("", None, &last.metrics, 9090).await?;
        let at = |scheme: &str, listener: &TcpListener| -> Result<String> {
            Ok(format!("{scheme}{}", listener.local_addr()?))
        };
        let endpoints = Endpoints {
            api: at("https://", &api)?,
            gateway: at("http://", &gateway)?,
            git: at("http://", &git)?,
            registry: at("", &registry)?,
            metrics: at("http://", &metrics)?,
        };
        Ok(Listeners {
            api,
            gateway,
            git,
            registry,
            metrics,
            endpoints,
        })
    }

    async fn one(
        self,
        flag: &str,
        asked: Option<u16>,
        last: &str,
        usual: u16,
    ) -> Result<TcpListener> {
        if let Some(port) = asked {
            return match listen(port).await {
                Ok(listener) => Ok(listener),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    bail!(
                        "port {port} is in use: stop what listens there, or choose another with {flag}"
                    )
                }
                Err(error) => bail!("cannot listen on port {port} ({flag}): {error}"),
            };
        }
        let last = last.rsplit(':').next().and_then(|port| port.parse().ok());
        let usual = (!self.any).then_some(usual);
        for port in [last, usual].into_iter().flatten() {
            if let Ok(listener) = listen(port).await {
                return Ok(listener);
            }
        }
        Ok(listen(0).await?)
    }
}

async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await
}
