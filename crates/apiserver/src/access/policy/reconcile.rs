//! Making what is missing of the policy, in one commit.

use std::sync::Arc;

use seatrial_store::{Change, Expect, Key, Write};
use serde_json::{Value, json};

use super::{Item, items};
use crate::access::RESOURCES;
use crate::access::rule::{Rule, missing};
use crate::failure::Failure;
use crate::object::{Object, timestamp};
use crate::state::{State, decode};

const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// Makes the roles and bindings of the policy where they are missing, and gives roles the rules that
/// they lack. Goes around the verbs: it is more than a hundred objects, and one trip to the disk.
///
/// # Errors
/// Where the store cannot write.
pub(crate) async fn reconcile(state: &State) -> Result<(), Failure> {
    let writes = items()
        .into_iter()
        .filter_map(|item| write(state, item).transpose())
        .collect::<Result<Vec<Write>, Failure>>()?;
    if !writes.is_empty() {
        state
            .store
            .commit(writes)
            .await
            .map_err(Failure::internal)?;
        state.access.load(&state.store);
    }
    Ok(())
}

fn write(state: &State, item: Item) -> Result<Option<Write>, Failure> {
    let Item {
        plural,
        namespace,
        object,
    } = item;
    let resource = RESOURCES
        .into_iter()
        .find(|resource| {
            resource
                .split_once('.')
                .is_some_and(|(one, _)| one == plural)
        })
        .unwrap_or_default();
    let name = object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let key = Key::new(Arc::<str>::from(resource), namespace, &name);
    let (object, expect) = match state.store.get(&key) {
        None => (made(state, plural, namespace, object), Expect::Absent),
        Some(record) => match mended(decode(&record)?, &object) {
            Some(object) => (object, Expect::Revision(record.revision)),
            None => return Ok(None),
        },
    };
    Ok(Some(Write {
        key,
        expect,
        change: Change::Put {
            draft: object.draft(),
            metadata: object.selectable(&[]),
        },
    }))
}

fn made(state: &State, plural: &str, namespace: &str, object: Value) -> Object {
    let Value::Object(object) = object else {
        return Object::default();
    };
    let mut object = Object(object);
    let kind = match plural {
        "clusterroles" => "ClusterRole",
        "clusterrolebindings" => "ClusterRoleBinding",
        "roles" => "Role",
        _ => "RoleBinding",
    };
    object.0.insert(
        "apiVersion".to_owned(),
        json!("rbac.authorization.k8s.io/v1"),
    );
    object.0.insert("kind".to_owned(), json!(kind));
    let metadata = object.metadata();
    if !namespace.is_empty() {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    metadata.insert("uid".to_owned(), json!(state.random.uuid()));
    metadata.insert(
        "creationTimestamp".to_owned(),
        json!(timestamp(state.now())),
    );
    object
}

/// The stored object with what it lacks; `None` where it lacks nothing, or shall be left alone.
fn mended(mut stored: Object, wanted: &Value) -> Option<Object> {
    if stored.text(&["metadata", "annotations", AUTOUPDATE]) != "true"
        || stored
            .at(&["aggregationRule"])
            .is_some_and(|rule| !rule.is_null())
    {
        return None;
    }
    if let Some(wanted) = wanted
        .as_object()
        .filter(|wanted| wanted.contains_key("rules"))
    {
        let lacking = missing(&Rule::list(&stored.0), &Rule::list(wanted));
        let rules = stored.0.entry("rules").or_insert_with(|| json!([]));
        let list = rules.as_array_mut().filter(|_| !lacking.is_empty())?;
        list.extend(lacking.iter().map(Rule::value));
        return Some(stored);
    }
    let wanted = wanted.get("subjects")?.as_array()?;
    let subjects = stored.0.entry("subjects").or_insert_with(|| json!([]));
    let list = subjects.as_array_mut()?;
    let lacking: Vec<Value> = wanted
        .iter()
        .filter(|one| !list.contains(one))
        .cloned()
        .collect();
    if lacking.is_empty() {
        return None;
    }
    list.extend(lacking);
    Some(stored)
}
