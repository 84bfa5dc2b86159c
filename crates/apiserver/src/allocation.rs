//! Cluster addresses and node ports of services: handed out lowest first, so that the same order of
//! creation gives the same addresses.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

use seatrial_store::{Page, Store};
use serde_json::Value;

use crate::object::Object;

/// The first address of the service network, which is `10.96.0.0/16`.
const FIRST: u32 = u32::from_be_bytes([10, 96, 0, 1]);
/// The last one that may be handed out.
const LAST: u32 = u32::from_be_bytes([10, 96, 255, 254]);
/// The service network as upstream's messages write it.
pub(crate) const NETWORK: &str = "10.96.0.0/16";
/// The ports that a service of type `NodePort` may have.
const PORTS: std::ops::RangeInclusive<u16> = 30000..=32767;

/// What is in use.
#[derive(Debug, Default)]
struct Used {
    addresses: BTreeSet<u32>,
    ports: BTreeSet<u16>,
}

/// The allocator. It reads the services that exist when it is first asked.
#[derive(Debug, Default)]
pub struct Allocation(Mutex<Option<Used>>);

/// Why nothing could be allocated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Somebody else has it.
    #[error("provided {0} is already allocated")]
    Taken(&'static str),
    /// It is no address of the service network, or no node port.
    #[error("{0}")]
    OutOfRange(String),
    /// All are in use.
    #[error("no free {0} is left")]
    Exhausted(&'static str),
}

impl Allocation {
    fn with<T>(&self, store: &Store, act: impl FnOnce(&mut Used) -> T) -> T {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(used.get_or_insert_with(|| existing(store)))
    }

    /// Takes the address that was asked for, or the lowest free one.
    ///
    /// # Errors
    /// Where it is taken, out of range, or none is left.
    pub fn address(&self, store: &Store, asked: Option<&str>) -> Result<String, Error> {
        self.with(store, |used| {
            let number = match asked {
                Some(text) => {
                    let number = number(text).filter(|number| (FIRST..=LAST).contains(number));
                    let outside = || {
                        format!(
                            "failed to allocate IP {text}: the provided network does not match \
                             the current range: provided IP is not in the valid range. \
                             The range of valid IPs is {NETWORK}"
                        )
                    };
                    number.ok_or_else(|| Error::OutOfRange(outside()))?
                }
                None => (FIRST..=LAST)
                    .find(|number| !used.addresses.contains(number))
                    .ok_or(Error::Exhausted("cluster IP"))?,
            };
            if !used.addresses.insert(number) {
                return Err(Error::Taken("IP"));
            }
            Ok(Ipv4Addr::from(number).to_string())
        })
    }

    /// Takes the port that was asked for, or the lowest free one.
    ///
    /// # Errors
    /// Where it is taken, out of range, or none is left.
    pub fn port(&self, store: &Store, asked: Option<u16>) -> Result<u16, Error> {
        self.with(store, |used| {
            let port = match asked {
                Some(port) if !PORTS.contains(&port) => {
                    let message = "provided port is not in the valid range. The range of valid \
                                   ports is 30000-32767";
                    return Err(Error::OutOfRange(message.to_owned()));
                }
                Some(port) => port,
                None => PORTS
                    .into_iter()
                    .find(|port| !used.ports.contains(port))
                    .ok_or(Error::Exhausted("node port"))?,
            };
            if used.ports.insert(port) {
                Ok(port)
            } else {
                Err(Error::Taken("port"))
            }
        })
    }

    /// Gives back what `before` has and takes what `after` has, as one step.
    pub(crate) fn exchange(&self, store: &Store, before: Option<&Object>, after: Option<&Object>) {
        self.with(store, |used| {
            if let Some(before) = before {
                for address in addresses(before) {
                    used.addresses.remove(&address);
                }
                for port in ports(before) {
                    used.ports.remove(&port);
                }
            }
            if let Some(after) = after {
                used.addresses.extend(addresses(after));
                used.ports.extend(ports(after));
            }
        });
    }
}

fn existing(store: &Store) -> Used {
    let mut used = Used::default();
    // The newest state is never compacted, so this cannot fail.
    let services = store
        .list("services", &Page::default())
        .map(|listing| listing.records);
    for record in services.unwrap_or_default() {
        if let Ok(service) = Object::decode(&record.bytes) {
            used.addresses.extend(addresses(&service));
            used.ports.extend(ports(&service));
        }
    }
    used
}

fn number(text: &str) -> Option<u32> {
    text.parse::<Ipv4Addr>().ok().map(u32::from)
}

fn addresses(service: &Object) -> Vec<u32> {
    number(service.text(&["spec", "clusterIP"]))
        .into_iter()
        .collect()
}

fn ports(service: &Object) -> Vec<u16> {
    let ports = service.at(&["spec", "ports"]).and_then(Value::as_array);
    let health = service.at(&["spec", "healthCheckNodePort"]);
    ports
        .into_iter()
        .flatten()
        .filter_map(|port| port.get("nodePort"))
        .chain(health)
        .filter_map(|port| port.as_u64()?.try_into().ok())
        .filter(|&port: &u16| port != 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_given_lowest_first_and_only_once() {
        let (store, allocation) = (Store::memory(), Allocation::default());
        let take = |asked| allocation.address(&store, asked);
        assert_eq!(take(None).unwrap(), "10.96.0.1");
        assert_eq!(take(Some("10.96.0.2")).unwrap(), "10.96.0.2");
        assert_eq!(take(None).unwrap(), "10.96.0.3");
        assert_eq!(take(Some("10.96.0.3")), Err(Error::Taken("IP")));
        assert!(matches!(take(Some("10.0.0.1")), Err(Error::OutOfRange(_))));
        let Value::Object(service) = serde_json::json!({"spec": {"clusterIP": "10.96.0.2"}}) else {
            unreachable!("a literal object");
        };
        allocation.exchange(&store, Some(&Object(service)), None);
        assert_eq!(take(None).unwrap(), "10.96.0.2");
    }
}
