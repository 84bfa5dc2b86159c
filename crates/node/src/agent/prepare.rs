//! Making a pod's sandbox and volumes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodSpec, Volume};
use seatrial_controller::Notice;

use super::sources;
use super::{HostPaths, Shared, claim, group, sysctl};
use crate::downward::Facts;
use crate::runtime::sandbox::remove_tree;
use crate::runtime::{self, Limits, MemoryDirectory, Network, Sandbox, SandboxSpec};
use crate::volume::{self, Content, FileContent};
use crate::{environment, quantity};

/// The files that were last written to each volume.
pub(super) type Written = BTreeMap<String, BTreeMap<String, FileContent>>;

/// Why a pod's sandbox or volumes cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("Failed to create pod sandbox")]
    Sandbox(#[source] runtime::Error),
    #[error("Failed to create pod sandbox: create {}", path.display())]
    Directory {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("read what the pod refers to")]
    Sources(#[source] sources::Error),
    #[error("MountVolume.SetUp failed for volume {volume:?}")]
    Content {
        volume: String,
        #[source]
        source: volume::Error,
    },
    #[error("MountVolume.SetUp failed for volume {volume:?}")]
    Write {
        volume: String,
        #[source]
        source: volume::WriteError,
    },
    #[error("MountVolume.SetUp failed for volume {volume:?} : {problem}")]
    Host { volume: String, problem: String },
    #[error(
        "MountVolume.SetUp failed for volume {0:?}: hostPath is refused on this node: start the cluster with `seatrial up --allow-host-path`, or use emptyDir or a claim"
    )]
    Refused(String),
    #[error("persistentvolumeclaim {0:?} not found")]
    NoClaim(String),
    #[error("persistentvolumeclaim {0:?} was not created for this pod (pod is not owner)")]
    Strange(String),
    #[error("persistentvolumeclaim {0:?} is not bound to a volume yet")]
    Unbound(String),
    #[error(
        "persistentvolumeclaim {claim:?}: volume {volume:?} is neither a hostPath nor a local one"
    )]
    Foreign { claim: String, volume: String },
}

impl Error {
    /// The reason of the event that tells of it.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Sandbox(_) | Self::Directory { .. } => "FailedCreatePodSandBox",
            _ => "FailedMount",
        }
    }
}

/// Makes the volumes, then the sandbox.
pub(super) async fn prepare(
    shared: &Arc<Shared>,
    pod: &Arc<Pod>,
    address: IpAddr,
    attempt: u32,
) -> Result<(Arc<dyn Sandbox>, Written), Error> {
    let written = fill_volumes(shared, pod, address, &Written::new()).await?;
    let id = sandbox_id(pod, attempt);
    let directory = shared.sandboxes().join(&id);
    make_empty(&directory)?;
    let spec = sandbox_spec(shared, pod, id, address, directory);
    let sandbox = shared
        .config
        .runtime
        .create_sandbox(spec)
        .await
        .map_err(Error::Sandbox)?;
    Ok((sandbox, written))
}

fn sandbox_spec(
    shared: &Arc<Shared>,
    pod: &Arc<Pod>,
    id: String,
    address: IpAddr,
    directory: PathBuf,
) -> SandboxSpec {
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    let aliases = spec.host_aliases.iter().flatten().filter_map(|alias| {
        Some((
            alias.ip.parse().ok()?,
            alias.hostnames.clone().unwrap_or_default(),
        ))
    });
    let hears = (shared.clone(), pod.clone());
    SandboxSpec {
        id,
        hostname: shared.hostname(pod),
        address,
        network: if spec.host_network == Some(true) {
            Network::Host
        } else {
            Network::Own
        },
        hosts: aliases.collect(),
        names: shared.names(pod),
        outgoing: shared.outgoing(pod, address),
        forwards: shared.config.forwards.clone(),
        settings: sysctl::of(pod),
        memory: memory(shared, pod),
        limits: limits(
            spec.resources
                .as_ref()
                .and_then(|resources| resources.limits.as_ref()),
        ),
        directory,
        notes: Arc::new(move |note| hears.0.tell(&hears.1, Notice::warning("NotEnforced", note))),
    }
}

/// The volumes of a pod that lie in memory.
fn memory(shared: &Shared, pod: &Pod) -> Vec<MemoryDirectory> {
    let volumes = pod
        .spec
        .iter()
        .flat_map(|spec| spec.volumes.iter().flatten());
    let wanted = volumes.filter_map(|volume| {
        let empty = volume.empty_dir.as_ref()?;
        (empty.medium.as_deref() == Some("Memory")).then(|| MemoryDirectory {
            path: shared.volume(pod, &volume.name),
            bytes: empty.size_limit.as_ref().and_then(quantity::units),
            group: group::of(pod),
        })
    });
    wanted.collect()
}

/// Limits as a runtime wants them.
pub(super) fn limits(
    amounts: Option<&BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>>,
) -> Limits {
    let amount = |name: &str| amounts.and_then(|amounts| amounts.get(name));
    Limits {
        cpu_millis: amount("cpu").and_then(quantity::millis),
        memory_bytes: amount("memory").and_then(quantity::units),
    }
}

/// Puts into the volumes what they shall hold now; leaves alone what has not changed.
pub(super) async fn fill_volumes(
    shared: &Shared,
    pod: &Pod,
    address: IpAddr,
    before: &Written,
) -> Result<Written, Error> {
    let volumes = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.volumes.as_deref())
        .unwrap_or_default();
    if volumes.is_empty() {
        return Ok(Written::new());
    }
    let sources = sources::sources(&shared.ctx, pod)
        .await
        .map_err(Error::Sources)?;
    let tokens = sources::tokens(&shared.ctx, pod).await;
    let facts = shared.facts(pod, address);
    let mut written = Written::new();
    for volume in volumes {
        let made = volume::content(volume, facts, &sources, &tokens);
        let content = made.map_err(|source| Error::Content {
            volume: volume.name.clone(),
            source,
        })?;
        let directory = shared.volume(pod, &volume.name);
        match content {
            Content::Files(files) => {
                if before.get(&volume.name) != Some(&files) {
                    volume::write(&directory, &files, shared.ctx.clock.now()).map_err(
                        |source| Error::Write {
                            volume: volume.name.clone(),
                            source,
                        },
                    )?;
                }
                written.insert(volume.name.clone(), files);
            }
            Content::Empty => make_open(&directory)?,
            Content::Host { path, kind } => {
                if shared.config.host_paths == HostPaths::Refused {
                    return Err(Error::Refused(volume.name.clone()));
                }
                host_path(volume, &path, &kind)?;
            }
            Content::Claim(name) => claim::prepare(shared, pod, &name).await?,
        }
        let rights = if written.contains_key(&volume.name) {
            group::Rights::Read
        } else {
            group::Rights::Write
        };
        if volume.host_path.is_none() {
            give_to_group(shared, pod, volume, rights)?;
        }
    }
    Ok(written)
}

/// As `fsGroup` says. Only root can give files away, and the process runtime has no users of its own.
fn give_to_group(
    shared: &Shared,
    pod: &Pod,
    volume: &Volume,
    rights: group::Rights,
) -> Result<(), Error> {
    let Some(group) = group::of(pod) else {
        return Ok(());
    };
    if shared.config.runtime.name() != "container" {
        return Ok(());
    }
    let path = source_of(shared, pod, volume);
    match group::give(&path, group, rights) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let note = format!(
                "fsGroup {group} is not enforced on volume {:?}: the node does not run as root",
                volume.name
            );
            shared.tell(pod, Notice::warning("NotEnforced", note));
            Ok(())
        }
        other => other.map_err(|source| Error::Directory { path, source }),
    }
}

/// Where a volume lies on the machine.
pub(super) fn source_of(shared: &Shared, pod: &Pod, volume: &Volume) -> PathBuf {
    if let Some(host) = &volume.host_path {
        return PathBuf::from(&host.path);
    }
    if let Some(claim) = &volume.persistent_volume_claim {
        return claim::directory(shared, pod, &claim.claim_name);
    }
    if volume.ephemeral.is_some() {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        return claim::directory(shared, pod, &format!("{name}-{}", volume.name));
    }
    shared.volume(pod, &volume.name)
}

/// Checks and makes what is there of the machine, as the kubelet does; what has no type is made where it is
/// missing, as other container runtimes do.
fn host_path(volume: &Volume, path: &Path, kind: &str) -> Result<(), Error> {
    use std::os::unix::fs::FileTypeExt;
    let problem = |problem: String| Error::Host {
        volume: volume.name.clone(),
        problem,
    };
    let failed = |error: io::Error| problem(format!("create {}: {error}", path.display()));
    let found = fs::metadata(path).ok().map(|file| file.file_type());
    match (kind, found) {
        ("" | "DirectoryOrCreate", None) => fs::create_dir_all(path).map_err(failed),
        ("FileOrCreate", None) => {
            let made = fs::File::options().create(true).append(true).open(path);
            made.map(drop).map_err(failed)
        }
        ("", Some(_)) => Ok(()),
        (kind, found) => {
            let is = |check: fn(&fs::FileType) -> bool| found.as_ref().is_some_and(check);
            let (right, what) = match kind {
                "Directory" | "DirectoryOrCreate" => (is(fs::FileType::is_dir), "directory"),
                "File" | "FileOrCreate" => (is(fs::FileType::is_file), "file"),
                "Socket" => (is(FileTypeExt::is_socket), "socket file"),
                "CharDevice" => (is(FileTypeExt::is_char_device), "character device"),
                "BlockDevice" => (is(FileTypeExt::is_block_device), "block device"),
                other => return Err(problem(format!("{other} is an invalid volume type"))),
            };
            let path = path.display();
            let wrong = || {
                problem(format!(
                    "hostPath type check failed: {path} is not a {what}"
                ))
            };
            right.then_some(()).ok_or_else(wrong)
        }
    }
}

fn make(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| Error::Directory {
        path: path.to_owned(),
        source,
    })
}

/// As upstream: whoever the container runs as may write in it.
pub(super) fn make_open(path: &Path) -> Result<(), Error> {
    // One that was made before may have been given to a group since.
    if path.is_dir() {
        return Ok(());
    }
    make(path)?;
    let opened = fs::set_permissions(path, fs::Permissions::from_mode(0o777));
    opened.map_err(|source| Error::Directory {
        path: path.to_owned(),
        source,
    })
}

fn make_empty(path: &Path) -> Result<(), Error> {
    let removed = remove_tree(path);
    removed.map_err(|source| Error::Directory {
        path: path.to_owned(),
        source,
    })?;
    make(path)
}

/// The name of a pod's sandbox, which is also that of its directory.
pub(super) fn sandbox_id(pod: &Pod, attempt: u32) -> String {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    match attempt {
        0 => uid.to_owned(),
        _ => format!("{uid}-{attempt}"),
    }
}

impl Shared {
    /// What the downward API tells about a pod.
    pub(super) fn facts<'a>(&'a self, pod: &'a Pod, address: IpAddr) -> Facts<'a> {
        let node = &self.config.node;
        Facts {
            pod,
            address,
            host: node.address,
            capacity: &node.capacity,
        }
    }

    /// What a container's environment draws from.
    pub(super) async fn environment_sources(
        &self,
        pod: &Pod,
    ) -> Result<environment::Sources, sources::Error> {
        sources::sources(&self.ctx, pod).await
    }
}
