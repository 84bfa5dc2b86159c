//! One request, taken apart: which object of which kind, which verb, in which form.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::accept::Form;
use crate::access::{Asked, Attributes};
use crate::admission::Annotations;
use crate::failure::{Cause, Failure};
use crate::identity::Identity;
use crate::registry::{Kind, Registry, Subresource, Version};
use crate::state::State;
use crate::stream::Streaming;

/// The largest request body, in bytes (upstream's `MaxRequestBodyBytes`).
pub(crate) const BODY_LIMIT: usize = 3 << 20;

/// The largest object that is stored, in bytes (the limit of upstream's storage).
pub(crate) const OBJECT_LIMIT: usize = 1536 << 10;

/// What a path names.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The kind.
    pub kind: Arc<Kind>,
    /// Which of its versions.
    pub version: usize,
    /// The namespace; empty for cluster-scoped kinds and for lists over all namespaces.
    pub namespace: String,
    /// The object; `None` for the collection.
    pub name: Option<String>,
    /// The part of the object; empty for all of it.
    pub subresource: String,
}

impl Target {
    /// Reads a path of the form `/api/v1/…` or `/apis/group/version/…`.
    ///
    /// # Errors
    /// Not found, where no kind is served there.
    pub(crate) fn parse(registry: &Registry, path: &str) -> Result<Self, Failure> {
        let steps: Vec<_> = crate::access::steps(path).collect();
        let steps: Vec<&str> = steps.iter().map(AsRef::as_ref).collect();
        // No name is empty, and none has a NUL, which parts the names within a key of the store.
        if steps
            .iter()
            .any(|step| step.is_empty() || step.contains('\0'))
        {
            return Err(Failure::unknown_path());
        }
        let (group, version, rest) = match steps.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Err(Failure::unknown_path()),
        };
        let (namespace, rest) = match rest {
            // `namespaces/x/status` is a part of the namespace; anything else is in it.
            ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            rest => (None, rest),
        };
        let (plural, name, subresource) = match rest {
            [plural] => (*plural, None, ""),
            [plural, name] => (*plural, Some(*name), ""),
            [plural, name, subresource] => (*plural, Some(*name), *subresource),
            _ => return Err(Failure::unknown_path()),
        };
        let (kind, version) = registry
            .find(group, version, plural)
            .ok_or_else(Failure::unknown_path)?;
        let fits = match (namespace, name) {
            (Some(_), _) => kind.namespaced(),
            (None, Some(_)) => !kind.namespaced(),
            (None, None) => true,
        };
        let known =
            subresource.is_empty() || kind.versions[version].subresource(subresource).is_some();
        if !fits || !known {
            return Err(Failure::unknown_path());
        }
        Ok(Self {
            kind,
            version,
            namespace: namespace.unwrap_or_default().to_owned(),
            name: name.map(str::to_owned),
            subresource: subresource.to_owned(),
        })
    }

    /// What it takes to do `verb` here.
    pub(crate) fn attributes<'a>(&'a self, verb: &'a str) -> Asked<'a> {
        Asked::Object(Attributes {
            verb: verb.into(),
            group: self.kind.group.as_str().into(),
            version: self.kind.versions[self.version].name.as_str().into(),
            resource: self.kind.plural.as_str().into(),
            subresource: self.subresource.as_str().into(),
            namespace: self.namespace.as_str().into(),
            name: self.name.as_deref().unwrap_or_default().into(),
        })
    }
}

/// Whether a parameter's text says yes, as Go's `strconv.ParseBool` reads it.
pub(crate) fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

/// How strictly a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    /// Unknown and repeated fields are refused.
    Strict,
    /// They are dropped, with a warning.
    Warn,
    /// They are dropped.
    Ignore,
}

/// One request.
pub(crate) struct Call {
    /// What every request shares.
    pub state: Arc<State>,
    /// What the path names.
    pub target: Target,
    /// The method.
    pub method: Method,
    /// The headers.
    pub headers: HeaderMap,
    /// The query parameters.
    pub query: BTreeMap<String, String>,
    /// Who asks.
    pub identity: Identity,
    /// In which form the reply is wanted.
    pub form: Form,
    /// The body; empty for reads.
    pub body: Bytes,
    /// For the audit event.
    pub annotations: Annotations,
    /// What only sessions need.
    pub streaming: Streaming,
}

impl Call {
    /// The kind.
    pub(crate) fn kind(&self) -> &Kind {
        &self.target.kind
    }

    /// The version of the kind that the path names.
    pub(crate) fn version(&self) -> &Version {
        &self.target.kind.versions[self.target.version]
    }

    /// The name in the path.
    ///
    /// # Errors
    /// Method not allowed, where the path names a collection.
    pub(crate) fn name(&self) -> Result<&str, Failure> {
        self.target
            .name
            .as_deref()
            .ok_or_else(Failure::method_not_allowed)
    }

    /// The subresource the path names.
    pub(crate) fn subresource(&self) -> Option<&Subresource> {
        self.version().subresource(&self.target.subresource)
    }

    /// A query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A query parameter that is true or false.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.parameter(name).map(is_true)
    }

    /// A query parameter that is a number.
    ///
    /// # Errors
    /// Bad request, where it is not one.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                Failure::bad_request(format!(
                    "invalid query parameter {name}={text:?}: no number"
                ))
            })
        };
        self.parameter(name).map(parse).transpose()
    }

    /// Whether nothing shall be stored.
    ///
    /// # Errors
    /// Invalid, for another value than `All`.
    pub(crate) fn dry_run(&self) -> Result<bool, Failure> {
        match self.parameter("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => {
                let message = format!(r#"Unsupported value: {other:?}: supported values: "All""#);
                let cause = Cause::new("FieldValueNotSupported", "dryRun", message);
                Err(Failure::invalid(self.kind(), "", vec![cause]))
            }
        }
    }

    /// How strictly the body is read. Without a wish: with warnings, as upstream.
    ///
    /// # Errors
    /// Invalid, for an unknown value.
    pub(crate) fn field_validation(&self) -> Result<FieldValidation, Failure> {
        match self.parameter("fieldValidation") {
            None | Some("Warn") => Ok(FieldValidation::Warn),
            Some("Strict") => Ok(FieldValidation::Strict),
            Some("Ignore") => Ok(FieldValidation::Ignore),
            Some(other) => {
                let message = format!(
                    "Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \
                     \"Warn\""
                );
                let cause = Cause::new("FieldValueNotSupported", "fieldValidation", message);
                Err(Failure::invalid(self.kind(), "", vec![cause]))
            }
        }
    }
}
