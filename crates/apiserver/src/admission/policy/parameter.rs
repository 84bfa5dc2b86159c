//! The parameters of a policy: objects of any kind that a binding names.

use seatrial_expr::selector::Label;
use seatrial_store::Key;
use serde_json::{Value, json};

use super::{Binding, text};
use crate::admission::Change;
use crate::admission::reading::listed;
use crate::object::Object;

/// The kind of a policy's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParameterKind {
    api_version: String,
    kind: String,
}

impl ParameterKind {
    pub(super) fn read(part: Option<&Value>) -> Option<Self> {
        let part = part.filter(|part| !part.is_null())?;
        Some(Self {
            api_version: text(part, "apiVersion").to_owned(),
            kind: text(part, "kind").to_owned(),
        })
    }

    /// The parameters that the binding names; one `None` for a policy that is evaluated without.
    ///
    /// Fails where the binding cannot be used, in upstream's words.
    pub(super) fn found(
        kind: Option<&Self>,
        binding: &Binding,
        change: &Change<'_>,
    ) -> Result<Vec<Option<Value>>, String> {
        let (Some(kind), Some(reference)) = (kind, &binding.reference) else {
            // As upstream: a policy with parameters is evaluated with null where its binding names none.
            return Ok(vec![None]);
        };
        let found = kind.select(reference, change)?;
        if !found.is_empty() {
            return Ok(found.into_iter().map(Some).collect());
        }
        if text(reference, "parameterNotFoundAction") == "Allow" {
            return Ok(Vec::new());
        }
        Err("failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
            .to_owned())
    }

    fn select(&self, reference: &Value, change: &Change<'_>) -> Result<Vec<Value>, String> {
        let (group, version) = self
            .api_version
            .split_once('/')
            .unwrap_or(("", &self.api_version));
        let registry = change.state.registry();
        let kind = registry.group(group).find(|kind| {
            kind.kind == self.kind && kind.versions.iter().any(|served| served.name == version)
        });
        let Some(kind) = kind else {
            let (wanted, version) = (&self.kind, &self.api_version);
            return Err(format!(
                "failed to configure policy: failed to find resource referenced by paramKind: '{version}, Kind={wanted}'"
            ));
        };
        let namespace = match (kind.namespaced(), text(reference, "namespace")) {
            (true, "") if change.namespace.is_empty() => {
                return Err("failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".to_owned());
            }
            (true, "") => change.namespace,
            (true, named) => named,
            (false, "") => "",
            (false, _) => {
                return Err("failed to configure binding: paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned());
            }
        };
        let records = match text(reference, "name") {
            "" => {
                let selector = Label::from_json(reference.get("selector").unwrap_or(&Value::Null));
                let selector =
                    selector.map_err(|error| format!("failed to configure binding: {error}"))?;
                let mut records = listed(change.state, &kind.resource, Some(namespace));
                records.retain(|record| selector.matches_by(|key| record.metadata.labels.get(key)));
                records
            }
            name => {
                let key = Key::new(std::sync::Arc::clone(&kind.resource), namespace, name);
                change.state.store.get(&key).into_iter().collect()
            }
        };
        let read = |record: &std::sync::Arc<seatrial_store::Record>| {
            let mut object = Object::decode(&record.bytes).ok()?;
            object
                .0
                .insert("apiVersion".to_owned(), json!(self.api_version));
            Some(Value::Object(object.0))
        };
        Ok(records.iter().filter_map(read).collect())
    }
}
