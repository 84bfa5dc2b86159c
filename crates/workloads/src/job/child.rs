//! The pods of a Job. Pure.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    Container, EnvVar, EnvVarSource, ObjectFieldSelector, Pod, PodTemplateSpec,
};
use seatrial_controller::owner_reference;

use super::plan::Fresh;
use super::tally::{FAILURES, FINALIZER, IGNORED, INDEX};
use crate::template;

const VARIABLE: &str = "JOB_COMPLETION_INDEX";

/// A pod of the job, not yet created.
pub(super) fn pod(job: &Job, fresh: &Fresh, name: String) -> Pod {
    let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
    let nothing = PodTemplateSpec::default();
    let template = job.spec.as_ref().map_or(&nothing, |spec| &spec.template);
    let mut pod = template::pod(template, namespace, name, owner_reference(job));
    let labels = pod.metadata.labels.get_or_insert_default();
    let uid = job.metadata.uid.clone().unwrap_or_default();
    let job_name = job.metadata.name.clone().unwrap_or_default();
    for (label, value) in [("controller-uid", uid), ("job-name", job_name.clone())] {
        labels.insert(label.to_owned(), value.clone());
        labels.insert(format!("batch.kubernetes.io/{label}"), value);
    }
    let finalizers = pod.metadata.finalizers.get_or_insert_default();
    finalizers.push(FINALIZER.to_owned());
    let annotations = pod.metadata.annotations.get_or_insert_default();
    if let Some((failures, ignored)) = fresh.failures {
        annotations.insert(FAILURES.to_owned(), failures.to_string());
        if ignored > 0 {
            annotations.insert(IGNORED.to_owned(), ignored.to_string());
        }
    }
    let Some(index) = fresh.index else { return pod };
    annotations.insert(INDEX.to_owned(), index.to_string());
    labels.insert(INDEX.to_owned(), index.to_string());
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(format!("{job_name}-{index}"));
    let containers = spec.containers.iter_mut();
    containers
        .chain(spec.init_containers.iter_mut().flatten())
        .for_each(tell_index);
    pod
}

fn tell_index(container: &mut Container) {
    let variables = container.env.get_or_insert_default();
    if variables.iter().any(|one| one.name == VARIABLE) {
        return;
    }
    variables.push(EnvVar {
        name: VARIABLE.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: Some("v1".to_owned()),
                field_path: format!("metadata.labels['{INDEX}']"),
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    });
}
