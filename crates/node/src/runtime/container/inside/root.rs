//! Building a container's root file system, and entering it.

use std::ffi::CString;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, StatVfsMountFlags};
use rustix::mount::{MountFlags, UnmountFlags};

use super::target::{Shape, by_descriptor, mount_point, open_in, open_path};
use crate::runtime::sandbox::protocol::{
    Bind, Container, Failure, Overlay, Phase, Report, Users, Writing,
};
use crate::runtime::{MemoryDirectory, RootAccess};

/// The device files that every program may expect.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

const LINKS: [(&str, &str); 5] = [
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// What of `/proc` shows or changes the machine rather than the container. Needed only where root
/// inside is root outside: a user namespace refuses these by itself.
const HIDDEN: [&str; 4] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
    "/proc/sysrq-trigger",
];
const UNWRITABLE: [&str; 4] = ["/proc/sys", "/proc/bus", "/proc/fs", "/proc/irq"];

/// Mounts everything and makes it the root of this process's mount namespace.
pub(super) fn enter(container: &Container, report: &mut Report) -> Result<(), Failure> {
    let root = mount_overlays(container, report)?;
    mount_proc(&root, report)?;
    mount_devices(&root, report)?;
    mount_sys(&root, report);
    for bind in &container.mounts {
        mount_bind(&root, bind, report)?;
    }
    if container.security.root == RootAccess::ReadOnly {
        close_root(&root, container)?;
    }
    if container.users == Users::Machine {
        restrict_proc(&root)?;
    }
    pivot(&root)
}

fn mount_overlays(container: &Container, report: &mut Report) -> Result<OwnedFd, Failure> {
    let mut root = None;
    for overlay in &container.overlays {
        let failed = || {
            Failure::at(
                Phase::Root,
                format!("mount overlay at {}", overlay.target.display()),
            )
        };
        match &root {
            None => {
                let mountpoint = open_path(&container.mountpoint).map_err(failed())?;
                mount_overlay(overlay, &mountpoint).map_err(failed())?;
                root = Some(open_path(&container.mountpoint).map_err(failed())?);
            }
            Some(root) => {
                let target = mount_point(root, &overlay.target, Shape::Directory, report)
                    .map_err(failed())?;
                mount_overlay(overlay, &target).map_err(failed())?;
            }
        }
    }
    root.ok_or_else(|| {
        Failure::at(Phase::Root, "mount the root")(std::io::Error::from(rustix::io::Errno::INVAL))
    })
}

/// All directories are named by descriptor: the kernel takes only a page of options, and a comma
/// or colon in a path would end it.
fn mount_overlay(overlay: &Overlay, target: &OwnedFd) -> std::io::Result<()> {
    let lowers = overlay
        .lowers
        .iter()
        .map(|lower| open_path(lower))
        .collect::<Result<Vec<_>, _>>()?;
    let (upper, work) = (open_path(&overlay.upper)?, open_path(&overlay.work)?);
    let topmost_first: Vec<String> = lowers.iter().rev().map(by_descriptor).collect();
    let options = format!(
        "lowerdir={},upperdir={},workdir={},userxattr",
        topmost_first.join(":"),
        by_descriptor(&upper),
        by_descriptor(&work)
    );
    // Without the second, each end of a container would wait for the disk. Old kernels lack it.
    let mounted = match mount_special(
        "overlay",
        target,
        MountFlags::empty(),
        &format!("{options},volatile"),
    ) {
        Err(rustix::io::Errno::INVAL) => {
            mount_special("overlay", target, MountFlags::empty(), &options)
        }
        other => other,
    };
    Ok(mounted?)
}

fn mount_special(
    kind: &str,
    target: &OwnedFd,
    flags: MountFlags,
    options: &str,
) -> rustix::io::Result<()> {
    let options = CString::new(options).map_err(|_| rustix::io::Errno::INVAL)?;
    rustix::mount::mount(
        kind,
        by_descriptor(target),
        kind,
        flags,
        Some(options.as_c_str()),
    )
}

fn mount_proc(root: &OwnedFd, report: &mut Report) -> Result<(), Failure> {
    let failed = || Failure::at(Phase::Root, "mount /proc");
    let target = mount_point(root, Path::new("proc"), Shape::Directory, report).map_err(failed())?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount_special("proc", &target, flags, "").map_err(Failure::at(Phase::Root, "mount /proc"))
}

fn mount_devices(root: &OwnedFd, report: &mut Report) -> Result<(), Failure> {
    let failed = || Failure::at(Phase::Root, "mount /dev");
    let errno = || Failure::at(Phase::Root, "mount /dev");
    let target = mount_point(root, Path::new("dev"), Shape::Directory, report).map_err(failed())?;
    mount_special(
        "tmpfs",
        &target,
        MountFlags::NOSUID | MountFlags::NOEXEC,
        "mode=755,size=65536k",
    )
    .map_err(errno())?;
    let directory = open_in(root, Path::new("dev")).map_err(errno())?;
    for device in DEVICES {
        let source = Path::new("/dev").join(device);
        if !source.exists() {
            continue;
        }
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        let made = rustix::fs::openat(&directory, device, flags, Mode::from_raw_mode(0o666));
        let made = made.map_err(errno())?;
        rustix::mount::mount_bind(&source, by_descriptor(&made))
            .map_err(Failure::at(Phase::Root, format!("mount /dev/{device}")))?;
    }
    for (name, leads_to) in LINKS {
        rustix::fs::symlinkat(leads_to, &directory, name).map_err(errno())?;
    }
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount_below(
        &directory,
        "shm",
        "tmpfs",
        flags | MountFlags::NODEV,
        "mode=1777,size=65536k",
    )?;
    mount_below(
        &directory,
        "pts",
        "devpts",
        flags,
        "newinstance,ptmxmode=0666,mode=0620",
    )
}

fn mount_below(
    directory: &OwnedFd,
    name: &str,
    kind: &str,
    flags: MountFlags,
    options: &str,
) -> Result<(), Failure> {
    let failed = || Failure::at(Phase::Root, format!("mount /dev/{name}"));
    rustix::fs::mkdirat(directory, name, Mode::from_raw_mode(0o755)).map_err(failed())?;
    let target = open_in(directory, Path::new(name)).map_err(failed())?;
    mount_special(kind, &target, flags, options).map_err(failed())
}

/// Puts memory over a directory of the machine, as the containers of this sandbox see it.
pub(super) fn mount_memory(directory: &MemoryDirectory) -> Result<(), Failure> {
    let step = format!("mount memory at {}", directory.path.display());
    let failed = || Failure::at(Phase::Sandbox, step.clone());
    let target = open_path(&directory.path).map_err(failed())?;
    let mut options = match directory.group {
        Some(group) => format!("mode=2777,gid={group}"),
        None => "mode=777".to_owned(),
    };
    if let Some(bytes) = directory.bytes {
        options += &format!(",size={bytes}");
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    let errno = || Failure::at(Phase::Sandbox, step.clone());
    mount_special("tmpfs", &target, flags, &options).map_err(errno())
}

/// `/sys` is of use to few programs and refused in some environments: then there is none.
fn mount_sys(root: &OwnedFd, report: &mut Report) {
    if let Ok(target) = mount_point(root, Path::new("sys"), Shape::Directory, report) {
        let flags =
            MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
        let _ = mount_special("sysfs", &target, flags, "");
    }
}

fn mount_bind(root: &OwnedFd, bind: &Bind, report: &mut Report) -> Result<(), Failure> {
    let step = format!(
        "mount {} at {}",
        bind.source.display(),
        bind.target.display()
    );
    let failed = || Failure::at(Phase::Root, step.clone());
    let is_directory = fs::metadata(&bind.source).map_err(failed())?.is_dir();
    let shape = if is_directory {
        Shape::Directory
    } else {
        Shape::File
    };
    let target = mount_point(root, &bind.target, shape, report).map_err(failed())?;
    let errno = || Failure::at(Phase::Root, step.clone());
    rustix::mount::mount_bind_recursive(&bind.source, by_descriptor(&target)).map_err(errno())?;
    if bind.writing == Writing::Refused {
        // Opened anew, so that it names the mount and not what lies under it.
        let mounted = open_in(root, &bind.target).map_err(errno())?;
        make_read_only(&mounted).map_err(errno())?;
    }
    Ok(())
}

/// Keeps the mount's other flags: taking one away is refused in a user namespace.
fn make_read_only(mounted: &OwnedFd) -> rustix::io::Result<()> {
    let present = rustix::fs::fstatvfs(mounted)?.f_flag;
    let mut flags = MountFlags::BIND | MountFlags::RDONLY;
    for (found, kept) in [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ] {
        if present.contains(found) {
            flags |= kept;
        }
    }
    rustix::mount::mount_remount(by_descriptor(mounted), flags, "")
}

/// Makes the layers read-only; what is mounted on them stays as it is.
fn close_root(root: &OwnedFd, container: &Container) -> Result<(), Failure> {
    let failed = || Failure::at(Phase::Root, "make the root read-only");
    make_read_only(root).map_err(failed())?;
    for overlay in container.overlays.iter().skip(1) {
        let hidden = container
            .mounts
            .iter()
            .any(|bind| bind.target == overlay.target);
        if !hidden {
            let mounted = open_in(root, &overlay.target).map_err(failed())?;
            make_read_only(&mounted).map_err(failed())?;
        }
    }
    Ok(())
}

fn restrict_proc(root: &OwnedFd) -> Result<(), Failure> {
    for path in HIDDEN {
        let Ok(target) = open_in(root, Path::new(path)) else {
            continue;
        };
        rustix::mount::mount_bind("/dev/null", by_descriptor(&target))
            .map_err(Failure::at(Phase::Root, format!("hide {path}")))?;
    }
    for path in UNWRITABLE {
        let failed = || Failure::at(Phase::Root, format!("make {path} read-only"));
        let Ok(target) = open_in(root, Path::new(path)) else {
            continue;
        };
        let itself = by_descriptor(&target);
        rustix::mount::mount_bind(&itself, &itself).map_err(failed())?;
        let mounted = open_in(root, Path::new(path)).map_err(failed())?;
        make_read_only(&mounted).map_err(failed())?;
    }
    Ok(())
}

fn pivot(root: &OwnedFd) -> Result<(), Failure> {
    let failed = || Failure::at(Phase::Root, "enter the root file system");
    rustix::process::fchdir(root).map_err(failed())?;
    rustix::process::pivot_root(".", ".").map_err(failed())?;
    // The old root now lies on the new one.
    rustix::mount::unmount(".", UnmountFlags::DETACH).map_err(failed())?;
    rustix::process::chdir("/").map_err(failed())
}
