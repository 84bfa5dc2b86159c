//! What leaves a sandbox.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::net::{TcpStream, UdpSocket};

/// Carries what processes in one sandbox send elsewhere.
#[async_trait]
pub trait Uplink: Send + Sync + 'static {
    /// Opens the way for a connection that a process wants to `to`.
    async fn open(&self, to: SocketAddr) -> Result<Box<dyn Passage>, Refused>;

    /// A socket that is connected to `to`, for the datagrams that one socket inside sends there.
    async fn open_datagrams(&self, to: SocketAddr) -> Result<UdpSocket, Refused>;

    /// Answers a question to the name server, both in the form of RFC 1035; nothing where there is no
    /// answer to be sent.
    async fn answer(&self, question: Vec<u8>) -> Option<Vec<u8>>;
}

/// An open way for one connection.
#[async_trait]
pub trait Passage: Send + 'static {
    /// Carries the connection until it has ended; `stream` is the process's end of it.
    async fn carry(self: Box<Self>, stream: TcpStream);
}

/// How a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// As by a machine on which nothing listens.
    Reset,
    /// As by a firewall: there is no answer at all.
    Silence,
}

/// Who carries what leaves a sandbox.
#[derive(Clone)]
pub struct Outgoing {
    /// Who carries it.
    pub uplink: Arc<dyn Uplink>,
    /// The name server's address inside.
    pub resolver: Ipv4Addr,
    /// The first two numbers of loopback addresses that are nevertheless outside: those of LoadBalancers.
    pub balancers: Option<[u8; 2]>,
    /// What shall be reached even where the kernel cannot redirect connections, such as the API.
    pub essential: Vec<SocketAddrV4>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Outgoing")
            .field("resolver", &self.resolver)
            .field("essential", &self.essential)
            .finish_non_exhaustive()
    }
}

/// What a sandbox is called and how it finds others by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The fully qualified name, for `/etc/hosts`.
    pub full: Option<String>,
    /// The text of `/etc/resolv.conf`; absent, a sandbox on the machine's network has the machine's, and
    /// any other one that finds nobody.
    pub resolver: Option<String>,
}
