//! Names of objects, and to whom they belong.

use std::fmt;

use seatrial_controller::ObjectKey;
use serde_json::Value;

/// The annotation by which Argo CD 3 knows its objects.
pub(crate) const TRACKING: &str = "argocd.argoproj.io/tracking-id";
/// The annotation in which client-side apply remembers what it applied.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object of the cluster, whatever the version it is read in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    /// Empty for core.
    pub(crate) group: String,
    pub(crate) kind: String,
    /// Empty for cluster-scoped objects.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Reference {
    /// As kubectl names it: `deployment.apps/web`.
    pub(crate) fn in_kubectl(&self) -> String {
        let kind = self.kind.to_lowercase();
        match self.group.as_str() {
            "" => format!("{kind}/{}", self.name),
            group => format!("{kind}.{group}/{}", self.name),
        }
    }
}

impl fmt::Display for Reference {
    /// As Argo CD names it in messages: `apps/Deployment/web`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.group, self.kind, self.name)
    }
}

/// The group and version of an `apiVersion`.
pub(crate) fn split_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// The name under which an Application's objects are tracked.
pub(crate) fn instance(application: &ObjectKey, home: &str) -> String {
    if &*application.namespace == home {
        application.name.to_string()
    } else {
        format!("{}_{}", application.namespace, application.name)
    }
}

/// The Application of an instance's name.
pub(crate) fn application_of(instance: &str, home: &str) -> ObjectKey {
    match instance.split_once('_') {
        Some((namespace, name)) => ObjectKey::new(namespace, name),
        None => ObjectKey::new(home, instance),
    }
}

/// The tracking annotation of an object of an instance.
pub(crate) fn tracking_id(instance: &str, object: &Reference) -> String {
    let Reference {
        group,
        kind,
        namespace,
        name,
    } = object;
    format!("{instance}:{group}/{kind}:{namespace}/{name}")
}

/// The instance that a tracking annotation names.
pub(crate) fn tracked_by(tracking_id: &str) -> &str {
    tracking_id.split(':').next().unwrap_or_default()
}

/// An annotation of an object.
pub(crate) fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object
        .get("metadata")?
        .get("annotations")?
        .get(name)?
        .as_str()
}

/// The options in an annotation such as `Prune=false,Validate=false`.
pub(crate) fn has_option(object: &Value, annotation_name: &str, option: &str) -> bool {
    annotation(object, annotation_name)
        .is_some_and(|text| text.split(',').any(|one| one.trim() == option))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracking_names_application_and_object() {
        let object = Reference {
            group: "apps".into(),
            kind: "Deployment".into(),
            namespace: "production".into(),
            name: "web".into(),
        };
        let id = tracking_id(
            &instance(&ObjectKey::new("argocd", "shop"), "argocd"),
            &object,
        );
        assert_eq!(id, "shop:apps/Deployment:production/web");
        assert_eq!(
            application_of(tracked_by(&id), "argocd"),
            ObjectKey::new("argocd", "shop")
        );
        let elsewhere = instance(&ObjectKey::new("team", "shop"), "argocd");
        assert_eq!(
            application_of(&elsewhere, "argocd"),
            ObjectKey::new("team", "shop")
        );
    }
}
