//! How many pods controllers of other kinds want: their scale says so, whatever their kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use seatrial_controller::{Context, controller_of};

use super::is_known;
use super::plan::Scale;
use crate::target::{self, Error, KindName};

/// The scales of the controllers that made these pods, by uid. Those that have gone are left out.
pub(super) async fn of(pods: &[Arc<Pod>], ctx: &Context) -> BTreeMap<String, Scale> {
    let mut owners: BTreeMap<String, (String, OwnerReference)> = BTreeMap::new();
    for pod in pods {
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        if let Some(owner) = controller_of(&**pod).filter(|owner| !is_known(&owner.kind)) {
            owners.insert(owner.uid.clone(), (namespace, owner.clone()));
        }
    }
    let mut scales = BTreeMap::new();
    for (uid, (namespace, owner)) in owners {
        if let Some(scale) = of_owner(&namespace, &owner, ctx).await {
            scales.insert(uid, scale);
        }
    }
    scales
}

async fn of_owner(namespace: &str, owner: &OwnerReference, ctx: &Context) -> Option<Scale> {
    let kind = KindName {
        api_version: &owner.api_version,
        kind: &owner.kind,
    };
    let Ok((resource, capabilities)) = kind.find(&ctx.client).await else {
        return Some(Scale::Unknown(format!(
            "no matches for kind {:?} in version {:?}",
            owner.kind, owner.api_version
        )));
    };
    let api = target::objects(&ctx.client, namespace, &resource);
    match target::scale(&api, &owner.name).await {
        Ok(Some(scale)) if scale.metadata.uid.as_ref() == Some(&owner.uid) => {
            let replicas = scale.spec.and_then(|spec| spec.replicas);
            Some(Scale::Of(owner.uid.clone(), replicas.unwrap_or(0)))
        }
        // Another of the same name has nothing to say, and a kind was found already.
        Ok(Some(_)) | Err(Error::NoKind) => None,
        Ok(None) => {
            let parts = &capabilities.subresources;
            let scales = parts.iter().any(|(part, _)| part.plural == "scale");
            let plural = match resource.group.as_str() {
                "" => resource.plural,
                group => format!("{}.{group}", resource.plural),
            };
            let text = format!("{plural} does not implement the scale subresource");
            (!scales).then_some(Scale::Unknown(text))
        }
        Err(Error::Api(error)) => Some(Scale::Unknown(target::told(error))),
    }
}
