//! What to do about a kernel that refuses.

use super::Failure;

/// What was tried, and why it failed.
pub(super) trait Tried {
    /// As in the runtime's error.
    fn step(&self) -> String;
    /// Begins with a colon, or is empty.
    fn cause(&self) -> String;
}

/// Names the failed step and what to do about it.
pub(super) fn for_error(error: &impl Tried) -> Failure {
    let read = |path: &str| {
        std::fs::read_to_string(path)
            .ok()
            .map(|text| text.trim().to_owned())
    };
    let in_docker = std::path::Path::new("/.dockerenv").exists();
    let step = error.step();
    Failure {
        reason: format!("cannot {step}{}", error.cause()),
        hint: hint(&step, read, in_docker),
    }
}

fn hint(step: &str, read: impl Fn(&str) -> Option<String>, in_docker: bool) -> Option<String> {
    let is = |path: &str, value: &str| read(path).as_deref() == Some(value);
    let about_namespaces = step.contains("namespace")
        || step.contains("map the users")
        || step.contains("detach the mounts");
    if about_namespaces && is("/proc/sys/user/max_user_namespaces", "0") {
        return Some(
            "user namespaces are turned off: sudo sysctl -w user.max_user_namespaces=15000"
                .to_owned(),
        );
    }
    if about_namespaces && is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return Some(
            "user namespaces are only for root: sudo sysctl -w kernel.unprivileged_userns_clone=1"
                .to_owned(),
        );
    }
    if about_namespaces
        && is(
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
        )
    {
        return Some("AppArmor restricts user namespaces: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0".to_owned());
    }
    if step.contains("overlay") {
        return Some(
            "put the data directory (--data-dir) on a file system like ext4, xfs, btrfs or tmpfs; in Docker: on a volume"
                .to_owned(),
        );
    }
    if in_docker && (about_namespaces || step.contains("mount")) {
        return Some("in Docker: run with --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined".to_owned());
    }
    about_namespaces.then(|| "run as root, or on a kernel that allows user namespaces".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_that_refuses_is_named() {
        let off =
            |path: &str| (path == "/proc/sys/user/max_user_namespaces").then(|| "0".to_owned());
        let hint_for = |step: &str| hint(step, off, false).unwrap_or_default();
        assert!(hint_for("make a user namespace").contains("sysctl -w user.max_user_namespaces"));
        assert!(hint_for("mount overlay at /").contains("--data-dir"));
        assert!(
            hint("mount overlay at /", |_| None, true)
                .unwrap()
                .contains("volume")
        );
        assert_eq!(hint("mount /proc", |_| None, false), None);
        assert!(
            hint("mount /proc", |_| None, true)
                .unwrap()
                .contains("systempaths=unconfined")
        );
    }
}
