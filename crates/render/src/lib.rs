//! Files in, objects out: plain manifests and Kustomize.
//!
//! ```text
//!   Files ──▶ plain::load      every manifest of a folder
//!         ──▶ kustomize::build kustomization.yaml, its bases, generators, patches and transformers
//!                                                                         ──▶ Vec<Object>
//! ```
//!
//! **Invariants:** no I/O and no clock; the same files give the same objects in the same order. What
//! is not supported is an error that names the file and the field, never ignored.

mod error;
mod files;
pub mod kustomize;
mod object;
pub mod plain;

pub use error::Error;
pub use files::Files;
pub use object::{Object, parse_manifest, to_yaml};
