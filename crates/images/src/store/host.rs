//! The built-in image `seatrial/host`, whose root is the machine's own `/usr`.

use super::{HostBase, Origin, ResolvedImage};
use crate::image::{BASE_HOST, BASE_LABEL, ImageConfig, Platform, ProcessConfig, encode};
use crate::{Digest, Reference};

/// The search path of images that say none.
pub(crate) const DEFAULT_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(crate) fn host_base(config: &ProcessConfig) -> HostBase {
    if config.is_on_host() {
        HostBase::Present
    } else {
        HostBase::Absent
    }
}

/// The configuration of `seatrial/host`: no layers, and the label that says where its files are.
pub(crate) fn host_config() -> ImageConfig {
    let platform = Platform::of_this_machine();
    let mut config = ImageConfig {
        architecture: platform.architecture,
        os: platform.os,
        ..ImageConfig::default()
    };
    config.config.set_env("PATH", DEFAULT_PATH);
    config
        .config
        .labels
        .insert(BASE_LABEL.to_owned(), BASE_HOST.to_owned());
    config
}

pub(super) fn host_image(reference: Reference) -> ResolvedImage {
    let config = host_config();
    ResolvedImage {
        reference,
        digest: Digest::of(&encode(&config)),
        config,
        layers: Vec::new(),
        base: HostBase::Present,
        size: 0,
        origin: Origin::Present,
    }
}
