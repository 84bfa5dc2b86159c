//! What is mounted into a container.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use k8s_openapi::api::core::v1::VolumeMount;

use super::prepare::source_of;
use super::start::{Error, Request, make};
use crate::environment::expand;
use crate::runtime::{Access, Mount};

impl Request {
    pub(super) fn mounts(&self, variables: &BTreeMap<String, String>) -> Result<Vec<Mount>, Error> {
        let volumes = self
            .pod
            .spec
            .iter()
            .flat_map(|spec| spec.volumes.iter().flatten());
        let volumes: BTreeMap<&str, _> = volumes
            .map(|volume| (volume.name.as_str(), volume))
            .collect();
        let mut mounts = Vec::new();
        for mount in self.container.volume_mounts.iter().flatten() {
            let problem = |problem: String| Error::Mount {
                mount: mount.name.clone(),
                problem,
            };
            let volume = volumes.get(mount.name.as_str());
            let volume = volume.ok_or_else(|| problem("the pod has no such volume".to_owned()))?;
            let base = source_of(&self.shared, &self.pod, volume);
            let source = sub_path(&base, mount, variables).map_err(problem)?;
            mounts.push(Mount {
                source,
                target: PathBuf::from(&mount.mount_path),
                access: match mount.read_only {
                    Some(true) => Access::ReadOnly,
                    _ => Access::ReadWrite,
                },
            });
        }
        // A parent before what is mounted in it.
        mounts.sort_by(|one, other| one.target.cmp(&other.target));
        Ok(mounts)
    }

    /// The file that the container may write its last words to. Only where a mount hides nothing of
    /// the machine: the process runtime has no root of its own.
    pub(super) fn termination_file(&self) -> Result<Option<(PathBuf, Mount)>, Error> {
        if self.shared.config.runtime.name() != "container" {
            return Ok(None);
        }
        let path = self.container.termination_message_path.as_deref();
        let target = PathBuf::from(path.unwrap_or("/dev/termination-log"));
        let directory = self.shared.container(&self.pod, &self.container.name);
        let file = directory.join(format!("{}.termination", self.run));
        make(&directory)?;
        let disk = |source| Error::Disk {
            step: "create",
            path: file.clone(),
            source,
        };
        fs::write(&file, b"").map_err(disk)?;
        // Whoever the container runs as may write it.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).map_err(disk)?;
        let mount = Mount {
            source: file.clone(),
            target,
            access: Access::ReadWrite,
        };
        Ok(Some((file, mount)))
    }
}

/// The place in a volume that is mounted; made where it is missing.
fn sub_path(
    base: &Path,
    mount: &VolumeMount,
    variables: &BTreeMap<String, String>,
) -> Result<PathBuf, String> {
    let given = match (&mount.sub_path_expr, &mount.sub_path) {
        (Some(expression), _) if !expression.is_empty() => expand(expression, variables),
        (_, Some(path)) => path.clone(),
        _ => String::new(),
    };
    if given.is_empty() {
        return Ok(base.to_owned());
    }
    let inside = Path::new(&given)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err(format!(
            "subPath {given:?} must be relative and must not contain '..'"
        ));
    }
    let path = base.join(&given);
    if !path.exists() {
        fs::create_dir_all(&path).map_err(|error| format!("create {}: {error}", path.display()))?;
    }
    // Symbolic links inside the volume are followed here, once, so that none leads out of it later.
    let real = path
        .canonicalize()
        .map_err(|error| format!("resolve {}: {error}", path.display()))?;
    let base = base
        .canonicalize()
        .map_err(|error| format!("resolve {}: {error}", base.display()))?;
    if real.starts_with(&base) {
        Ok(real)
    } else {
        Err(format!("subPath {given:?} leads out of the volume"))
    }
}
