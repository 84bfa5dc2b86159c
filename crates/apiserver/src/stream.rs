//! Sessions with pods: `exec`, `attach` and `port-forward`.
//!
//! ```text
//!   kubectl ──101──▶ websocket ──┬─ channels ──┐
//!                                └─ tunnel ─┐  ├──▶ session ──▶ PodStreams (the nodes)
//!           ──101──▶ spdy ◀─────────────────┴──┴──▶ forward ──▶
//! ```
//!
//! **Invariants**
//! - The decoders take any bytes without a panic and hold a bounded amount of them; what breaks the
//!   protocol ends the connection.
//! - Who reads slowly slows down who writes; nothing is dropped and nothing piles up.
//! - What can be refused is refused before the connection is upgraded, with a `metav1.Status`.

mod admit;
mod channels;
mod client;
pub(crate) mod feed;
mod forward;
mod session;
pub mod spdy;
mod tunnel;
mod upgrade;
pub mod websocket;
mod wires;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use admit::options_kind;
pub(crate) use client::{attach, exec, names, port_forward};
pub(crate) use upgrade::Streaming;
pub use wires::{Outlet, Size, Wires};

/// A pod and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodPlace {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Its uid: a pod of the same name may have been there before.
    pub uid: String,
    /// The node it is on.
    pub node: String,
}

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPlace {
    /// The pod.
    pub pod: PodPlace,
    /// The container's name.
    pub container: String,
}

/// Why a session does not come about, or broke. A sentence for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StreamError(pub String);

/// A byte stream to a server in a pod.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Duplex for T {}

/// Whoever has the processes of pods.
#[async_trait]
pub trait PodStreams: Send + Sync {
    /// Whether the pod has processes that can be reached at all; asked before a connection is
    /// upgraded.
    ///
    /// # Errors
    /// Why it has none, for instance because it is simulated.
    async fn check(&self, pod: &PodPlace) -> Result<(), StreamError>;

    /// Runs a command in a container and returns its exit code when it and its output have ended.
    ///
    /// # Errors
    /// Where it cannot be started. If the future is dropped, the client has gone.
    async fn exec(
        &self,
        place: &ContainerPlace,
        command: Vec<String>,
        wires: Wires,
    ) -> Result<i32, StreamError>;

    /// Joins in with a container until it ends or the future is dropped.
    ///
    /// # Errors
    /// Where it does not run.
    async fn attach(&self, place: &ContainerPlace, wires: Wires) -> Result<(), StreamError>;

    /// Connects to a port of a pod.
    ///
    /// # Errors
    /// Where nothing answers.
    async fn connect(&self, pod: &PodPlace, port: u16) -> Result<Box<dyn Duplex>, StreamError>;
}
