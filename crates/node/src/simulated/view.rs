//! What a simulated pod looks like.

use k8s_openapi::api::core::v1::{Container, Pod};

use super::pod::{Simulation, Stage, containers, place};
use crate::backoff;
use crate::status::{
    CRASH_LOOP, CREATING, ContainerView, Course, Ended, PodView, Readiness, Startup, State,
    is_sidecar,
};

impl Simulation {
    /// What the pod looks like now.
    pub(super) fn view(&self, pod: &Pod) -> PodView {
        let spec = pod.spec.as_ref();
        let init = spec
            .and_then(|spec| spec.init_containers.as_deref())
            .unwrap_or_default();
        PodView {
            init: init
                .iter()
                .map(|container| self.init_container(pod, container))
                .collect(),
            containers: containers(pod)
                .map(|container| self.container(pod, container))
                .collect(),
            ephemeral: Vec::new(),
            address: self.address,
            host: self.host,
            started_at: self.arrived,
            course: match &self.stage {
                Stage::Rejected { reason, message } => Course::Failed {
                    reason: reason.clone(),
                    message: message.clone(),
                },
                _ => Course::Living,
            },
        }
    }

    fn init_container(&self, pod: &Pod, container: &Container) -> ContainerView {
        let mut view = ContainerView::waiting(&container.name, CREATING);
        let begun = !matches!(
            self.stage,
            Stage::Creating { .. }
                | Stage::PullFailed { .. }
                | Stage::Refused { .. }
                | Stage::Rejected { .. }
        );
        if !begun && self.last.is_none() {
            return view;
        }
        if is_sidecar(container) {
            return self.container(pod, container);
        }
        view.id = identity(pod, container, 0);
        view.state = State::Terminated(Ended {
            code: 0,
            signal: None,
            reason: "Completed".to_owned(),
            message: None,
            started_at: self.arrived,
            finished_at: self.arrived,
            id: view.id.clone(),
        });
        view.readiness = Readiness::Ready;
        view
    }

    fn container(&self, pod: &Pod, container: &Container) -> ContainerView {
        let mut view = ContainerView::waiting(&container.name, CREATING);
        view.restarts = self.restarts;
        if let Some((reason, message)) = self.waits(pod, container) {
            let message = Some(message);
            view.state = State::Waiting { reason, message };
        }
        let id = identity(pod, container, self.restarts);
        let last = self.last.as_ref().map(|last| Ended {
            id: id.clone(),
            ..Ended::clone(last)
        });
        match (&self.stage, last) {
            (Stage::Finished | Stage::Creating { .. } | Stage::Rejected { .. }, Some(last)) => {
                view.id = id;
                view.state = State::Terminated(last);
            }
            (
                Stage::Running {
                    since, readiness, ..
                },
                last,
            ) => {
                view.id = id;
                view.state = State::Running { since: *since };
                view.readiness = *readiness;
                view.startup = Startup::Started;
                view.last = last;
            }
            (Stage::BackOff { .. }, last) => {
                view.id = id;
                view.last = last;
            }
            _ => {}
        }
        view
    }

    /// Why the container waits, in upstream's words.
    fn waits(&self, pod: &Pod, container: &Container) -> Option<(&'static str, String)> {
        let image = container.image.as_deref().unwrap_or_default();
        let error = self.behaviour.pull_error.as_deref().unwrap_or_default();
        let pull = format!("failed to pull image {image:?}: {error}");
        match &self.stage {
            Stage::BackOff { wait, .. } => {
                let wait = backoff::show(*wait);
                let (name, place) = (&container.name, place(pod));
                let message =
                    format!("back-off {wait} restarting failed container={name} pod={place}");
                Some((CRASH_LOOP, message))
            }
            Stage::PullFailed { retry: Some(_) } => Some(("ErrImagePull", pull)),
            Stage::PullFailed { retry: None } => {
                let message = format!("Back-off pulling image {image:?}: ErrImagePull: {pull}");
                Some(("ImagePullBackOff", message))
            }
            Stage::Refused { message } => Some(("CreateContainerConfigError", message.clone())),
            _ => None,
        }
    }
}

fn identity(pod: &Pod, container: &Container, restarts: i32) -> String {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    format!("simulated://{uid}-{}-{restarts}", container.name)
}
