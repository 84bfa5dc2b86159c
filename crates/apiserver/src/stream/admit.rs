//! Whether the admission chain lets a client connect to a pod.

use serde_json::{Map, Value, json};

use super::wires::Wanted;
use crate::admission::{Notes, Operation, Passage, conclude};
use crate::call::Call;
use crate::failure::Failure;
use crate::object::Object;

/// The fields of `PodExecOptions` and `PodAttachOptions`.
pub(super) fn session(call: &Call, wanted: Wanted, command: Option<&[String]>) -> Value {
    let mut fields = json!({
        "stdin": wanted.stdin, "stdout": wanted.stdout, "stderr": wanted.stderr,
        "tty": wanted.tty,
    });
    if let Some(container) = call.parameter("container") {
        fields["container"] = json!(container);
    }
    if let Some(command) = command {
        fields["command"] = json!(command);
    }
    fields
}

/// Shows the steps of the chain what the client asks for (`fields`), as an object of the kind that the
/// subresource has. What they change in it is not taken over: the streams are those of the request.
///
/// # Errors
/// What a step says against it.
pub(super) async fn connection(call: &Call, fields: Value) -> Result<(), Failure> {
    let mut options = match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    options.insert(
        "kind".to_owned(),
        json!(options_kind(&call.target.subresource)),
    );
    options.insert("apiVersion".to_owned(), json!("v1"));
    let notes = Notes::default();
    let passage = Passage::begin(call, Operation::Connect, call.name()?, None, false, &notes);
    let admitted = passage.admit(&mut Object(options), |_| Vec::new()).await;
    // A connection that changes its protocol has no place for warnings.
    conclude(call, notes);
    admitted
}

/// The kind of what a client sends to connect to a pod.
pub(crate) fn options_kind(subresource: &str) -> &'static str {
    match subresource {
        "exec" => "PodExecOptions",
        "attach" => "PodAttachOptions",
        "portforward" => "PodPortForwardOptions",
        _ => "PodProxyOptions",
    }
}
