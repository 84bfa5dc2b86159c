//! Webhooks as their configurations describe them.

use std::time::Duration;

use serde_json::Value;

use super::client::{Address, Client};
use crate::admission::expression::{Conditions, environment};
use crate::admission::matching::Matching;
use crate::object::Object;
use crate::outbound::ServicePort;

/// Upstream's bounds of `timeoutSeconds`.
const DEFAULT_TIMEOUT: u64 = 10;
const LONGEST_TIMEOUT: u64 = 30;

/// What happens where a webhook gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailurePolicy {
    Fail,
    Ignore,
}

/// Whether a webhook wants to see again what changed after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reinvocation {
    Never,
    IfNeeded,
}

/// What a webhook does beside answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SideEffects {
    None,
    NoneOnDryRun,
    Some,
}

impl SideEffects {
    pub(super) fn allow_dry_run(self) -> bool {
        self != Self::Some
    }
}

/// One webhook.
pub(super) struct Hook {
    pub(super) name: String,
    /// The name of its configuration.
    pub(super) configuration: String,
    /// Its place in the configuration.
    pub(super) index: usize,
    /// Tells it from all others.
    pub(super) key: String,
    pub(super) matching: Matching,
    pub(super) conditions: Conditions,
    pub(super) failure_policy: FailurePolicy,
    pub(super) reinvocation: Reinvocation,
    pub(super) side_effects: SideEffects,
    pub(super) timeout: Duration,
    pub(super) client: Client,
}

/// The webhooks of a configuration.
pub(super) fn read(configuration: &Object) -> Vec<Hook> {
    let list = configuration.at(&["webhooks"]).and_then(Value::as_array);
    let name = configuration.name();
    list.into_iter()
        .flatten()
        .enumerate()
        .map(|(index, hook)| one(name, index, hook))
        .collect()
}

fn one(configuration: &str, index: usize, hook: &Value) -> Hook {
    let text = |field: &str| hook.get(field).and_then(Value::as_str).unwrap_or_default();
    let seconds = hook.get("timeoutSeconds").and_then(Value::as_u64);
    let seconds = seconds.unwrap_or(DEFAULT_TIMEOUT).clamp(1, LONGEST_TIMEOUT);
    Hook {
        name: text("name").to_owned(),
        configuration: configuration.to_owned(),
        index,
        key: format!("{configuration}/{}/{index}", text("name")),
        matching: Matching::read(hook, "rules"),
        conditions: Conditions::read(hook, &environment()),
        failure_policy: match text("failurePolicy") {
            "Ignore" => FailurePolicy::Ignore,
            _ => FailurePolicy::Fail,
        },
        reinvocation: match text("reinvocationPolicy") {
            "IfNeeded" => Reinvocation::IfNeeded,
            _ => Reinvocation::Never,
        },
        side_effects: match text("sideEffects") {
            "None" => SideEffects::None,
            "NoneOnDryRun" => SideEffects::NoneOnDryRun,
            _ => SideEffects::Some,
        },
        timeout: Duration::from_secs(seconds),
        client: client(hook.get("clientConfig").unwrap_or(&Value::Null)),
    }
}

fn client(configuration: &Value) -> Client {
    let text = |path: &str| {
        configuration
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let bundle = text("/caBundle");
    let address = match configuration
        .get("service")
        .filter(|service| !service.is_null())
    {
        Some(service) => {
            let port = service.get("port").and_then(Value::as_u64);
            let port = port
                .and_then(|port| u16::try_from(port).ok())
                .unwrap_or(443);
            Address::Service {
                to: ServicePort {
                    namespace: text("/service/namespace").to_owned(),
                    name: text("/service/name").to_owned(),
                    port,
                },
                path: text("/service/path").to_owned(),
            }
        }
        None => Address::Url(text("/url").to_owned()),
    };
    Client::new(address, bundle)
}
