//! Images: the embedded registry, Dockerfile builds, bills of materials, and scans.
//!
//! ```text
//!   docker push ──▶ registry ──▶ ┌────────────┐ ◀── pull from elsewhere
//!                                │ ImageStore │
//!   Dockerfile ──▶ build ──────▶ └────────────┘ ──▶ resolve ──▶ layers as directories, configuration
//!                   │  RUN: Executor (a port)             │
//!                   └── base: seatrial/host               ├──▶ sbom
//!                                                         └──▶ scan
//! ```
//!
//! **Invariants**
//! - Content is named by its digest and checked against it before it is used.
//! - The same build context, Dockerfile and base give the same image digest, on any machine (`RUN` steps aside).
//! - An archive's paths never lead out of the directory it is unpacked into.
//! - A directory that [`ImageStore::resolve`] gives is never written to again.

mod blobs;
pub mod build;
mod digest;
pub mod dockerfile;
mod error;
pub mod image;
pub mod inventory;
pub mod layer;
mod reference;
pub mod registry;
mod remote;
pub mod sbom;
pub mod scan;
mod store;

pub use blobs::{Blobs, Collected};
pub use digest::{Digest, InvalidDigest};
pub use error::Error;
pub use reference::{HOST_IMAGE, InvalidReference, Reference};
pub use store::{HostBase, ImageStore, Origin, Pull, ResolvedImage, Stored};
