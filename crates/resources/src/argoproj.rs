//! `argoproj.io/v1alpha1`: the resources of Argo CD and Argo Rollouts.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// The definitions of this group's kinds.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    Vec::new()
}
