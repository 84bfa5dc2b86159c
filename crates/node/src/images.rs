//! The port through which the agent gets images. The binary adapts the image store to it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;

use crate::runtime::HostBase;

/// Turns references into root file systems.
#[async_trait]
pub trait Images: Send + Sync + 'static {
    /// Finds or pulls the image. Called again (with back-off) after an error, and for each start of
    /// a container; several calls for one reference may run at the same time.
    async fn resolve(&self, reference: &str, policy: PullPolicy) -> Result<Image, Error>;
}

/// When to ask the registry, as a container's `imagePullPolicy` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    /// Ask for the reference's present digest each time.
    Always,
    /// Take what is on the machine; pull where it is missing.
    IfNotPresent,
    /// Take what is on the machine; fail where it is missing.
    Never,
}

/// An image on this machine, ready to be a root file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// `repository@sha256:…` (or `sha256:…` of an image that has no repository): the container
    /// status' `imageID`.
    pub id: String,
    /// The reference in full, with registry and tag: the container status' `image`.
    pub reference: String,
    /// Directories of the unpacked layers, the lowest first, as [`crate::runtime::Root::layers`].
    pub layers: Vec<PathBuf>,
    /// Whether it is built on `seatrial/host`.
    pub host_base: HostBase,
    /// What the image says about its process.
    pub config: ImageConfig,
    /// Bytes, for the event that tells of the pull.
    pub size: u64,
    /// Whether this call fetched it.
    pub origin: Origin,
}

/// Whether a call had to fetch an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// It lay on the machine.
    #[default]
    Present,
    /// It was pulled now.
    Pulled,
}

/// The part of an OCI image configuration that a process needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `CMD`.
    pub command: Vec<String>,
    /// `ENV`.
    pub env: BTreeMap<String, String>,
    /// `WORKDIR`; empty is `/`.
    pub working_directory: String,
    /// `USER`; empty is root.
    pub user: String,
    /// `STOPSIGNAL`; empty is `SIGTERM`.
    pub stop_signal: String,
}

/// Why an image is not to be had. The text becomes the container's waiting message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The reference cannot be read: retrying is useless.
    #[error("couldn't parse image name {reference:?}: {reason}")]
    InvalidName {
        /// As the pod has it.
        reference: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The policy is `Never` and the image is not on the machine.
    #[error("container image {reference:?} is not present with pull policy of Never")]
    NeverPull {
        /// As the pod has it.
        reference: String,
    },
    /// The registry has no such image, refuses, or cannot be reached.
    #[error("failed to pull image {reference:?}: {reason}")]
    Pull {
        /// As the pod has it.
        reference: String,
        /// What the registry or the network said, with what to do about it.
        reason: String,
    },
}
