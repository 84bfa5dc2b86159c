//! What nobody should send, and what may go wrong around the server: no request makes it fail, hang or say
//! more than it should.

#![allow(clippy::unwrap_used)] // Tests.

mod bodies;
mod conversion;
mod numbers;
mod paths;
mod rights;
#[path = "../support/mod.rs"]
mod support;
mod webhooks;
