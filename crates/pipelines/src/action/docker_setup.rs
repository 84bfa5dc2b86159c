//! `docker/setup-buildx-action` and `docker/setup-qemu-action`: nothing to set up.

use async_trait::async_trait;

use super::{Action, Call, Error, Input};

pub(super) struct SetupBuildx;
pub(super) struct SetupQemu;

const WHY: &str = "Seatrial's own builder needs no setup";

const BUILDX: &[Input] = &[
    Input::noted("version", WHY),
    Input::noted("name", WHY),
    Input::noted("driver", WHY),
    Input::noted("driver-opts", WHY),
    Input::noted("buildkitd-flags", WHY),
    Input::noted("buildkitd-config", WHY),
    Input::noted("buildkitd-config-inline", WHY),
    Input::noted("install", WHY),
    Input::noted("use", WHY),
    Input::noted("endpoint", WHY),
    Input::noted("platforms", WHY),
    Input::noted("append", WHY),
    Input::noted("cleanup", WHY),
    Input::noted("cache-binary", WHY),
];

const QEMU: &[Input] = &[
    Input::noted("image", WHY),
    Input::noted("platforms", WHY),
    Input::noted("cache-image", WHY),
];

#[async_trait]
impl Action for SetupBuildx {
    fn name(&self) -> &'static str {
        "docker/setup-buildx-action"
    }

    fn inputs(&self) -> &'static [Input] {
        BUILDX
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        call.session
            .say("Images are built by Seatrial's own builder: no daemon, nothing to set up");
        call.session.output("name", "seatrial");
        call.session.output("driver", "seatrial");
        call.session.output("platforms", platform());
        Ok(())
    }
}

#[async_trait]
impl Action for SetupQemu {
    fn name(&self) -> &'static str {
        "docker/setup-qemu-action"
    }

    fn inputs(&self) -> &'static [Input] {
        QEMU
    }

    async fn run(&self, call: &mut Call<'_>) -> Result<(), Error> {
        let platform = platform();
        call.session.say(&format!(
            "Images are built for {platform}, this machine's platform; nothing is emulated"
        ));
        call.session.output("platforms", platform);
        Ok(())
    }
}

/// This machine's platform in Docker's words.
pub(super) fn platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("linux/{architecture}")
}
