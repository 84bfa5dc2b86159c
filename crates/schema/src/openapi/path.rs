//! The paths of a document.

use serde_json::{Map, Value, json};

use super::component::{list_name, name, reference};
use super::{Resource, Scope, Target};

const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/// Adds the paths of a resource.
pub(super) fn add(paths: &mut Map<String, Value>, target: Target<'_>, resource: &Resource<'_>) {
    let builder = Builder { target, resource };
    let root = format!("/{}", super::location(target.group, target.version));
    let namespaced = resource.scope == Scope::Namespaced;
    let collection = match resource.scope {
        Scope::Namespaced => format!("{root}/namespaces/{{namespace}}/{}", resource.plural),
        Scope::Cluster => format!("{root}/{}", resource.plural),
    };
    let all = [
        ("list", "get"),
        ("create", "post"),
        ("deletecollection", "delete"),
    ];
    paths.insert(collection.clone(), builder.item(&all, "", &[]));
    let one = [
        ("get", "get"),
        ("update", "put"),
        ("patch", "patch"),
        ("delete", "delete"),
    ];
    paths.insert(
        format!("{collection}/{{name}}"),
        builder.item(&one, "", &["name"]),
    );
    if namespaced && resource.verbs.contains(&"list") {
        let path = builder.item(&[("list", "get")], "ForAllNamespaces", &["-"]);
        paths.insert(format!("{root}/{}", resource.plural), path);
    }
    for part in resource.subresources {
        let verbs = [("get", "get"), ("update", "put"), ("patch", "patch")];
        paths.insert(
            format!("{collection}/{{name}}/{part}"),
            builder.item(&verbs, part, &["name"]),
        );
    }
}

struct Builder<'a> {
    target: Target<'a>,
    resource: &'a Resource<'a>,
}

impl Builder<'_> {
    /// A path item: the operations among `verbs` that the resource has, and the parameters in the path.
    fn item(&self, verbs: &[(&str, &str)], suffix: &str, steps: &[&str]) -> Value {
        let mut item = Map::new();
        for (verb, method) in verbs {
            if self.resource.verbs.contains(verb) {
                item.insert((*method).to_owned(), self.operation(verb, suffix));
            }
        }
        let mut parameters = vec![query("pretty", "string", "Whether the output is indented.")];
        if steps != ["-"] && self.resource.scope == Scope::Namespaced {
            parameters.push(step("namespace", "The namespace of the object."));
        }
        if steps == ["name"] {
            let text = format!("The name of the {}.", self.resource.kind);
            parameters.push(step("name", &text));
        }
        item.insert("parameters".to_owned(), Value::Array(parameters));
        Value::Object(item)
    }

    fn operation(&self, verb: &str, suffix: &str) -> Value {
        let Target { group, version } = self.target;
        let kind = self.resource.kind;
        let schema = match verb {
            "list" => list_name(self.target, kind),
            "delete" | "deletecollection" => STATUS.to_owned(),
            _ => name(self.target, kind),
        };
        let action = match verb {
            "create" => "post",
            "update" => "put",
            other => other,
        };
        let mut operation = json!({
            "description": format!("{verb} {kind} {suffix}").trim_end(),
            "operationId": identifier(verb, group, version, kind, suffix),
            "tags": [identifier("", group, version, "", "")],
            "parameters": parameters(verb),
            "responses": {"200": {
                "description": "OK",
                "content": {"application/json": {"schema": reference(&schema)}},
            }, "401": {"description": "Unauthorized"}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": self.target.kind(kind),
        });
        if let Some(body) = self.body(verb) {
            operation["requestBody"] = json!({"content": body});
        }
        operation
    }

    fn body(&self, verb: &str) -> Option<Value> {
        let own = reference(&name(self.target, self.resource.kind));
        let patch = json!({"type": "object"});
        match verb {
            "create" | "update" => Some(json!({"application/json": {"schema": own}})),
            "delete" | "deletecollection" => {
                Some(json!({"application/json": {"schema": reference(DELETE_OPTIONS)}}))
            }
            "patch" => {
                let mut content = json!({
                    "application/apply-patch+yaml": {"schema": patch},
                    "application/json-patch+json": {"schema": {"type": "array", "items": patch}},
                    "application/merge-patch+json": {"schema": patch},
                });
                if self.resource.schema.is_none() {
                    content["application/strategic-merge-patch+json"] = json!({"schema": patch});
                }
                Some(content)
            }
            _ => None,
        }
    }
}

fn parameters(verb: &str) -> Vec<Value> {
    let dry_run = query("dryRun", "string", "`All`: nothing is stored.");
    let manager = query("fieldManager", "string", "Who makes the change.");
    let validation = query(
        "fieldValidation",
        "string",
        "What is done about unknown and repeated fields: `Ignore`, `Warn` or `Strict`.",
    );
    match verb {
        "create" | "update" => vec![dry_run, manager, validation],
        "patch" => {
            let force = query(
                "force",
                "boolean",
                "Whether an apply takes fields of others.",
            );
            vec![dry_run, manager, validation, force]
        }
        "delete" => vec![
            dry_run,
            query(
                "gracePeriodSeconds",
                "integer",
                "How long the object may take to go.",
            ),
            query(
                "propagationPolicy",
                "string",
                "`Orphan`, `Background` or `Foreground`.",
            ),
        ],
        "list" | "deletecollection" => vec![
            query("continue", "string", "Where the next page begins."),
            query("fieldSelector", "string", "Selects by fields."),
            query("labelSelector", "string", "Selects by labels."),
            query("limit", "integer", "How many objects a page has."),
            query(
                "resourceVersion",
                "string",
                "How recent the answer must be.",
            ),
            query(
                "resourceVersionMatch",
                "string",
                "How resourceVersion is meant.",
            ),
            query("timeoutSeconds", "integer", "How long the call may take."),
            query("watch", "boolean", "Whether changes follow."),
        ],
        _ => Vec::new(),
    }
}

fn query(name: &str, sort: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "query", "description": description,
        "schema": {"type": sort, "uniqueItems": true},
    })
}

fn step(name: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true, "description": description,
        "schema": {"type": "string", "uniqueItems": true},
    })
}

/// A name for an operation that is unique in all documents: `createAppsV1Deployment`.
fn identifier(verb: &str, group: &str, version: &str, kind: &str, suffix: &str) -> String {
    let group = if group.is_empty() { "core" } else { group };
    let mut text = verb.to_owned();
    for word in group.split(['.', '-']).chain([version, kind, suffix]) {
        let mut letters = word.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    text
}
