//! Why a container could not be started, in upstream's words.

use seatrial_controller::Notice;

use super::start;
use crate::{images, runtime};

/// The waiting reason, its message, and the events of a container that could not be started.
pub(super) fn explain(
    error: &start::Error,
    image: &str,
    message: String,
    failures: u32,
) -> (&'static str, String, Vec<Notice>) {
    let failed = || vec![failed(format!("Error: {message}"))];
    match error {
        start::Error::Image(error) => image_trouble(error, image, message, failures),
        start::Error::Runtime(
            runtime::Error::Execute { .. } | runtime::Error::UnknownUser { .. },
        ) => ("StartError", message.clone(), failed()),
        start::Error::Runtime(runtime::Error::SandboxGone) | start::Error::Cancelled => {
            ("ContainerCreating", message, Vec::new())
        }
        start::Error::Runtime(_) | start::Error::Disk { .. } => {
            ("CreateContainerError", message.clone(), failed())
        }
        start::Error::PostStart(_) => ("Error", message, Vec::new()),
        _ => ("CreateContainerConfigError", message.clone(), failed()),
    }
}

fn image_trouble(
    error: &images::Error,
    image: &str,
    message: String,
    failures: u32,
) -> (&'static str, String, Vec<Notice>) {
    let pull = failed(format!("Failed to pull image {image:?}: {message}"));
    match error {
        images::Error::Pull { .. } if failures > 1 => {
            let shown = format!("Back-off pulling image {image:?}: ErrImagePull: {message}");
            let notice = Notice::normal("BackOff", format!("Back-off pulling image {image:?}"));
            let last = failed("Error: ImagePullBackOff".to_owned());
            ("ImagePullBackOff", shown, vec![pull, notice, last])
        }
        images::Error::Pull { .. } => {
            let last = failed("Error: ErrImagePull".to_owned());
            ("ErrImagePull", message, vec![pull, last])
        }
        images::Error::NeverPull { .. } => {
            let notice = Notice::warning("ErrImageNeverPull", message.clone());
            ("ErrImageNeverPull", message, vec![notice])
        }
        images::Error::InvalidName { .. } => {
            let text = format!("Failed to apply default image tag {image:?}: {message}");
            let notice = Notice::warning("InspectFailed", text);
            ("InvalidImageName", message, vec![notice])
        }
    }
}

fn failed(text: String) -> Notice {
    Notice::warning("Failed", text)
}
