//! Finding where control groups might be made.

use std::path::{Path, PathBuf};

use super::hierarchy::{Hierarchy, Version};

/// Where groups might be made: this process's own group, the one around it (the only possible one in
/// version 2, where a group with processes has no groups with controllers), the topmost.
pub(super) fn candidates(mounts: &str, own: &str, controller: &str) -> Vec<Hierarchy> {
    let mut found = Vec::new();
    for (version, root, mountpoint) in mounts
        .lines()
        .filter_map(|line| parse_mount(line, controller))
    {
        let path = own
            .lines()
            .find_map(|line| parse_own(line, version, controller))
            .unwrap_or("/");
        let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
        // Without the slash that joining nothing would leave at the end.
        let place: PathBuf = Path::new(mountpoint).join(below).components().collect();
        let around = place
            .parent()
            .filter(|around| around.starts_with(mountpoint));
        let top = Path::new(mountpoint);
        for base in [Some(place.as_path()), around, Some(top)]
            .into_iter()
            .flatten()
        {
            let hierarchy = Hierarchy {
                version,
                base: base.to_path_buf(),
            };
            if !found.contains(&hierarchy) {
                found.push(hierarchy);
            }
        }
    }
    found
}

/// The version, root and mount point of a line of mountinfo about this controller.
fn parse_mount<'line>(
    line: &'line str,
    controller: &str,
) -> Option<(Version, &'line str, &'line str)> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ').skip(3);
    let (root, mountpoint) = (fields.next()?, fields.next()?);
    let mut fields = after.split(' ');
    let (kind, options) = (fields.next()?, fields.nth(1)?);
    match kind {
        "cgroup2" => Some((Version::Two, root, mountpoint)),
        "cgroup" if options.split(',').any(|option| option == controller) => {
            Some((Version::One, root, mountpoint))
        }
        _ => None,
    }
}

fn parse_own<'line>(line: &'line str, version: Version, controller: &str) -> Option<&'line str> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let meant = match version {
        Version::One => controllers.split(',').any(|known| known == controller),
        Version::Two => controllers.is_empty(),
    };
    meant.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mounts: &str, own: &str, controller: &str, expected: &[(Version, &str)]) {
        let found = candidates(mounts, own, controller);
        let found: Vec<_> = found
            .iter()
            .map(|place| (place.version, place.base.to_str().unwrap()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn in_version_two_the_group_around_our_own_comes_second() {
        check(
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate",
            "0::/user.slice/user-1000.slice/shell.scope\n",
            "memory",
            &[
                (
                    Version::Two,
                    "/sys/fs/cgroup/user.slice/user-1000.slice/shell.scope",
                ),
                (Version::Two, "/sys/fs/cgroup/user.slice/user-1000.slice"),
                (Version::Two, "/sys/fs/cgroup"),
            ],
        );
    }

    #[test]
    fn in_version_one_each_controller_has_its_own_tree() {
        let mounts = "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
            32 30 0:28 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let own = "2:memory:/docker/x/y\n1:cpu,cpuacct:/\n";
        check(
            mounts,
            own,
            "cpu",
            &[(Version::One, "/sys/fs/cgroup/cpu,cpuacct")],
        );
        check(
            mounts,
            own,
            "memory",
            &[
                (Version::One, "/sys/fs/cgroup/memory/y"),
                (Version::One, "/sys/fs/cgroup/memory"),
            ],
        );
    }

    #[test]
    fn without_a_mounted_tree_there_is_no_place() {
        check("22 1 8:1 / / rw - ext4 /dev/sda1 rw", "0::/\n", "cpu", &[]);
    }
}
