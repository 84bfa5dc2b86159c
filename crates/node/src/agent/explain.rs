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
    let failed = |text: String| Notice::warning("Failed", text);
    match error {
        start::Error::Image(images::Error::Pull { .. }) if failures > 1 => {
            let shown = format!("Back-off pulling image {image:?}: ErrImagePull: {message}");
            let notices = vec![
                failed(format!("Failed to pull image {image:?}: {message}")),
                Notice::normal("BackOff", format!("Back-off pulling image {image:?}")),
                failed("Error: ImagePullBackOff".to_owned()),
            ];
            ("ImagePullBackOff", shown, notices)
        }
        start::Error::Image(images::Error::Pull { .. }) => {
            let notices = vec![
                failed(format!("Failed to pull image {image:?}: {message}")),
                failed("Error: ErrImagePull".to_owned()),
            ];
            ("ErrImagePull", message, notices)
        }
        start::Error::Image(images::Error::NeverPull { .. }) => {
            let notice = Notice::warning("ErrImageNeverPull", message.clone());
            ("ErrImageNeverPull", message, vec![notice])
        }
        start::Error::Image(images::Error::InvalidName { .. }) => {
            let notice = Notice::warning(
                "InspectFailed",
                format!("Failed to apply default image tag {image:?}: {message}"),
            );
            ("InvalidImageName", message, vec![notice])
        }
        start::Error::Runtime(
            runtime::Error::Execute { .. } | runtime::Error::UnknownUser { .. },
        ) => (
            "StartError",
            message.clone(),
            vec![failed(format!("Error: {message}"))],
        ),
        start::Error::Runtime(runtime::Error::SandboxGone) => {
            ("ContainerCreating", message, Vec::new())
        }
        start::Error::Runtime(_) | start::Error::Disk { .. } => (
            "CreateContainerError",
            message.clone(),
            vec![failed(format!("Error: {message}"))],
        ),
        start::Error::PostStart(_) => ("Error", message, Vec::new()),
        _ => (
            "CreateContainerConfigError",
            message.clone(),
            vec![failed(format!("Error: {message}"))],
        ),
    }
}
