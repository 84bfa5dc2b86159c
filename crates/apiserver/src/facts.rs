//! What the fields of a kind mean: the one place that asks the `schema` crate.

use seatrial_schema::strict;
use seatrial_schema::{Type, custom as structural};
use seatrial_schema::{apply, defaults, patch, protobuf, validate};
use serde_json::Value;

use crate::call::FieldValidation;
use crate::failure::{Cause, Failure, Reason};
use crate::object::Object;
use crate::registry::{Kind, Origin, Version};

/// The type of the objects of `kind` in one of its versions.
pub(crate) fn type_of(kind: &Kind, version: &Version) -> Type {
    match &kind.origin {
        Origin::BuiltIn => {
            Type::built_in(&kind.group, &version.name, &kind.kind).unwrap_or(Type::Unknown)
        }
        Origin::Custom(definition) => definition.type_of(&version.name),
    }
}

/// The type of the stored form of `kind`.
fn stored_type(kind: &Kind) -> Type {
    let (group, version) = split(&kind.stored_as);
    match &kind.origin {
        Origin::BuiltIn => Type::built_in(group, version, &kind.kind).unwrap_or(Type::Unknown),
        Origin::Custom(definition) => definition.type_of(version),
    }
}

/// Group and version of an `apiVersion`.
fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Lends the object to a function over values.
fn with_value<T>(object: &mut Object, act: impl FnOnce(&mut Value) -> T) -> T {
    let mut value = Value::Object(std::mem::take(&mut object.0));
    let outcome = act(&mut value);
    if let Value::Object(map) = value {
        object.0 = map;
    }
    outcome
}

/// A cause as failures carry it.
pub(crate) fn cause(cause: seatrial_schema::Cause) -> Cause {
    Cause {
        reason: cause.reason.name().to_owned(),
        message: cause.message,
        field: cause.field,
    }
}

/// Drops the fields that the kind does not have. `duplicates` are fields that the text repeats.
/// Returns warnings for the client.
///
/// # Errors
/// A bad request, where a field has the wrong type, or where there were unknown or repeated ones and
/// the client wants that to be an error.
pub(crate) fn check(
    kind: &Kind,
    version: &Version,
    object: &mut Object,
    duplicates: &[String],
    strictness: FieldValidation,
) -> Result<Vec<String>, Failure> {
    let report = report(kind, version, object)?;
    match strictness {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Strict => match report.strict_error(duplicates) {
            Some(detail) => Err(cannot_be_handled(kind, version, &detail)),
            None => Ok(Vec::new()),
        },
        FieldValidation::Warn => {
            let unknown = report
                .unknown
                .iter()
                .map(|path| format!("unknown field {path:?}"));
            let repeated = duplicates
                .iter()
                .map(|path| format!("duplicate field {path:?}"));
            Ok(unknown.chain(repeated).collect())
        }
    }
}

/// Checks the object of an apply. Nobody can own a field that the kind does not have, so that it is an
/// error whatever validation the client asks for; in upstream's words and with its code.
///
/// # Errors
/// Where a field has the wrong type, or is unknown.
pub(crate) fn check_applied(
    kind: &Kind,
    version: &Version,
    object: &mut Object,
) -> Result<(), Failure> {
    let about = format!(
        "{}/{}; {}, Kind={}",
        object.namespace(),
        object.name(),
        crate::registry::api_version(&kind.group, &version.name),
        kind.kind
    );
    let report = report(kind, version, object)?;
    let unknown = |path: &String| format!(".{path}: field not declared in schema");
    let detail = match report.unknown.as_slice() {
        [] => return Ok(()),
        [one] => unknown(one),
        all => {
            let lines = all.iter().map(|path| format!("\n  {}", unknown(path)));
            format!("errors:{}", lines.collect::<String>())
        }
    };
    let message = format!("failed to create typed patch object ({about}): {detail}");
    Err(Failure::new(Reason::InternalError, message))
}

/// Drops the fields that the kind does not have, and says which. A wrong type is an error.
fn report(kind: &Kind, version: &Version, object: &mut Object) -> Result<strict::Report, Failure> {
    let object_type = type_of(kind, version);
    let report = with_value(object, |value| strict::check(value, &object_type));
    if report.mistyped.is_empty() {
        return Ok(report);
    }
    let details: Vec<String> = report.mistyped.iter().map(ToString::to_string).collect();
    let causes = report.mistyped.into_iter().map(cause).collect();
    Err(cannot_be_handled(kind, version, &details.join(", ")).with_causes(causes))
}

fn cannot_be_handled(kind: &Kind, version: &Version, detail: &str) -> Failure {
    Failure::bad_request(format!(
        "{} in version {:?} cannot be handled as a {}: {detail}",
        kind.kind, version.name, kind.kind
    ))
}

/// Fills in what upstream fills in, in the stored form.
pub(crate) fn default(kind: &Kind, object: &mut Object) {
    let (group, version) = split(&kind.stored_as);
    match stored_type(kind) {
        Type::Custom(schema) => with_value(object, |value| structural::default(value, &schema)),
        _ => with_value(object, |value| {
            defaults::apply(group, version, &kind.kind, value);
        }),
    }
}

/// The status of a new object of a built-in kind, which clients expect to be there.
pub(crate) fn initial_status(kind: &Kind) -> Option<Value> {
    let (group, version) = split(&kind.stored_as);
    match kind.origin {
        Origin::BuiltIn => defaults::status::initial(group, version, &kind.kind),
        Origin::Custom(_) => None,
    }
}

/// What is wrong with a custom object in the stored form, and with its change from `old`.
fn validate_custom(
    kind: &Kind,
    definition: &crate::custom::Definition,
    schema: &structural::Schema,
    object: &mut Object,
    old: Option<&Object>,
) -> Vec<Cause> {
    const BLOCKING: [&str; 4] = [
        "FieldValueRequired",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    ];
    let old = old.map(|old| Value::Object(old.0.clone()));
    with_value(object, |value| {
        let found = structural::validate(value, schema);
        let mut causes: Vec<Cause> = found.into_iter().map(cause).collect();
        if let Some(old) = old.as_ref().filter(|_| !causes.is_empty()) {
            // What was accepted once, under another schema, is not blamed on a change elsewhere.
            let known: Vec<Cause> = structural::validate(old, schema)
                .into_iter()
                .map(cause)
                .collect();
            causes.retain(|cause| !known.contains(cause));
        }
        if causes
            .iter()
            .any(|cause| BLOCKING.contains(&cause.reason.as_str()))
        {
            let detail = "some validation rules were not checked because the object was invalid; \
                          correct the existing errors to complete validation";
            causes.push(Cause::invalid("<nil>", Value::Null, detail));
            return causes;
        }
        let version = split(&kind.stored_as).1;
        causes.extend(definition.broken_rules(version, value, old.as_ref()));
        causes
    })
}

/// What is wrong with an object in the stored form, by its schema and, for custom kinds, the rules in it. The object is not
/// changed.
pub(crate) fn validate(kind: &Kind, object: &mut Object, old: Option<&Object>) -> Vec<Cause> {
    let stored = stored_type(kind);
    if let (Type::Custom(schema), Origin::Custom(definition)) = (&stored, &kind.origin) {
        return validate_custom(kind, definition, schema, object, old);
    }
    let causes = with_value(object, |value| match &stored {
        Type::Custom(schema) => structural::validate(value, schema),
        built_in => {
            // A status is the controllers' own; upstream takes what they leave out for zero.
            let mut causes = strict::missing(value, built_in);
            causes.retain(|cause| !cause.field.starts_with("status."));
            for cause in validate::create(&kind.group, &kind.kind, value) {
                if !causes.iter().any(|known| known.field == cause.field) {
                    causes.push(cause);
                }
            }
            causes
        }
    });
    causes.into_iter().map(cause).collect()
}

/// What is wrong with the change of a built-in object from `old`, both in the stored form. The objects
/// are not changed.
pub(crate) fn validate_change(kind: &Kind, object: &mut Object, old: &Object) -> Vec<Cause> {
    if !kind.built_in() {
        return Vec::new();
    }
    let old = Value::Object(old.0.clone());
    let causes = with_value(object, |value| {
        validate::update(&kind.group, &kind.kind, value, &old)
    });
    causes.into_iter().map(cause).collect()
}

fn refused(error: &patch::Error) -> Failure {
    let reason = match error {
        patch::Error::Decode { .. } => Reason::BadRequest,
        patch::Error::TooManyOperations { .. } => Reason::RequestEntityTooLarge,
        _ => Reason::Invalid,
    };
    Failure::new(reason, error.to_string())
}

/// A JSON patch.
///
/// # Errors
/// Where it is none or does not fit.
pub(crate) fn json_patch(object: &mut Value, operations: &Value) -> Result<(), Failure> {
    patch::json(object, operations).map_err(|error| refused(&error))
}

/// A merge patch.
pub(crate) fn merge_patch(object: &mut Value, wanted: &Value) {
    patch::merge(object, wanted);
}

/// A strategic merge patch.
///
/// # Errors
/// Where it does not fit.
pub(crate) fn strategic(
    kind: &Kind,
    version: &Version,
    object: &mut Value,
    wanted: &Value,
) -> Result<(), Failure> {
    patch::strategic(object, wanted, type_of(kind, version).structure())
        .map_err(|error| refused(&error))
}

/// Who applies, to what, and when.
pub(crate) struct Applier<'a> {
    /// The field manager.
    pub(crate) manager: &'a str,
    /// The subresource; empty for the object itself.
    pub(crate) subresource: &'a str,
    /// Now, in whole seconds.
    pub(crate) moment: &'a str,
    /// Whether fields of other managers are taken.
    pub(crate) force: bool,
    /// The roots that the path cannot change, as elements of field sets.
    pub(crate) reset: &'a [String],
}

/// Server-side apply: `live` with what the manager wants and without what it no longer wants; with
/// nothing live, what it wants alone.
///
/// # Errors
/// A conflict, where another manager has applied a field that would change and force is not asked for;
/// a bad request, where a list cannot be merged.
pub(crate) fn apply(
    kind: &Kind,
    version: &Version,
    live: Option<&Object>,
    wanted: &Object,
    applier: &Applier<'_>,
) -> Result<Object, Failure> {
    let api_version = kind.api_version(version);
    let reset: Vec<&str> = applier.reset.iter().map(String::as_str).collect();
    let manager = apply::Manager {
        name: applier.manager,
        operation: apply::Operation::Apply,
        api_version: &api_version,
        subresource: applier.subresource,
        time: applier.moment,
        reset: &reset,
    };
    let force = if applier.force {
        apply::Force::Yes
    } else {
        apply::Force::No
    };
    let object_type = type_of(kind, version);
    let structure = object_type.structure();
    let live = live.map(|live| &live.0);
    apply::apply(live, &wanted.0, &manager, force, structure)
        .map(Object)
        .map_err(|error| apply_refused(&error))
}

/// Whether a write changes nothing but, at most, the times of the record of who owns what.
pub(crate) fn unchanged(old: &Object, new: &Object) -> bool {
    apply::same_but_times(&old.0, &new.0)
}

/// `live` merged with a configuration that nobody comes to own: what server-side apply does without its
/// bookkeeping.
///
/// # Errors
/// Where a list cannot be merged.
pub(crate) fn merged(
    kind: &Kind,
    version: &Version,
    mut live: Object,
    configuration: &Object,
) -> Result<Object, Failure> {
    let fields = live.metadata().remove("managedFields");
    let applier = Applier {
        manager: "admission",
        subresource: "",
        moment: "1970-01-01T00:00:00Z",
        force: true,
        reset: &[],
    };
    let mut merged = apply(kind, version, Some(&live), configuration, &applier)?;
    let metadata = merged.metadata();
    match fields {
        Some(fields) => metadata.insert("managedFields".to_owned(), fields),
        None => metadata.remove("managedFields"),
    };
    Ok(merged)
}

fn apply_refused(error: &apply::Error) -> Failure {
    let apply::Error::Conflicts(conflicts) = error else {
        return Failure::bad_request(error.to_string());
    };
    let causes = conflicts
        .iter()
        .map(|conflict| {
            Cause::new(
                "FieldManagerConflict",
                conflict.field.clone(),
                conflict.message(),
            )
        })
        .collect();
    Failure::new(Reason::Conflict, error.to_string()).with_causes(causes)
}

/// Reads Kubernetes' protobuf envelope.
///
/// # Errors
/// A bad request, where it cannot be read.
pub(crate) fn protobuf(bytes: &[u8]) -> Result<Object, Failure> {
    match protobuf::decode(bytes) {
        Ok(Value::Object(map)) => Ok(Object(map)),
        Ok(_) => Err(Failure::bad_request(
            "the body of the request is not an object",
        )),
        Err(error) => Err(Failure::bad_request(format!(
            "the body of the request: {error}"
        ))),
    }
}
