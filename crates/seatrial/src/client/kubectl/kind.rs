//! The kinds that the server has, by any name that people give them.

use anyhow::{Context as _, bail};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};

/// A kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) resource: ApiResource,
    pub(super) scope: Scope,
    singular: String,
    short_names: Vec<String>,
    categories: Vec<String>,
}

/// Whether objects are in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Namespaced,
    Cluster,
}

impl Kind {
    /// `deployment.apps`, as kubectl writes before a name.
    pub(super) fn qualified(&self) -> String {
        let singular = self.resource.kind.to_lowercase();
        match self.resource.group.as_str() {
            "" => singular,
            group => format!("{singular}.{group}"),
        }
    }

    /// The API of its objects.
    pub(super) fn api(&self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        match self.scope {
            Scope::Namespaced => Api::namespaced_with(client.clone(), namespace, &self.resource),
            Scope::Cluster => Api::all_with(client.clone(), &self.resource),
        }
    }

    fn is_called(&self, name: &str) -> bool {
        let (name, group) = match name.split_once('.') {
            Some((name, group)) => (name, Some(group)),
            None => (name, None),
        };
        let resource = &self.resource;
        let versioned = format!("{}.{}", resource.version, resource.group);
        let fits = group.is_none_or(|group| group == resource.group || group == versioned);
        let own = [resource.plural.as_str(), self.singular.as_str()];
        fits && (own.iter().any(|own| own.eq_ignore_ascii_case(name))
            || resource.kind.eq_ignore_ascii_case(name)
            || self.short_names.iter().any(|short| short == name))
    }
}

/// All kinds, preferred versions first.
#[derive(Debug, Default)]
pub(super) struct Kinds(Vec<Kind>);

impl Kinds {
    /// Asks the server.
    pub(super) async fn load(client: &Client) -> anyhow::Result<Self> {
        let core = client.list_core_api_versions_aggregated().await;
        let core = core.context("asking for the kinds of the core group")?;
        let groups = client.list_api_groups_aggregated().await;
        let groups = groups.context("asking for the kinds of all groups")?;
        let mut kinds = Vec::new();
        for group in core.items.into_iter().chain(groups.items) {
            let name = group
                .metadata
                .and_then(|metadata| metadata.name)
                .unwrap_or_default();
            for version in group.versions {
                let tag = version.version.unwrap_or_default();
                let all = version.resources.into_iter();
                kinds.extend(all.filter_map(|resource| kind(&name, &tag, resource)));
            }
        }
        Ok(Self(kinds))
    }

    /// The kind that people call `name`: plural, singular, short, and with `.group` behind.
    pub(super) fn called(&self, name: &str) -> anyhow::Result<&Kind> {
        match self.0.iter().find(|kind| kind.is_called(name)) {
            Some(kind) => Ok(kind),
            None => bail!(
                "the server doesn't have a resource type \"{name}\"{}",
                self.similar(name)
                    .map(|near| format!("; do you mean {near}?"))
                    .unwrap_or_default()
            ),
        }
    }

    /// The kinds of a category, such as `all`.
    pub(super) fn in_category(&self, name: &str) -> Vec<&Kind> {
        let belongs = |kind: &&Kind| kind.categories.iter().any(|category| category == name);
        self.0.iter().filter(belongs).collect()
    }

    /// The kind of a manifest.
    pub(super) fn of(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        let fits =
            |one: &&Kind| one.resource.api_version == api_version && one.resource.kind == kind;
        self.0.iter().find(fits)
    }

    fn similar(&self, name: &str) -> Option<&str> {
        let start: String = name.to_lowercase().chars().take(4).collect();
        let mut plurals = self.0.iter().map(|kind| kind.resource.plural.as_str());
        plurals.find(|plural| start.len() >= 3 && plural.starts_with(&start))
    }
}

fn kind(
    group: &str,
    version: &str,
    resource: kube::core::discovery::v2::APIResourceDiscovery,
) -> Option<Kind> {
    let response = resource.response_kind.unwrap_or_default();
    let or = |text: Option<String>, other: &str| {
        text.filter(|text| !text.is_empty())
            .unwrap_or_else(|| other.to_owned())
    };
    let group = or(response.group, group);
    let version = or(response.version, version);
    let api_version = if group.is_empty() {
        version.clone()
    } else {
        format!("{group}/{version}")
    };
    Some(Kind {
        resource: ApiResource {
            api_version,
            group,
            version,
            kind: response.kind?,
            plural: resource.resource?,
        },
        scope: match resource.scope.as_deref() {
            Some("Cluster") => Scope::Cluster,
            _ => Scope::Namespaced,
        },
        singular: resource.singular_resource.unwrap_or_default(),
        short_names: resource.short_names,
        categories: resource.categories,
    })
}
