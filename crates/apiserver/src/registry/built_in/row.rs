//! How a row of the table is written.

use std::sync::Arc;

use crate::name::NameRule;
use crate::registry::Generation::Unset;
use crate::registry::{
    Conversion, Generation, Kind, Origin, ScalePaths, Scope, Subresource, Verbs, Version,
    api_version, qualified,
};
use crate::strategy::{self, Strategy};
use crate::table;

/// The beginning of a kind; the methods add what is not usual.
pub(super) struct Row {
    pub(super) kind: Kind,
}

/// A kind with nothing unusual about it.
pub(super) fn row(group: &str, version: &str, kind: &str, plural: &str, scope: Scope) -> Row {
    Row {
        kind: Kind {
            group: group.to_owned(),
            versions: vec![Version {
                name: version.to_owned(),
                subresources: Vec::new(),
                conversion: Conversion::Rename,
                columns: table::built_in::columns(group, plural),
                selectable: Vec::new(),
            }],
            stored_as: api_version(group, version),
            kind: kind.to_owned(),
            list_kind: format!("{kind}List"),
            plural: plural.to_owned(),
            singular: kind.to_ascii_lowercase(),
            short_names: Vec::new(),
            categories: Vec::new(),
            scope,
            resource: Arc::from(qualified(plural, group)),
            selectable: Vec::new(),
            generation: Unset,
            verbs: Verbs::All,
            names: NameRule::Subdomain,
            strategy: &strategy::Plain,
            origin: Origin::BuiltIn,
        },
    }
}

impl Row {
    pub(super) fn short(mut self, names: &[&str]) -> Self {
        self.kind.short_names = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    pub(super) fn all(mut self) -> Self {
        self.kind.categories = vec!["all".to_owned()];
        self
    }

    pub(super) fn category(mut self, name: &str) -> Self {
        self.kind.categories = vec![name.to_owned()];
        self
    }

    pub(super) fn part(mut self, subresource: &Subresource) -> Self {
        for version in &mut self.kind.versions {
            version.subresources.push(subresource.clone());
        }
        self
    }

    pub(super) fn status(self) -> Self {
        self.part(&Subresource::Status)
    }

    pub(super) fn scale(self) -> Self {
        self.part(&Subresource::Scale(ScalePaths {
            spec: ".spec.replicas".to_owned(),
            status: ".status.replicas".to_owned(),
            selector: ".spec.selector".to_owned(),
        }))
    }

    pub(super) fn select(mut self, fields: &[&str]) -> Self {
        self.kind.selectable = fields.iter().map(|&field| field.to_owned()).collect();
        self
    }

    pub(super) fn generation(mut self, generation: Generation) -> Self {
        self.kind.generation = generation;
        self
    }

    pub(super) fn verbs(mut self, verbs: Verbs) -> Self {
        self.kind.verbs = verbs;
        self
    }

    pub(super) fn named(mut self, rule: NameRule) -> Self {
        self.kind.names = rule;
        self
    }

    pub(super) fn strategy(mut self, strategy: &'static dyn Strategy) -> Self {
        self.kind.strategy = strategy;
        self
    }

    /// The objects are those of another row, in another form.
    pub(super) fn stored_with(
        mut self,
        resource: &str,
        stored_as: &str,
        conversion: Conversion,
    ) -> Self {
        self.kind.resource = Arc::from(resource);
        stored_as.clone_into(&mut self.kind.stored_as);
        for version in &mut self.kind.versions {
            version.conversion = conversion;
        }
        self
    }

    /// The same objects are served in another version, in another form. Comes last.
    pub(super) fn also(mut self, version: &str, conversion: Conversion) -> Self {
        let mut other = self.kind.versions[0].clone();
        version.clone_into(&mut other.name);
        other.conversion = conversion;
        self.kind.versions.push(other);
        self
    }
}
