//! Claims as directories of the machine.
//!
//! Below the node's directory `claims/<namespace>/<name>` leads to the bound volume: for one that the
//! cluster made to `volumes/<volume>`, for others to the path that the volume names. So a claim that
//! is made anew never finds the data of its predecessor.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};

use super::Shared;
use super::prepare::{Error, make_open};
use super::sources::find;

/// Volumes with this annotation are directories of our own.
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const OURS: &str = "seatrial.dev/directory";
/// How long a claim that is just being bound is waited for, before the pod is told.
const PATIENCE: u32 = 50;
const LOOK: Duration = Duration::from_millis(100);

/// Where a claim lies on the machine.
pub(super) fn directory(shared: &Shared, pod: &Pod, name: &str) -> PathBuf {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let claims = shared.config.directory.join("claims");
    claims.join(namespace).join(name)
}

/// Makes the directory of a claim that a pod uses.
pub(super) async fn prepare(shared: &Shared, pod: &Pod, name: &str) -> Result<(), Error> {
    let place = directory(shared, pod, name);
    let claim = bound(shared, pod, name).await?;
    if is_made_for_it(pod, name) && !seatrial_controller::is_controlled_by(&claim, pod) {
        return Err(Error::Strange(name.to_owned()));
    }
    let spec = claim.spec.unwrap_or_default();
    let Some(volume) = spec.volume_name.filter(|volume| !volume.is_empty()) else {
        // Without a class nobody makes volumes: the claim itself is the directory.
        return make_open(&place);
    };
    let volumes = shared.ctx.cache::<PersistentVolume>().await;
    let Some(found) = volumes.find("", &volume) else {
        return Err(Error::Unbound(name.to_owned()));
    };
    let annotations = found.metadata.annotations.as_ref();
    let made = annotations
        .and_then(|all| all.get(PROVISIONED_BY))
        .is_some_and(|by| by == OURS);
    let target = if made {
        let target = shared.config.directory.join("volumes").join(&volume);
        make_open(&target)?;
        target
    } else {
        let spec = found.spec.clone().unwrap_or_default();
        let host = spec.host_path.map(|host| host.path);
        let path = host.or_else(|| spec.local.map(|local| local.path));
        PathBuf::from(path.ok_or_else(|| Error::Foreign {
            claim: name.to_owned(),
            volume: volume.clone(),
        })?)
    };
    lead(&place, &target).map_err(|source| Error::Directory {
        path: place.clone(),
        source,
    })
}

/// Whether the claim is one that the pod has a template for.
fn is_made_for_it(pod: &Pod, claim: &str) -> bool {
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let volumes = pod
        .spec
        .iter()
        .flat_map(|spec| spec.volumes.iter().flatten());
    volumes
        .filter(|volume| volume.ephemeral.is_some())
        .any(|volume| claim.strip_prefix(pod_name) == Some(&format!("-{}", volume.name)))
}

/// The claim, once it is bound where somebody binds it.
async fn bound(shared: &Shared, pod: &Pod, name: &str) -> Result<PersistentVolumeClaim, Error> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    for _ in 0..PATIENCE {
        let claim = find::<PersistentVolumeClaim>(&shared.ctx, namespace, name).await;
        let claim = claim.map_err(Error::Sources)?;
        let claim = claim.ok_or_else(|| Error::NoClaim(name.to_owned()))?;
        let spec = claim.spec.as_ref();
        let class = spec.and_then(|spec| spec.storage_class_name.as_deref());
        let status = claim.status.as_ref();
        let is_bound = status.and_then(|status| status.phase.as_deref()) == Some("Bound");
        if is_bound || class.is_none_or(str::is_empty) {
            return Ok(PersistentVolumeClaim::clone(&claim));
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(Error::Unbound(name.to_owned()))
}

/// Makes `place` a link to `target`. A directory that is there already keeps what it holds.
fn lead(place: &Path, target: &Path) -> io::Result<()> {
    match fs::symlink_metadata(place) {
        Ok(there) if there.is_symlink() => {
            if fs::read_link(place)? == target {
                return Ok(());
            }
            fs::remove_file(place)?;
        }
        Ok(_) => return Ok(()),
        Err(_) => {
            if let Some(parent) = place.parent() {
                fs::create_dir_all(parent)?;
            }
        }
    }
    symlink(target, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_made_anew_leads_elsewhere() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("claims/shop/data");
        for volume in ["one", "two"] {
            let target = root.path().join(volume);
            fs::create_dir(&target).unwrap();
            lead(&place, &target).unwrap();
            lead(&place, &target).unwrap();
            assert_eq!(fs::read_link(&place).unwrap(), target);
        }
        let old = root.path().join("claims/shop/old");
        fs::create_dir_all(&old).unwrap();
        lead(&old, root.path()).unwrap();
        assert!(fs::symlink_metadata(&old).unwrap().is_dir());
    }
}
