//! The port through which the server reaches services of the cluster: webhooks, and whoever else it has
//! to ask.

use std::io;

use async_trait::async_trait;

use crate::stream::Duplex;

/// A service of the cluster, and one of its ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// The service's namespace.
    pub namespace: String,
    /// The service's name.
    pub name: String,
    /// The number of the port in the service.
    pub port: u16,
}

/// Opens connections to services. Whoever runs the cluster's network knows how.
#[async_trait]
pub trait ServiceReach: Send + Sync {
    /// Opens a connection to a pod behind the service.
    ///
    /// # Errors
    /// Why there is none, such as `no endpoints available for service "x"`.
    async fn connect(&self, to: &ServicePort) -> io::Result<Box<dyn Duplex>>;
}
