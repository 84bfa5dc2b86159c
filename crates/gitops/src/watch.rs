//! Which objects wake their application.
//!
//! Kinds that most applications are made of are watched, through informers that other controllers
//! mostly have already. Others are looked at every few seconds while an application has such.

use std::sync::Arc;

use k8s_openapi::api::{apps, autoscaling, batch, core, networking, policy, rbac};
use kube::Resource;
use seatrial_controller::{ObjectKey, Static, Watches};
use seatrial_resources::{argoproj, istio, seatrial_dev};

use crate::memory::Memories;
use crate::reference::{Reference, TRACKING, application_of, tracked_by};
use crate::refresh;

/// Wakes applications on everything that may concern them.
pub(crate) fn declare(
    watches: &mut Watches<argoproj::Application>,
    home: &str,
    memories: &Arc<Memories>,
) {
    // First, so that a push finds its repository.
    let marks = memories.clone();
    watches.mapped::<seatrial_dev::Repository, _>(move |repository, caches| {
        let keys = refresh::of_repository(repository, caches);
        marks.mark(&keys);
        keys
    });
    let marks = memories.clone();
    watches.mapped::<seatrial_dev::Push, _>(move |push, caches| {
        let keys = refresh::of_push(push, caches);
        marks.mark(&keys);
        keys
    });
    watches.mapped::<argoproj::AppProject, _>(|project, caches| {
        let apps = caches.of::<argoproj::Application>().all();
        let name = project.metadata.name.as_deref().unwrap_or_default();
        let of_it = apps.iter().filter(|app| app.spec.project == name);
        of_it
            .map(|app| seatrial_controller::key_of(&**app))
            .collect()
    });
    let home: Arc<str> = home.into();
    macro_rules! tracked {
        ($($kind:ty),* $(,)?) => { $( tracked::<$kind>(watches, &home); )* };
    }
    tracked!(
        apps::v1::DaemonSet,
        apps::v1::Deployment,
        apps::v1::StatefulSet,
        argoproj::AnalysisRun,
        argoproj::AnalysisTemplate,
        argoproj::Application,
        argoproj::Rollout,
        autoscaling::v2::HorizontalPodAutoscaler,
        batch::v1::CronJob,
        batch::v1::Job,
        core::v1::ConfigMap,
        core::v1::PersistentVolumeClaim,
        core::v1::Pod,
        core::v1::Secret,
        core::v1::Service,
        core::v1::ServiceAccount,
        istio::VirtualService,
        networking::v1::Ingress,
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
        rbac::v1::Role,
        rbac::v1::RoleBinding,
    );
}

/// The kinds above.
const WATCHED: &[(&str, &str)] = &[
    ("", "ConfigMap"),
    ("", "PersistentVolumeClaim"),
    ("", "Pod"),
    ("", "Secret"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("argoproj.io", "AnalysisRun"),
    ("argoproj.io", "AnalysisTemplate"),
    ("argoproj.io", "Application"),
    ("argoproj.io", "Rollout"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("batch", "CronJob"),
    ("batch", "Job"),
    ("networking.istio.io", "VirtualService"),
    ("networking.k8s.io", "Ingress"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("policy", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
];

/// Whether a change of the object wakes its application.
pub(crate) fn is_watched(object: &Reference) -> bool {
    WATCHED.contains(&(object.group.as_str(), object.kind.as_str()))
}

fn tracked<K: Static + Resource>(watches: &mut Watches<argoproj::Application>, home: &Arc<str>) {
    let home = home.clone();
    watches.mapped::<K, _>(move |object, _| owner(object, &home).into_iter().collect());
}

fn owner<K: Resource>(object: &K, home: &str) -> Option<ObjectKey> {
    let id = object.meta().annotations.as_ref()?.get(TRACKING)?;
    Some(application_of(tracked_by(id), home))
}
