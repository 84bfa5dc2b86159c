//! Whom a pod's private files are for.

use k8s_openapi::api::core::v1::Pod;

/// The user that all containers of the pod are told to run as, where it is the same one.
pub(super) fn only_user(pod: &Pod) -> Option<u32> {
    let spec = pod.spec.as_ref()?;
    let whole = spec.security_context.as_ref();
    let whole = whole.and_then(|context| context.run_as_user);
    let init = spec.init_containers.iter().flatten();
    let mut users = spec.containers.iter().chain(init).map(|container| {
        let own = container.security_context.as_ref();
        own.and_then(|context| context.run_as_user).or(whole)
    });
    let first = users.next()??;
    let same = users.all(|user| user == Some(first));
    same.then(|| first.try_into().ok())?
}

/// Whether the pod's volumes belong to a group of its own.
pub(super) fn has_group(pod: &Pod) -> bool {
    let context = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.security_context.as_ref());
    context.is_some_and(|context| context.fs_group.is_some())
}
