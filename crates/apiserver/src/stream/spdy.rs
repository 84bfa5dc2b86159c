//! SPDY/3.1, the server's side, as far as clients of Kubernetes speak it: streams in both directions on
//! one connection, without flow control (they neither ask for it nor grant it).
//!
//! The protocol is that of `draft-mbelshe-httpbis-spdy-00`; what clients do is client-go's `spdystream`.

mod connection;
mod frame;
mod header;

pub(super) use connection::{Incoming, Output, Stream, serve};
pub use frame::{Decoder, Error, Frame};
