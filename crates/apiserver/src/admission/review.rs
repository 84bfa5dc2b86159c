//! A change in the words of an `AdmissionRequest`: for webhooks and for expressions.

use serde_json::{Value, json};

use super::{Change, Operation};
use crate::object::Object;
use crate::registry::{Conversion, Version};
use crate::stream::options_kind;

/// What both webhooks and expressions are told of a change; `version` is the one they asked for.
pub(super) fn request(change: &Change<'_>, version: &Version) -> Value {
    let kind = change.kind;
    // What a connection is asked for with is of a kind of its own.
    let named = match change.operation {
        Operation::Connect => options_kind(change.subresource),
        _ => &kind.kind,
    };
    let of_kind =
        |version: &Version| json!({ "group": kind.group, "version": version.name, "kind": named });
    let of_resource = |version: &Version| json!({ "group": kind.group, "version": version.name, "resource": kind.plural });
    let mut request = json!({
        "kind": of_kind(version),
        "resource": of_resource(version),
        "requestKind": of_kind(change.version),
        "requestResource": of_resource(change.version),
        "name": change.name,
        "operation": change.operation.name(),
        "userInfo": user(change),
        "dryRun": change.dry_run,
        "options": options(change),
    });
    if !change.subresource.is_empty() {
        request["subResource"] = json!(change.subresource);
        request["requestSubResource"] = json!(change.subresource);
    }
    // A namespace stands in itself, as upstream has it.
    if &*kind.resource == "namespaces" {
        request["namespace"] = json!(change.name);
    } else if !change.namespace.is_empty() {
        request["namespace"] = json!(change.namespace);
    }
    request
}

fn user(change: &Change<'_>) -> Value {
    let who = change.identity;
    let mut user = json!({ "username": who.user, "groups": who.groups });
    if !who.uid.is_empty() {
        user["uid"] = json!(who.uid);
    }
    if !who.extra.is_empty() {
        user["extra"] = json!(who.extra);
    }
    user
}

fn options(change: &Change<'_>) -> Value {
    let kind = match change.operation {
        Operation::Create => "CreateOptions",
        Operation::Update => "UpdateOptions",
        Operation::Delete => "DeleteOptions",
        Operation::Connect => return Value::Null,
    };
    let mut options = json!({ "kind": kind, "apiVersion": "meta.k8s.io/v1" });
    if change.dry_run {
        options["dryRun"] = json!(["All"]);
    }
    options
}

/// The object after the change and the one before, in a version; null where there is none.
pub(super) fn objects(
    change: &Change<'_>,
    version: &Version,
    object: Option<&Object>,
) -> (Value, Value) {
    let new = match change.operation {
        Operation::Delete => None,
        _ => object,
    };
    let served = |object: Option<&Object>| match object {
        Some(object) => Value::Object(served(change, version, object.clone()).0),
        None => Value::Null,
    };
    (served(new), served(change.old))
}

/// A stored object in a version.
pub(super) fn served(change: &Change<'_>, version: &Version, mut object: Object) -> Object {
    if let Conversion::Convert { to_served, .. } = version.conversion {
        to_served(&mut object);
    } else {
        let name = change.kind.api_version(version);
        object.0.insert("apiVersion".to_owned(), json!(name));
    }
    object
}

/// An object of a version in the stored form.
pub(super) fn stored(change: &Change<'_>, version: &Version, mut object: Object) -> Object {
    if let Conversion::Convert { to_stored, .. } = version.conversion {
        to_stored(&mut object);
    } else {
        object
            .0
            .insert("apiVersion".to_owned(), json!(change.kind.stored_as));
    }
    object
}
