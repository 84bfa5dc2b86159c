//! The port through which the gateway reaches pods.

use std::io;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::PodAddress;

/// Anything that carries bytes both ways.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// An open connection into a pod.
pub type BoxedStream = Box<dyn ByteStream>;

/// Opens connections into pods. How that is done (through the pod's sandbox, by its loopback
/// address, through a real cluster's port forward) is the runtime's business.
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    /// Opens a connection to `port` of `pod`.
    ///
    /// An error promises that no byte reached the pod; the gateway relies on it to try another pod.
    async fn connect(&self, pod: &PodAddress, port: u16) -> io::Result<BoxedStream>;
}

/// Connects to `ip:port` directly: for runtimes whose pods have addresses of this machine.
#[derive(Debug, Default, Clone, Copy)]
pub struct DirectConnector;

#[async_trait]
impl Connector for DirectConnector {
    async fn connect(&self, pod: &PodAddress, port: u16) -> io::Result<BoxedStream> {
        let ip: std::net::IpAddr = pod.ip.parse().map_err(|_| {
            let message = format!(
                "pod {pod} has the address {:?}, which is no IP address",
                pod.ip
            );
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        let stream = tokio::net::TcpStream::connect((ip, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}
