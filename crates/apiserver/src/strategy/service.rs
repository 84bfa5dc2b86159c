//! Services: each gets a cluster address, and node ports where its type has them.

mod families;

use serde_json::{Value, json};

use super::Strategy;
use crate::allocation::Error;
use crate::failure::{Cause, Failure};
use crate::object::Object;
use crate::registry::Kind;
use crate::state::State;

/// The hooks of Service.
#[derive(Debug)]
pub(crate) struct Service;

impl Strategy for Service {
    fn prepare_create(&self, state: &State, object: &mut Object) -> Result<(), Failure> {
        object
            .0
            .insert("status".to_owned(), json!({"loadBalancer": {}}));
        allocate(state, object)
    }

    /// An address is kept for the service's life; only what is missing is allocated.
    fn prepare_update(
        &self,
        state: &State,
        object: &mut Object,
        old: &Object,
    ) -> Result<(), Failure> {
        if kind(object) != "ExternalName" && kind(old) != "ExternalName" {
            for field in ["clusterIP", "clusterIPs"] {
                if let Some(value) = old.at(&["spec", field])
                    && object.at(&["spec", field]).is_none()
                {
                    object
                        .section("spec")
                        .insert(field.to_owned(), value.clone());
                }
            }
        }
        drop_dependent(object, old);
        keep_ports(object, old);
        allocate_missing(state, object, Some(old))
    }

    fn committed(&self, state: &State, _: &Kind, object: Option<&Object>, old: Option<&Object>) {
        state.allocation.exchange(&state.store, old, object);
    }

    fn abandoned(&self, state: &State, object: &Object, old: Option<&Object>) {
        state.allocation.exchange(&state.store, Some(object), old);
    }
}

/// What a type needs and the next does not goes with the change of the type, unless the client changes it
/// too: then it is the client's mistake.
fn drop_dependent(object: &mut Object, old: &Object) {
    let inner = |service: &Object| kind(service) != "ExternalName";
    let balanced = |service: &Object| kind(service) == "LoadBalancer";
    let outer = |service: &Object| {
        let addresses = service
            .at(&["spec", "externalIPs"])
            .and_then(Value::as_array);
        matches!(kind(service), "NodePort" | "LoadBalancer")
            || addresses.is_some_and(|addresses| !addresses.is_empty())
    };
    let mut gone = Vec::new();
    if inner(old) && !inner(object) {
        gone.extend([
            "clusterIP",
            "clusterIPs",
            "ipFamilies",
            "ipFamilyPolicy",
            "internalTrafficPolicy",
        ]);
    }
    if outer(old) && !outer(object) {
        gone.push("externalTrafficPolicy");
    }
    if balanced(old) && !balanced(object) {
        gone.extend([
            "allocateLoadBalancerNodePorts",
            "loadBalancerClass",
            "healthCheckNodePort",
        ]);
    }
    for field in gone {
        if object.at(&["spec", field]) == old.at(&["spec", field]) {
            object.section("spec").remove(field);
        }
    }
}

fn kind(service: &Object) -> &str {
    match service.text(&["spec", "type"]) {
        "" => "ClusterIP",
        kind => kind,
    }
}

fn refused(state: &State, object: &Object, field: &str, value: Value, error: &Error) -> Failure {
    let registry = state.registry();
    let cause = Cause::invalid(field, value, &error.to_string());
    match registry.get("", "services") {
        Some(kind) => Failure::invalid(kind, object.name(), vec![cause]),
        None => Failure::internal("services are not served"),
    }
}

fn allocate(state: &State, object: &mut Object) -> Result<(), Failure> {
    allocate_missing(state, object, None)
}

fn allocate_missing(
    state: &State,
    object: &mut Object,
    old: Option<&Object>,
) -> Result<(), Failure> {
    if kind(object) == "ExternalName" {
        return Ok(());
    }
    families::settle(state, object, old)?;
    let asked = object.text(&["spec", "clusterIP"]).to_owned();
    let had = old
        .map(|old| old.text(&["spec", "clusterIP"]).to_owned())
        .unwrap_or_default();
    let address = match asked.as_str() {
        "None" => "None".to_owned(),
        same if !same.is_empty() && same == had => had,
        _ if !had.is_empty() => return Ok(()), // Validation refuses the change.
        asked => {
            let wanted = Some(asked).filter(|text| !text.is_empty());
            state
                .allocation
                .address(&state.store, wanted)
                .map_err(|error| {
                    refused(state, object, "spec.clusterIPs", json!([asked]), &error)
                })?
        }
    };
    let spec = object.section("spec");
    spec.insert("clusterIP".to_owned(), json!(address));
    spec.insert("clusterIPs".to_owned(), json!([address]));
    if !matches!(kind(object), "NodePort" | "LoadBalancer") {
        return Ok(());
    }
    allocate_ports(state, object, old)
}

fn allocate_ports(state: &State, object: &mut Object, old: Option<&Object>) -> Result<(), Failure> {
    let owned: Vec<u64> = old.map(node_ports).unwrap_or_default();
    let asked = object
        .at(&["spec", "ports"])
        .and_then(Value::as_array)
        .cloned();
    let mut ports: Vec<Value> = Vec::new();
    for (index, mut port) in asked.unwrap_or_default().into_iter().enumerate() {
        let asked = port
            .get("nodePort")
            .and_then(Value::as_u64)
            .filter(|&number| number != 0);
        // The same number over TCP and UDP is one node port.
        let shared = ports.iter().find(|other| match asked {
            Some(number) => other["nodePort"] == number,
            None => other["port"] == port["port"] && other["protocol"] != port["protocol"],
        });
        if let Some(other) = shared {
            port["nodePort"] = other["nodePort"].clone();
        } else if !asked.is_some_and(|number| owned.contains(&number)) {
            match take_port(state, asked) {
                Ok(number) => port["nodePort"] = json!(number),
                Err(error) => {
                    let field = format!("spec.ports[{index}].nodePort");
                    return Err(give_back(
                        state,
                        object,
                        old,
                        (ports, &field, asked, &error),
                    ));
                }
            }
        }
        ports.push(port);
    }
    object
        .section("spec")
        .insert("ports".to_owned(), Value::Array(ports));
    allocate_health(state, object, old)
}

fn take_port(state: &State, asked: Option<u64>) -> Result<u16, Error> {
    let wanted = asked.map(|number| u16::try_from(number).unwrap_or_default());
    state.allocation.port(&state.store, wanted)
}

/// Only what was taken for this service so far is given back.
fn give_back(
    state: &State,
    object: &mut Object,
    old: Option<&Object>,
    (ports, field, asked, error): (Vec<Value>, &str, Option<u64>, &Error),
) -> Failure {
    let spec = object.section("spec");
    spec.insert("ports".to_owned(), Value::Array(ports));
    spec.remove(HEALTH);
    state.allocation.exchange(&state.store, Some(object), old);
    refused(state, object, field, json!(asked), error)
}

/// Where a LoadBalancer that leads to one node's pods is asked whether that node has any.
const HEALTH: &str = "healthCheckNodePort";

fn allocate_health(
    state: &State,
    object: &mut Object,
    old: Option<&Object>,
) -> Result<(), Failure> {
    let wants = |service: &Object| {
        kind(service) == "LoadBalancer"
            && service.text(&["spec", "externalTrafficPolicy"]) == "Local"
    };
    let number = |service: &Object| {
        let found = service.at(&["spec", HEALTH]).and_then(Value::as_u64);
        found.filter(|&number| number != 0)
    };
    if !wants(object) {
        if let Some(old) = old.filter(|old| wants(old))
            && number(object) == number(old)
        {
            object.section("spec").remove(HEALTH);
        }
        return Ok(());
    }
    let (asked, had) = (number(object), old.and_then(number));
    if had.is_some() && (asked.is_none() || asked == had) {
        object.section("spec").insert(HEALTH.to_owned(), json!(had));
        return Ok(());
    }
    match take_port(state, asked) {
        Ok(number) => {
            let number = json!(number);
            object.section("spec").insert(HEALTH.to_owned(), number);
            Ok(())
        }
        Err(error) => {
            let ports = object.at(&["spec", "ports"]).and_then(Value::as_array);
            let ports = ports.cloned().unwrap_or_default();
            let field = format!("spec.{HEALTH}");
            Err(give_back(
                state,
                object,
                old,
                (ports, &field, asked, &error),
            ))
        }
    }
}

fn node_ports(service: &Object) -> Vec<u64> {
    let ports = service.at(&["spec", "ports"]).and_then(Value::as_array);
    ports
        .into_iter()
        .flatten()
        .filter_map(|port| port.get("nodePort")?.as_u64())
        .collect()
}

/// A port that is sent without its node port keeps the one it had, found by name and number.
fn keep_ports(object: &mut Object, old: &Object) {
    if !matches!(kind(object), "NodePort" | "LoadBalancer") {
        // A service that is no longer of such a type gives its node ports back.
        let had = node_ports(old);
        let ports = object
            .section("spec")
            .get_mut("ports")
            .and_then(Value::as_array_mut);
        for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
            if port
                .get("nodePort")
                .and_then(Value::as_u64)
                .is_some_and(|one| had.contains(&one))
            {
                port.remove("nodePort");
            }
        }
        return;
    }
    let before = old
        .at(&["spec", "ports"])
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let same = |one: &Value, other: &Value| {
        ["name", "port", "protocol"]
            .iter()
            .all(|field| one.get(field) == other.get(field))
    };
    let ports = object
        .section("spec")
        .get_mut("ports")
        .and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten() {
        if port.get("nodePort").is_none()
            && let Some(number) = before
                .iter()
                .find(|other| same(port, other))
                .and_then(|it| it.get("nodePort"))
        {
            port["nodePort"] = number.clone();
        }
    }
}
