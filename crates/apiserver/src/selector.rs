//! Which objects of a kind a list or watch request is about.

use seatrial_expr::selector::{Field, Label};
use seatrial_store::Record;

use crate::call::Call;
use crate::failure::Failure;

/// A namespace, labels and fields.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// The namespace; `None` for all.
    pub(crate) namespace: Option<String>,
    labels: Label,
    fields: Field,
}

impl Filter {
    /// What the query of a request selects.
    ///
    /// # Errors
    /// A bad request, where a selector cannot be read or names a field that the kind has not.
    pub(crate) fn of(call: &Call) -> Result<Self, Failure> {
        let namespace = &call.target.namespace;
        let refused =
            |error: seatrial_expr::selector::Error| Failure::bad_request(error.to_string());
        let text = |name: &str| call.parameter(name).unwrap_or_default();
        let fields = Field::parse(text("fieldSelector")).map_err(refused)?;
        supported(&fields, call.kind().selectable_in(call.version()))?;
        Ok(Self {
            namespace: (!namespace.is_empty()).then(|| namespace.clone()),
            labels: Label::parse(text("labelSelector")).map_err(refused)?,
            fields,
        })
    }

    /// Whether it selects `record`.
    pub(crate) fn matches(&self, record: &Record) -> bool {
        self.namespace
            .as_ref()
            .is_none_or(|namespace| **namespace == *record.key.namespace)
            && self
                .labels
                .matches_by(|key| record.metadata.labels.get(key))
            && self.fields.matches(|field| value(record, field))
    }

    /// Whether it selects everything in its namespace.
    pub(crate) fn takes_all(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether it asks for more than names: for labels, or fields that differ between versions.
    pub(crate) fn asks_contents(&self) -> bool {
        let everywhere = |field: &str| EVERYWHERE.contains(&field);
        !self.labels.is_empty() || !self.fields.terms().iter().all(|it| everywhere(&it.field))
    }

    /// The one name that can be selected, if there is only one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.fields.pinned("metadata.name")
    }
}

fn value<'a>(record: &'a Record, field: &str) -> &'a str {
    match field {
        "metadata.name" => &record.key.name,
        "metadata.namespace" => &record.key.namespace,
        field => match record.metadata.fields.get(field) {
            Some(value) => value,
            // The one selectable truth value; absent means false.
            None if field == "spec.unschedulable" => "false",
            None => renamed(record, field),
        },
    }
}

/// Fields that a version of a kind calls otherwise than the stored form, which may have them in one of
/// several places.
const RENAMED: &[(&str, &[&str])] = &[
    ("regarding.apiVersion", &["involvedObject.apiVersion"]),
    ("regarding.fieldPath", &["involvedObject.fieldPath"]),
    ("regarding.kind", &["involvedObject.kind"]),
    ("regarding.name", &["involvedObject.name"]),
    ("regarding.namespace", &["involvedObject.namespace"]),
    (
        "regarding.resourceVersion",
        &["involvedObject.resourceVersion"],
    ),
    ("regarding.uid", &["involvedObject.uid"]),
    ("reportingController", &["reportingComponent"]),
    ("source", &["source.component", "reportingComponent"]),
];

fn renamed<'a>(record: &'a Record, field: &str) -> &'a str {
    RENAMED
        .iter()
        .filter(|(name, _)| *name == field)
        .flat_map(|(_, places)| *places)
        .find_map(|place| record.metadata.fields.get(place))
        .unwrap_or_default()
}

/// Fields that every kind has, in every version alike.
const EVERYWHERE: &[&str] = &["metadata.name", "metadata.namespace"];

fn supported(fields: &Field, selectable: &[String]) -> Result<(), Failure> {
    let known =
        |field: &str| EVERYWHERE.contains(&field) || selectable.iter().any(|path| path == field);
    match fields.terms().iter().find(|term| !known(&term.field)) {
        Some(term) => Err(Failure::bad_request(format!(
            "field label not supported: {}",
            term.field
        ))),
        None => Ok(()),
    }
}
