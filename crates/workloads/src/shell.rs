//! An object of any kind, of which only the metadata is read.

use std::borrow::Cow;

use kube::Resource;
use kube::core::{ApiResource, DynamicResourceScope, ObjectMeta};
use serde::{Deserialize, Serialize};

/// Metadata of an object whose kind is known at run time.
///
/// The server is not asked for metadata only: our own sends the stored bytes as they are, which is
/// cheaper for it than to cut them, and skipping the rest is cheap here.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Shell {
    #[serde(default)]
    pub(crate) metadata: ObjectMeta,
}

impl Resource for Shell {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
