//! The gateway: an HTTP reverse proxy that finds pods by Host and path, splits traffic by weight,
//! and counts every request.
//!
//! ```text
//!  Services, Pods,            ┌───────┐  route()   ┌─────────┐  lease   ┌──────┐ Connector
//!  EndpointSlices,  ─build──▶ │ Table │ ─────────▶ │ Traffic │ ───────▶ │ Pool │ ─────────▶ pod
//!  Ingresses,                 └───────┘  pure      └─────────┘  one     └──────┘
//!  VirtualServices                                 turns, loads  lock       │
//!                                                  drain ◀── node agent     ▼
//!                                                                      RequestLog ──▶ metrics
//! ```
//!
//! **Invariants**
//! - Which rule applies is a pure function of the table and the request's head ([`route()`]).
//! - Weights are exact: of any ten requests under weights 90 and 10 the canary gets one.
//! - No request is sent twice if it could take effect twice (see `proxy`).
//! - Every request is recorded exactly once in the [`RequestLog`], also those that were refused, broke off or
//!   were given up by the client.
//! - After [`Gateway::drain`] says [`Drained::Empty`], the pod gets no request any more.
//! - Connections that pods open go the same way without being understood; see [`pods`] and the name server in `names`.
//! - What the gateway cannot do is answered with its reason (`x-seatrial-reason`), never ignored.

mod address;
mod affinity;
mod answer;
mod body;
mod connector;
pub mod drain;
pub mod expose;
pub mod fetch;
mod gateway;
mod headers;
mod host;
pub mod log;
mod members;
mod model;
mod names;
pub mod pods;
mod pool;
mod proxy;
mod recorder;
mod route;
mod run;
mod table;
pub mod traffic;

pub use address::{PodAddress, ServiceName};
pub use answer::REASON_HEADER;
pub use body::{Error as BodyError, GatewayBody};
pub use connector::{BoxedStream, ByteStream, Connector, DirectConnector};
pub use drain::Drained;
pub use gateway::Gateway;
pub use log::{RequestLog, RequestRecord, StatusClass, Total};
pub use model::Modelled;
#[doc(hidden)]
pub use names::probe;
pub use route::{Decision, Destination, Forward, Reason, Refusal, Split, route};
pub use run::{NAME, follow, run};
pub use table::{Backend, BackendPort, Endpoint, Member, PortChoice, Problem, Snapshot, Table};
