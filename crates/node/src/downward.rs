//! The downward API: fields of a pod and figures of its containers, as text.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, ObjectFieldSelector, Pod, ResourceFieldSelector};

use crate::quantity;
use crate::registration::Capacity;

/// What the downward API draws from.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// Its address.
    pub address: IpAddr,
    /// Its node's address.
    pub host: IpAddr,
    /// What a container without limits may use.
    pub capacity: &'a Capacity,
}

/// Why a reference cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such field, or it is not offered.
    #[error(
        "fieldRef {0:?} is not offered: use metadata.name, metadata.namespace, metadata.uid, \
         metadata.labels['<key>'], metadata.annotations['<key>'], spec.nodeName, \
         spec.serviceAccountName, status.hostIP, status.hostIPs, status.podIP or status.podIPs"
    )]
    UnknownField(String),
    /// There is no such resource.
    #[error(
        "resourceFieldRef {0:?} is not offered: use limits or requests, then .cpu, .memory or \
         .ephemeral-storage"
    )]
    UnknownResource(String),
    /// The divisor is no positive quantity.
    #[error("resourceFieldRef {0:?}: the divisor is no positive quantity")]
    BadDivisor(String),
    /// The container does not exist.
    #[error("resourceFieldRef names the container {0:?}, which the pod does not have")]
    UnknownContainer(String),
}

impl Facts<'_> {
    /// The value of a field. `metadata.labels` and `metadata.annotations` as a whole, which only
    /// volumes may ask for, come as lines `key="value"`.
    pub fn field(&self, selector: &ObjectFieldSelector) -> Result<String, Error> {
        let meta = &self.pod.metadata;
        let text = |text: &Option<String>| Ok(text.clone().unwrap_or_default());
        let spec = self.pod.spec.as_ref();
        match selector.field_path.as_str() {
            "metadata.name" => text(&meta.name),
            "metadata.namespace" => text(&meta.namespace),
            "metadata.uid" => text(&meta.uid),
            "metadata.labels" => Ok(lines(meta.labels.as_ref())),
            "metadata.annotations" => Ok(lines(meta.annotations.as_ref())),
            "spec.nodeName" => Ok(spec
                .and_then(|spec| spec.node_name.clone())
                .unwrap_or_default()),
            "spec.serviceAccountName" => {
                let account = spec.and_then(|spec| spec.service_account_name.clone());
                Ok(account.unwrap_or_else(|| "default".to_owned()))
            }
            "status.hostIP" | "status.hostIPs" => Ok(self.host.to_string()),
            "status.podIP" | "status.podIPs" => Ok(self.address.to_string()),
            path => {
                let (map, key) = entry(path).ok_or_else(|| Error::UnknownField(path.to_owned()))?;
                let map = match map {
                    Map::Labels => meta.labels.as_ref(),
                    Map::Annotations => meta.annotations.as_ref(),
                };
                Ok(map
                    .and_then(|map| map.get(key))
                    .cloned()
                    .unwrap_or_default())
            }
        }
    }

    /// A limit or request in units of the divisor, rounded up. Without a limit the node's capacity
    /// stands in.
    pub fn resource(
        &self,
        container: Option<&Container>,
        selector: &ResourceFieldSelector,
    ) -> Result<String, Error> {
        let unknown = || Error::UnknownResource(selector.resource.clone());
        let container = match &selector.container_name {
            None => container.ok_or_else(|| Error::UnknownContainer(String::new()))?,
            Some(name) => self
                .container(name)
                .ok_or_else(|| Error::UnknownContainer(name.clone()))?,
        };
        let (kind, name) = selector.resource.split_once('.').ok_or_else(unknown)?;
        let resources = container.resources.as_ref();
        let limits = resources.and_then(|resources| resources.limits.as_ref());
        let amounts = match kind {
            "limits" => limits,
            "requests" => resources.and_then(|resources| resources.requests.as_ref()),
            _ => return Err(unknown()),
        };
        let whole = match name {
            "cpu" => self.capacity.cpu_millis,
            "memory" => self.capacity.memory_bytes.saturating_mul(1_000),
            "ephemeral-storage" => self.capacity.storage_bytes.saturating_mul(1_000),
            _ => return Err(unknown()),
        };
        let given = amounts
            .and_then(|amounts| amounts.get(name))
            .and_then(quantity::millis);
        let millis = match kind {
            "limits" => given.unwrap_or(whole),
            _ => given.unwrap_or(0),
        };
        let divisor = match &selector.divisor {
            Some(divisor) if divisor.0 != "0" && !divisor.0.is_empty() => quantity::millis(divisor)
                .filter(|divisor| *divisor > 0)
                .ok_or_else(|| Error::BadDivisor(selector.resource.clone()))?,
            _ => 1_000,
        };
        Ok(millis.div_ceil(divisor).to_string())
    }

    fn container(&self, name: &str) -> Option<&Container> {
        let spec = self.pod.spec.as_ref()?;
        let all = spec
            .init_containers
            .iter()
            .flatten()
            .chain(&spec.containers);
        all.into_iter().find(|container| container.name == name)
    }
}

enum Map {
    Labels,
    Annotations,
}

/// Reads `metadata.labels['app']`.
fn entry(path: &str) -> Option<(Map, &str)> {
    let (map, rest) = match path.strip_prefix("metadata.labels[") {
        Some(rest) => (Map::Labels, rest),
        None => (
            Map::Annotations,
            path.strip_prefix("metadata.annotations[")?,
        ),
    };
    let key = rest.strip_suffix(']')?;
    let quoted = |mark: char| key.strip_prefix(mark)?.strip_suffix(mark);
    quoted('\'').or_else(|| quoted('"')).map(|key| (map, key))
}

fn lines(map: Option<&BTreeMap<String, String>>) -> String {
    let line = |(key, value): (&String, &String)| format!("{key}={value:?}");
    map.into_iter()
        .flatten()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use serde_json::json;

    use super::*;

    fn answer(path: &str) -> Result<String, Error> {
        let pod = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "labels": {"app": "web", "b": "x\"y"}},
            "spec": {"nodeName": "n1", "containers": [{"name": "app",
                "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "250m"}}}]},
        }))
        .unwrap();
        let capacity = Capacity {
            cpu_millis: 2_000,
            memory_bytes: 1 << 30,
            storage_bytes: 1 << 30,
            pods: 1,
        };
        let local = IpAddr::from(Ipv4Addr::LOCALHOST);
        let facts = Facts {
            pod: &pod,
            address: local,
            host: local,
            capacity: &capacity,
        };
        if path.starts_with("limits") || path.starts_with("requests") {
            let (resource, divisor) = path.split_once('/').unwrap_or((path, "0"));
            let selector = json!({"resource": resource, "divisor": divisor});
            let container = pod.spec.as_ref().map(|spec| &spec.containers[0]);
            return facts.resource(container, &serde_json::from_value(selector).unwrap());
        }
        facts.field(&ObjectFieldSelector {
            api_version: None,
            field_path: path.to_owned(),
        })
    }

    #[test]
    fn fields_are_answered() {
        assert_eq!(answer("metadata.name").unwrap(), "web");
        assert_eq!(answer("metadata.labels['app']").unwrap(), "web");
        assert_eq!(answer("metadata.labels['none']").unwrap(), "");
        assert_eq!(
            answer("metadata.labels").unwrap(),
            "app=\"web\"\nb=\"x\\\"y\""
        );
        assert_eq!(answer("spec.serviceAccountName").unwrap(), "default");
        assert_eq!(answer("status.podIP").unwrap(), "127.0.0.1");
        assert!(
            answer("status.phase")
                .unwrap_err()
                .to_string()
                .contains("status.podIP")
        );
    }

    #[test]
    fn resources_are_divided_and_rounded_up() {
        assert_eq!(answer("limits.memory").unwrap(), "67108864");
        assert_eq!(answer("limits.memory/1Mi").unwrap(), "64");
        assert_eq!(answer("requests.cpu").unwrap(), "1");
        assert_eq!(answer("requests.cpu/1m").unwrap(), "250");
        assert_eq!(answer("limits.cpu").unwrap(), "2");
        assert!(answer("limits.gpu").is_err());
    }
}
