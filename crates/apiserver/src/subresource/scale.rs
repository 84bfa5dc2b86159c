//! `scale`: the wanted number of replicas, whatever the kind calls it.

use axum::response::Response;
use http::StatusCode;
use seatrial_expr::selector::Label;
use serde_json::{Map, Value, json};

use crate::body;
use crate::call::Call;
use crate::facts::{self, Applier};
use crate::failure::{Cause, Failure, Reason};
use crate::object::{Object, section, timestamp};
use crate::ownership;
use crate::registry::ScalePaths;
use crate::reply;
use crate::verb::{Fixed, commit_update};

/// How often a change is tried again when others are faster.
const ATTEMPTS: usize = 5;

pub(super) async fn get(call: &Call, paths: &ScalePaths) -> Result<Response, Failure> {
    let fixed = Fixed::load(call).await?;
    Ok(respond(&scale_of(&fixed.served(call).await?, paths)))
}

fn respond(scale: &Value) -> Response {
    reply::json(StatusCode::OK, scale.to_string())
}

fn steps(path: &str) -> Vec<&str> {
    path.split('.').filter(|step| !step.is_empty()).collect()
}

/// The `autoscaling/v1` Scale of an object.
fn scale_of(object: &Object, paths: &ScalePaths) -> Value {
    let count = |path: &str| {
        object
            .at(&steps(path))
            .and_then(Value::as_i64)
            .unwrap_or_default()
    };
    let mut metadata = Map::new();
    for field in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
    ] {
        if let Some(value) = object.at(&["metadata", field]) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let mut status = json!({ "replicas": count(&paths.status) });
    if let Some(selector) = object.at(&steps(&paths.selector)) {
        let text = selector_text(selector);
        if !text.is_empty() {
            status["selector"] = json!(text);
        }
    }
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": { "replicas": count(&paths.spec) },
        "status": status,
    })
}

/// A selector as text: it is text already, a label selector, or a plain map of labels.
pub(crate) fn selector_text(selector: &Value) -> String {
    let Value::Object(map) = selector else {
        return selector.as_str().unwrap_or_default().to_owned();
    };
    if map.contains_key("matchLabels") || map.contains_key("matchExpressions") {
        return Label::from_json(selector)
            .map(|label| label.to_string())
            .unwrap_or_default();
    }
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    Label::from_map(&map.iter().filter_map(text).collect()).to_string()
}

pub(super) async fn update(call: &Call, paths: &ScalePaths) -> Result<Response, Failure> {
    let wanted = body::object(call)?;
    write(call, paths, |_| Ok(wanted.clone())).await
}

pub(super) async fn patch(call: &Call, paths: &ScalePaths) -> Result<Response, Failure> {
    let media = body::media_type(call);
    write(call, paths, |scale| {
        let mut scale = scale;
        match media.as_str() {
            "application/json-patch+json" => {
                facts::json_patch(&mut scale, &body::patch(call)?)?;
            }
            // A Scale has no lists, so the strategic merge and the apply are plain merges.
            "application/merge-patch+json" | "application/strategic-merge-patch+json" => {
                facts::merge_patch(&mut scale, &body::patch(call)?);
            }
            ownership::APPLY => {
                let wanted = body::applied(call)?.object;
                if wanted.at(&["spec", "replicas"]).is_none() {
                    let cause = Cause::required("spec.replicas", "");
                    return Err(Failure::invalid(call.kind(), call.name()?, vec![cause]));
                }
                facts::merge_patch(&mut scale, &Value::Object(wanted.0));
            }
            _ => {
                return Err(body::unsupported(
                    "application/json-patch+json, application/merge-patch+json, \
                     application/strategic-merge-patch+json, application/apply-patch+yaml",
                ));
            }
        }
        match scale {
            Value::Object(map) => Ok(Object(map)),
            _ => Err(Failure::bad_request("the patch does not leave an object")),
        }
    })
    .await
}

async fn write(
    call: &Call,
    paths: &ScalePaths,
    change: impl Fn(Value) -> Result<Object, Failure>,
) -> Result<Response, Failure> {
    for attempt in 1.. {
        let old = Fixed::load(call).await?;
        let wanted = change(scale_of(&old.object, paths))?;
        let replicas = wanted
            .at(&["spec", "replicas"])
            .and_then(Value::as_i64)
            .unwrap_or_default();
        if replicas < 0 {
            let detail = "must be greater than or equal to 0";
            let cause = Cause::invalid("spec.replicas", replicas, detail);
            return Err(Failure::invalid(call.kind(), call.name()?, vec![cause]));
        }
        let mut object = old.served(call).await?;
        if body::media_type(call) == ownership::APPLY {
            object = applied(call, paths, &object, replicas)?;
        } else {
            set(&mut object, &paths.spec, json!(replicas));
        }
        let revision = wanted.text(&["metadata", "resourceVersion"]).to_owned();
        let pinned = !revision.is_empty() && revision != old.record.revision.to_string();
        if pinned {
            return Err(Failure::modified(call.kind(), call.name()?));
        }
        match commit_update(call, &old, object, Vec::new()).await {
            Err(failure) if failure.reason == Reason::Conflict && attempt < ATTEMPTS => {}
            Err(failure) => return Err(failure),
            Ok(written) => {
                let object = Object::decode(&written.bytes).map_err(Failure::internal)?;
                return Ok(respond(&scale_of(&object, paths)));
            }
        }
    }
    Err(Failure::modified(call.kind(), call.name()?))
}

/// The object after an apply of its number of replicas, which the manager then owns by the scale.
fn applied(
    call: &Call,
    paths: &ScalePaths,
    live: &Object,
    replicas: i64,
) -> Result<Object, Failure> {
    let (kind, version) = (call.kind(), call.version());
    let mut wanted = Object::default();
    set(&mut wanted, "apiVersion", json!(kind.api_version(version)));
    set(&mut wanted, "kind", json!(kind.kind));
    set(&mut wanted, "metadata.name", json!(call.name()?));
    set(&mut wanted, &paths.spec, json!(replicas));
    let applier = Applier {
        manager: &ownership::manager(call),
        subresource: &call.target.subresource,
        moment: &timestamp(call.state.now()),
        force: call.flag("force") == Some(true),
        reset: &[],
    };
    facts::apply(kind, version, Some(live), &wanted, &applier)
}

fn set(object: &mut Object, path: &str, value: Value) {
    let steps = steps(path);
    let Some((last, parents)) = steps.split_last() else {
        return;
    };
    let mut map = &mut object.0;
    for step in parents {
        map = section(map, step);
    }
    map.insert((*last).to_owned(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_of_all_forms_become_text() {
        let cases = [
            (json!("app=web"), "app=web"),
            (json!({"app": "web", "tier": "x"}), "app=web,tier=x"),
            (json!({"matchLabels": {"app": "web"}}), "app=web"),
            (
                json!({"matchExpressions": [
                    {"key": "a", "operator": "In", "values": ["x", "y"]},
                    {"key": "b", "operator": "DoesNotExist"},
                ]}),
                "a in (x,y),!b",
            ),
        ];
        for (selector, text) in cases {
            assert_eq!(selector_text(&selector), text);
        }
    }
}
