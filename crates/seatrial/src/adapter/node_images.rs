//! Images for the nodes, from the image store.

use async_trait::async_trait;
use seatrial_images::{Error, HostBase, ImageStore, Origin, Pull};
use seatrial_node::images::{self as port, Image, ImageConfig, Images, PullPolicy};
use seatrial_node::runtime;

/// The image store as nodes see it.
pub(crate) struct NodeImages(pub(crate) ImageStore);

#[async_trait]
impl Images for NodeImages {
    async fn resolve(&self, reference: &str, policy: PullPolicy) -> Result<Image, port::Error> {
        let pull = match policy {
            PullPolicy::Always => Pull::Always,
            PullPolicy::IfNotPresent => Pull::IfMissing,
            PullPolicy::Never => Pull::Never,
        };
        let found = self.0.resolve(reference, pull).await;
        let image = found.map_err(|error| refusal(reference, policy, &error))?;
        let process = &image.config.config;
        let config = ImageConfig {
            entrypoint: process.entrypoint.clone(),
            command: process.cmd.clone(),
            env: process
                .environment()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            working_directory: process.working_dir.clone(),
            user: process.user.clone(),
            stop_signal: process.stop_signal.clone(),
        };
        Ok(Image {
            id: format!("{}@{}", image.reference.name(), image.digest),
            reference: image.reference.to_string(),
            layers: image.layers,
            host_base: host_base(image.base),
            config,
            size: image.size,
            origin: match image.origin {
                Origin::Present => port::Origin::Present,
                Origin::Pulled => port::Origin::Pulled,
            },
        })
    }
}

/// Why there is no image, in the node's words.
fn refusal(reference: &str, policy: PullPolicy, error: &Error) -> port::Error {
    let reference = reference.to_owned();
    match error {
        Error::Reference(invalid) => port::Error::InvalidName {
            reference,
            reason: invalid.reason.clone(),
        },
        Error::UnknownImage { asked: None, .. } if policy == PullPolicy::Never => {
            port::Error::NeverPull { reference }
        }
        error => port::Error::Pull {
            reference,
            reason: seatrial_controller::Chain(error).to_string(),
        },
    }
}

/// Whether the machine's own files lie below, in the node's words.
pub(crate) fn host_base(base: HostBase) -> runtime::HostBase {
    match base {
        HostBase::Present => runtime::HostBase::Present,
        HostBase::Absent => runtime::HostBase::Absent,
    }
}
