//! Kustomize: a folder with a `kustomization.yaml` into objects.
//!
//! ```text
//!   resources (files, bases) ─▶ generators ─▶ patches ─▶ namespace, names, labels, annotations,
//!                                                        replicas, images ─▶ references ─▶ order
//! ```
//!
//! Follows Kustomize 5.5 as `kubectl kustomize` runs it; the fixtures of this crate's tests were
//! compared with that program's output.

mod build;
mod edit;
mod generator;
mod hash;
mod image;
mod kustomization;
mod label;
mod order;
mod patch;
mod reference;
mod transform;

pub use build::build;
pub use edit::set_image;
pub use image::ImageTransform;
pub use kustomization::{Kustomization, find};
