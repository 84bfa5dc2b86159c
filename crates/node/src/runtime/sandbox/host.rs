//! `seatrial/host`: the machine's own programs and libraries as the lowest layers of an image.
//!
//! ```text
//!   skeleton/   etc (a selection, generated users), tmp, var, bin -> usr/bin, usr/local/bin/python3 -> …
//!   /usr …      the machine's, by overlay: an image's files lie above, nothing is written below
//!   /opt/languages/python-3 …  where the machine's python3 or git lives outside /usr
//! ```

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::own;
use super::tools::{Tool, find_tools};

/// Directories of programs and libraries; each is a link into `/usr` on most machines.
const SYSTEM: [&str; 7] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// What of the machine's `/etc` programs and libraries need, and everyone may know.
const SETTINGS: [&str; 17] = [
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "os-release",
    "pki",
    "protocols",
    "services",
    "ssl",
    "timezone",
    "magic",
];

/// Empty directories that an ordinary system has, with their permissions. Those below `usr` are
/// there so that they belong to the user of the container, who may then write into them even where
/// the machine's belong to another.
const DIRECTORIES: [(&str, u32); 33] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o755),
    ("root", 0o755),
    ("run", 0o755),
    ("run/lock", 0o1777),
    ("srv", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/local", 0o755),
    ("usr/local/bin", 0o755),
    ("usr/local/etc", 0o755),
    ("usr/local/include", 0o755),
    ("usr/local/lib", 0o755),
    ("usr/local/sbin", 0o755),
    ("usr/local/share", 0o755),
    ("usr/local/src", 0o755),
    ("usr/local/share/man", 0o755),
    ("var", 0o755),
    ("var/cache", 0o755),
    ("var/lib", 0o755),
    ("var/local", 0o755),
    ("var/log", 0o755),
    ("var/mail", 0o755),
    ("var/opt", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
    ("var/www", 0o755),
];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
    daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
    www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n\
    nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\ndaemon:x:1:\ntty:x:5:\nstaff:x:50:\nwww-data:x:33:\nusers:x:100:\nnogroup:x:65534:\n";
const NAME_SERVICE: &str = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n\
    services: files\nprotocols: files\n";

/// The base, ready to be put below image layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostBase {
    /// The lowest layer of the root.
    pub(crate) skeleton: PathBuf,
    /// Directories of the machine that are seen at their own paths.
    pub(crate) directories: Vec<PathBuf>,
}

/// Makes the base below `parent`, or finds the one that an earlier run has made there, if the machine
/// is still as it was then.
pub(crate) fn make(parent: &Path) -> io::Result<HostBase> {
    let tools = find_tools();
    let skeleton = parent.join(format!("host-{:016x}", fingerprint(&tools)));
    let directories = system_directories();
    let directories = directories
        .iter()
        .cloned()
        .chain(prefixes_outside(&directories, &tools))
        .collect();
    let base = HostBase {
        skeleton,
        directories,
    };
    if base.skeleton.exists() {
        return Ok(base);
    }
    // Under another name first: half a base must not be taken for a whole one.
    let unfinished = parent.join(own::name());
    build(&unfinished, &base.directories, &tools)?;
    match fs::rename(&unfinished, &base.skeleton) {
        // Another process was faster.
        Err(_) if base.skeleton.exists() => super::remove_tree(&unfinished)?,
        other => other?,
    }
    Ok(base)
}

fn build(skeleton: &Path, shown: &[PathBuf], tools: &[Tool]) -> io::Result<()> {
    for (name, mode) in DIRECTORIES {
        let path = skeleton.join(name);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    for name in SYSTEM {
        if let Ok(target) = fs::read_link(Path::new("/").join(name)) {
            symlink(target, skeleton.join(name))?;
        }
    }
    for directory in shown {
        fs::create_dir_all(skeleton.join(inside(directory)))?;
    }
    for name in SETTINGS {
        copy_readable(
            &Path::new("/etc").join(name),
            &skeleton.join("etc").join(name),
        )?;
    }
    write_etc(&skeleton.join("etc"))?;
    for tool in tools {
        link_tool(&skeleton.join("usr/local/bin"), tool)?;
    }
    Ok(())
}

/// Changes whenever what the base is made from does.
fn fingerprint(tools: &[Tool]) -> u64 {
    // The same in each run of one build of this program, which is all that is needed.
    let mut hasher = DefaultHasher::new();
    (SETTINGS, DIRECTORIES, PASSWD, GROUP, NAME_SERVICE).hash(&mut hasher);
    (
        env!("CARGO_PKG_VERSION"),
        rustix::process::geteuid().as_raw(),
    )
        .hash(&mut hasher);
    for tool in tools {
        (&tool.names, &tool.prefixes).hash(&mut hasher);
    }
    for name in SETTINGS {
        hash_file(&Path::new("/etc").join(name), &mut hasher);
    }
    hasher.finish()
}

fn hash_file(path: &Path, hasher: &mut DefaultHasher) {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return;
    };
    (
        path,
        metadata.mode(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    )
        .hash(hasher);
    if metadata.is_dir() {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            hash_file(&path, hasher);
        }
    }
}

/// A path below the root, without the leading slash.
pub(crate) fn inside(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

/// Those that are directories; the others are links into them, or missing.
fn system_directories() -> Vec<PathBuf> {
    let is_directory =
        |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    SYSTEM
        .map(|name| Path::new("/").join(name))
        .into_iter()
        .filter(is_directory)
        .collect()
}

fn prefixes_outside(shown: &[PathBuf], tools: &[Tool]) -> Vec<PathBuf> {
    let mut prefixes: Vec<PathBuf> = Vec::new();
    for prefix in tools.iter().flat_map(|tool| &tool.prefixes) {
        let covered = |shown: &PathBuf| prefix.starts_with(shown);
        if !shown.iter().any(covered) && !prefixes.iter().any(covered) {
            prefixes.push(prefix.clone());
        }
    }
    prefixes
}

/// Gives a tool its ordinary name, unless it is found in `/usr` under it.
fn link_tool(bin: &Path, tool: &Tool) -> io::Result<()> {
    for (name, target) in &tool.names {
        if target.parent() == Some(Path::new("/usr/bin"))
            && target.file_name() == Some(name.as_ref())
        {
            continue;
        }
        match symlink(target, bin.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
    }
    Ok(())
}

/// What this user may not read (private keys, above all) is left out.
fn copy_readable(from: &Path, to: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(from) else {
        return Ok(());
    };
    if metadata.is_symlink() {
        // Most alternatives are those of manual pages.
        let is_page = from.extension().is_some_and(|extension| extension == "gz");
        return if is_page {
            Ok(())
        } else {
            symlink(fs::read_link(from)?, to)
        };
    }
    if metadata.is_file() {
        let private = metadata.permissions().mode() & 0o004 == 0;
        if !private && fs::copy(from, to).is_err() {
            let _ = fs::remove_file(to);
        }
        return Ok(());
    }
    if metadata.is_dir() && metadata.permissions().mode() & 0o005 == 0o005 {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from).into_iter().flatten().flatten() {
            copy_readable(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn write_etc(etc: &Path) -> io::Result<()> {
    let files = [
        ("passwd", PASSWD),
        ("group", GROUP),
        ("nsswitch.conf", NAME_SERVICE),
        ("shells", "/bin/sh\n"),
        ("hosts", ""),
        ("hostname", ""),
        ("resolv.conf", ""),
    ];
    for (name, text) in files {
        fs::write(etc.join(name), text)?;
        fs::set_permissions(etc.join(name), fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_skeleton_has_users_and_certificates_but_no_secrets() {
        let root = tempfile::tempdir().unwrap();
        let base = make(root.path()).unwrap();
        assert!(base.directories.contains(&PathBuf::from("/usr")));
        assert!(
            fs::read_to_string(base.skeleton.join("etc/passwd"))
                .unwrap()
                .starts_with("root:")
        );
        assert!(!base.skeleton.join("etc/shadow").exists());
        assert!(!base.skeleton.join("etc/ssl/private").exists());
        // A second time it is found.
        fs::write(base.skeleton.join("etc/mark"), "").unwrap();
        assert_eq!(make(root.path()).unwrap(), base);
        assert!(base.skeleton.join("etc/mark").exists());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn prefixes_within_shown_directories_are_not_shown_twice() {
        let tool = |prefixes: &[&str]| Tool {
            names: Vec::new(),
            prefixes: prefixes.iter().map(PathBuf::from).collect(),
        };
        let tools = [tool(&["/usr", "/opt/python"]), tool(&["/opt/python/lib"])];
        assert_eq!(
            prefixes_outside(&["/usr".into()], &tools),
            [PathBuf::from("/opt/python")]
        );
    }
}
