//! Who a container's process is.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{Gid, Uid};
use rustix::thread::{ThreadNameSpaceType, UnshareFlags, move_into_thread_name_spaces};

use super::{privileges, unshare};
use crate::runtime::sandbox::protocol::{Failure, Phase, Report, Users};

/// A user as the container's own `/etc/passwd` and `/etc/group` tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct User {
    uid: u32,
    gid: u32,
    further_groups: Vec<u32>,
}

impl User {
    /// Adds groups.
    pub(super) fn join(&mut self, groups: &[u32]) {
        for group in groups {
            if !self.further_groups.contains(group) {
                self.further_groups.push(*group);
            }
        }
    }
}

/// Reads `name`, `uid`, `name:group` or `uid:gid`; nothing is root. In the container's root.
pub(super) fn look_up(text: &str) -> Result<User, Failure> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    if text.is_empty() {
        return Ok(User {
            uid: 0,
            gid: 0,
            further_groups: Vec::new(),
        });
    }
    resolve(text, &read("/etc/passwd"), &read("/etc/group")).ok_or_else(|| {
        Failure::at(Phase::User, text)(std::io::Error::from(rustix::io::Errno::NOENT))
    })
}

fn resolve(text: &str, passwd: &str, group: &str) -> Option<User> {
    let (user, wanted_group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let known = lines(passwd).find(|fields| fields[0] == user || fields.get(2) == Some(&user));
    let uid = match &known {
        Some(fields) => fields.get(2)?.parse().ok()?,
        None => user.parse().ok()?,
    };
    let gid = match (wanted_group, &known) {
        (Some(wanted), _) => group_number(wanted, group)?,
        (None, Some(fields)) => fields.get(3)?.parse().ok()?,
        (None, None) => 0,
    };
    let name = known.map_or(user, |fields| fields[0]);
    let further_groups = lines(group)
        .filter(|fields| {
            fields
                .get(3)
                .is_some_and(|members| members.split(',').any(|member| member == name))
        })
        .filter_map(|fields| fields.get(2)?.parse().ok())
        .collect();
    Some(User {
        uid,
        gid,
        further_groups,
    })
}

fn group_number(wanted: &str, group: &str) -> Option<u32> {
    let known = lines(group).find(|fields| fields[0] == wanted);
    match known {
        Some(fields) => fields.get(2)?.parse().ok(),
        None => wanted.parse().ok(),
    }
}

fn lines(file: &str) -> impl Iterator<Item = Vec<&str>> {
    file.lines().map(|line| line.split(':').collect::<Vec<_>>())
}

/// Becomes that user, or says that it cannot. `beside` is the process that the new one joins.
pub(super) fn become_user(
    user: &User,
    users: Users,
    (beside, rights): (Option<&OwnedFd>, privileges::Rights),
    report: &mut Report,
) -> Result<(), Failure> {
    if users != Users::RootOnly {
        return become_known(user, report);
    }
    if !user.further_groups.is_empty() {
        report.notes.push(format!(
            "the further groups of user {} are not given to it: the node does not run as root",
            user.uid
        ));
    }
    if user.uid == 0 && user.gid == 0 {
        return Ok(());
    }
    if let Err(error) = become_alone(user, beside) {
        report.notes.push(format!(
            "user {}:{} is not enforced: the node does not run as root, so root is the only user in its pods ({error})",
            user.uid, user.gid
        ));
    }
    rights.limit()
}

/// Where only one user exists, it can at least be called as the image wants it (some programs refuse
/// to run as root): by another user namespace, in which that number is the one that exists. What
/// belongs to root in the image belongs to it.
fn become_alone(user: &User, beside: Option<&OwnedFd>) -> io::Result<()> {
    if let Some(process) = beside {
        let joined = move_into_thread_name_spaces(process.as_fd(), ThreadNameSpaceType::USER);
        return match joined {
            // It could not have one of its own.
            Err(rustix::io::Errno::INVAL) => Ok(()),
            other => Ok(other?),
        };
    }
    unshare(UnshareFlags::NEWUSER)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/gid_map", format!("{} 0 1", user.gid))?;
    fs::write("/proc/self/uid_map", format!("{} 0 1", user.uid))
}

fn become_known(user: &User, report: &mut Report) -> Result<(), Failure> {
    let failed = || {
        Failure::at(
            Phase::Sandbox,
            format!("become user {}:{}", user.uid, user.gid),
        )
    };
    let groups: Vec<Gid> = user
        .further_groups
        .iter()
        .map(|gid| Gid::from_raw(*gid))
        .collect();
    match rustix::thread::set_thread_groups(&groups) {
        // A node that itself runs in a user namespace may be forbidden to touch groups.
        Err(rustix::io::Errno::PERM) if groups.is_empty() => {}
        Err(rustix::io::Errno::PERM) => report.notes.push(format!(
            "the further groups of user {} are not given to it: the node may not set groups",
            user.uid
        )),
        other => other.map_err(failed())?,
    }
    give_streams(user);
    let become_it = || {
        rustix::thread::set_thread_gid(Gid::from_raw(user.gid))?;
        rustix::thread::set_thread_uid(Uid::from_raw(user.uid))
    };
    match become_it() {
        // The node itself runs in a user namespace, in which not all users exist.
        Err(rustix::io::Errno::INVAL) => report.notes.push(format!(
            "user {}:{} is not enforced: there is no such user where the node runs",
            user.uid, user.gid
        )),
        other => other.map_err(failed())?,
    }
    Ok(())
}

/// The pipes are the node's; a program that opens `/dev/stdout` anew must own them.
fn give_streams(user: &User) {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    for stream in [io::stdout().as_fd(), io::stderr().as_fd()] {
        // What cannot be given is still open.
        let _ = rustix::fs::fchown(stream, Some(uid), Some(gid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/app:/bin/sh\n";
    const GROUP: &str = "root:x:0:\napp:x:1001:\nlog:x:7:other,app\n";

    #[allow(clippy::unnecessary_wraps)] // As the results are.
    fn user(uid: u32, gid: u32, further: &[u32]) -> Option<User> {
        Some(User {
            uid,
            gid,
            further_groups: further.to_vec(),
        })
    }

    #[test]
    fn names_and_numbers_are_looked_up() {
        assert_eq!(resolve("app", PASSWD, GROUP), user(1000, 1001, &[7]));
        assert_eq!(resolve("1000", PASSWD, GROUP), user(1000, 1001, &[7]));
        assert_eq!(resolve("app:log", PASSWD, GROUP), user(1000, 7, &[7]));
        assert_eq!(resolve("4711", PASSWD, GROUP), user(4711, 0, &[]));
        assert_eq!(resolve("4711:4712", PASSWD, GROUP), user(4711, 4712, &[]));
        assert_eq!(resolve("nobody", PASSWD, GROUP), None);
        assert_eq!(resolve("app:nogroup", PASSWD, GROUP), None);
    }
}
