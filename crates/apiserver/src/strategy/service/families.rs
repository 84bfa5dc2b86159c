//! Which families of addresses a Service has: this cluster has IPv4.
//!
//! The rules and their words are upstream's (`pkg/registry/core/service/storage/alloc.go`), for a cluster of one
//! family.

use serde_json::{Value, json};

use crate::failure::{Cause, Failure};
use crate::object::Object;
use crate::state::State;

const OURS: &str = "IPv4";

/// Fills in what the client left open; refuses what this cluster does not have.
pub(super) fn settle(
    state: &State,
    object: &mut Object,
    old: Option<&Object>,
) -> Result<(), Failure> {
    keep(object, old);
    let mut families = texts(object, "ipFamilies");
    let addresses = texts(object, "clusterIPs");
    let single = [object.text(&["spec", "clusterIP"]).to_owned()];
    let given = if addresses.is_empty() {
        &single[..]
    } else {
        &addresses[..]
    };
    let policy = object.text(&["spec", "ipFamilyPolicy"]).to_owned();
    if given[0] == "None" && selects_nothing(object) {
        // Whoever writes its endpoints may have addresses that this cluster does not.
        without_pods(object, families, &policy);
        return Ok(());
    }
    let policy = match policy.as_str() {
        "" if given.len() > 1 || families.len() > 1 => "RequireDualStack",
        "" => "SingleStack",
        policy => policy,
    };
    for address in given.iter().skip(families.len()) {
        if let Some(family) = family(address) {
            families.push(family.to_owned());
        }
    }
    if families.is_empty() {
        families.push(OURS.to_owned());
    }
    let mut causes = Vec::new();
    if policy == "RequireDualStack" {
        let detail = "this cluster is not configured for dual-stack services";
        causes.push(Cause::invalid("spec.ipFamilyPolicy", json!(policy), detail));
    }
    for (index, family) in families.iter().enumerate() {
        if family != OURS {
            let field = format!("spec.ipFamilies[{index}]");
            let detail = "not configured on this cluster";
            causes.push(Cause::invalid(&field, json!(family), detail));
        }
    }
    if causes.is_empty() {
        write(object, families, policy);
        return Ok(());
    }
    Err(match state.registry().get("", "services") {
        Some(kind) => Failure::invalid(kind, object.name(), causes),
        None => Failure::internal("services are not served"),
    })
}

/// A change that does not speak of families keeps them.
fn keep(object: &mut Object, old: Option<&Object>) {
    for field in ["ipFamilies", "ipFamilyPolicy"] {
        if let Some(value) = old.and_then(|old| old.at(&["spec", field]))
            && object.at(&["spec", field]).is_none_or(Value::is_null)
        {
            object
                .section("spec")
                .insert(field.to_owned(), value.clone());
        }
    }
}

fn without_pods(object: &mut Object, mut families: Vec<String>, policy: &str) {
    let policy = match policy {
        "" => "RequireDualStack",
        policy => policy,
    };
    if families.is_empty() {
        families.push(OURS.to_owned());
    }
    if families.len() < 2 && policy != "SingleStack" {
        let other = match families[0].as_str() {
            "IPv6" => "IPv4",
            _ => "IPv6",
        };
        families.push(other.to_owned());
    }
    write(object, families, policy);
}

fn write(object: &mut Object, families: Vec<String>, policy: &str) {
    let spec = object.section("spec");
    spec.insert("ipFamilies".to_owned(), json!(families));
    spec.insert("ipFamilyPolicy".to_owned(), json!(policy));
}

fn selects_nothing(object: &Object) -> bool {
    let selector = object.at(&["spec", "selector"]).and_then(Value::as_object);
    selector.is_none_or(serde_json::Map::is_empty)
}

fn texts(object: &Object, field: &str) -> Vec<String> {
    let list = object.at(&["spec", field]).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn family(address: &str) -> Option<&'static str> {
    match address.parse().ok()? {
        std::net::IpAddr::V4(_) => Some("IPv4"),
        std::net::IpAddr::V6(_) => Some("IPv6"),
    }
}
