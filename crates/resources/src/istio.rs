//! `networking.istio.io/v1`: the part of Istio that delivery tools steer traffic with.

mod virtual_service;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

pub use virtual_service::*;

/// The definitions of this group's kinds.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    let mut definition = VirtualService::crd();
    // Istio serves one schema under three versions, and tools in the field still ask for the old ones.
    let newest = definition.spec.versions[0].clone();
    for name in ["v1beta1", "v1alpha3"] {
        let mut version = newest.clone();
        name.clone_into(&mut version.name);
        version.storage = false;
        definition.spec.versions.push(version);
    }
    vec![definition]
}
