//! VirtualServices, compiled.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use seatrial_resources::istio::{HttpMatch, HttpRoute, StringMatch, VirtualService};

use super::Problem;
use super::condition::{Condition, Pattern};
use crate::host::HostPattern;
use crate::route::{Destination, Forward, Reason, Refusal, Split};
use crate::{PortChoice, ServiceName};

/// One VirtualService.
#[derive(Debug)]
pub(crate) struct VirtualRule {
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) host_names: Vec<String>,
    pub(crate) routes: Vec<VirtualRoute>,
    pub(crate) object: String,
}

/// One HTTP route of it: the conditions, and where matching requests go or why they cannot.
#[derive(Debug)]
pub(crate) struct VirtualRoute {
    conditions: Vec<Condition>,
    pub(crate) action: Result<Arc<Forward>, Arc<Refusal>>,
}

impl VirtualRoute {
    /// Whether any of the conditions holds; none at all matches everything.
    pub(crate) fn matches(&self, path: &str, method: &Method, headers: &HeaderMap) -> bool {
        self.conditions.is_empty()
            || self
                .conditions
                .iter()
                .any(|condition| condition.holds(path, method, headers))
    }
}

pub(super) fn virtual_rules(
    sources: &[Arc<VirtualService>],
    problems: &mut Vec<Problem>,
) -> Vec<VirtualRule> {
    let mut sources: Vec<&Arc<VirtualService>> = sources.iter().collect();
    // Where several apply to one host, the oldest comes first, as Istio merges them.
    sources.sort_by(|left, right| {
        let key = |source: &VirtualService| {
            let metadata = &source.metadata;
            (
                metadata.creation_timestamp.clone(),
                metadata.namespace.clone(),
                metadata.name.clone(),
            )
        };
        key(left).cmp(&key(right))
    });
    sources
        .into_iter()
        .map(|source| virtual_rule(source, problems))
        .collect()
}

fn virtual_rule(source: &VirtualService, problems: &mut Vec<Problem>) -> VirtualRule {
    let namespace = source.metadata.namespace.as_deref().unwrap_or_default();
    let name = source.metadata.name.as_deref().unwrap_or_default();
    let hosts: Vec<HostPattern> = source
        .spec
        .hosts
        .iter()
        .map(|host| HostPattern::parse(host, namespace))
        .collect();
    let host_names = hosts.iter().filter_map(host_name).collect();
    let compiler = Compiler {
        object: format!("VirtualService {namespace}/{name}"),
        namespace,
        name,
        hosts: &hosts,
    };
    let routes = source
        .spec
        .http
        .iter()
        .enumerate()
        .map(|(index, route)| compiler.route(index, route, problems))
        .collect();
    problems.extend(compiler.visibility(&source.spec.export_to));
    VirtualRule {
        object: compiler.object,
        hosts,
        host_names,
        routes,
    }
}

fn host_name(pattern: &HostPattern) -> Option<String> {
    match pattern {
        HostPattern::Any => None,
        HostPattern::Suffix(suffix) => Some(format!("*{suffix}")),
        HostPattern::Exact {
            literal,
            service: Some(service),
        } if !literal.contains('.') => Some(format!("{}.{}", service.name, service.namespace)),
        HostPattern::Exact { literal, .. } => Some(literal.clone()),
    }
}

struct Compiler<'a> {
    object: String,
    namespace: &'a str,
    name: &'a str,
    hosts: &'a [HostPattern],
}

impl Compiler<'_> {
    fn route(&self, index: usize, route: &HttpRoute, problems: &mut Vec<Problem>) -> VirtualRoute {
        let field = format!("spec.http[{index}]");
        let (conditions, broken) = match self.conditions(&field, &route.matches) {
            Ok(conditions) => (conditions, None),
            // A condition that cannot be read could have meant any request.
            Err(problem) => (Vec::new(), Some(problem)),
        };
        let forward = match broken {
            Some(problem) => Err((Reason::InvalidRoute, problem)),
            None => self.forward(index, &field, route),
        };
        let action = forward.map(Arc::new).map_err(|(reason, problem)| {
            let refusal = Refusal::new(reason, problem.to_string());
            problems.push(problem);
            Arc::new(refusal)
        });
        VirtualRoute { conditions, action }
    }

    fn problem(&self, field: String, message: impl Into<String>) -> Problem {
        Problem {
            kind: "VirtualService",
            namespace: self.namespace.to_owned(),
            name: self.name.to_owned(),
            field,
            message: message.into(),
        }
    }

    /// One gateway serves every namespace, so a route cannot be kept to some.
    fn visibility(&self, export_to: &[String]) -> Option<Problem> {
        let restricted = !export_to.is_empty() && export_to.iter().all(|entry| entry != "*");
        restricted.then(|| {
            self.problem(
                "spec.exportTo".to_owned(),
                "the gateway serves every namespace and routes by this all the same; leave exportTo out or write \"*\"",
            )
        })
    }

    fn conditions(&self, field: &str, matches: &[HttpMatch]) -> Result<Vec<Condition>, Problem> {
        let compile = |index: usize, part: &str, source: &StringMatch| {
            Pattern::compile(source)
                .map_err(|message| self.problem(format!("{field}.match[{index}].{part}"), message))
        };
        let condition = |(index, source): (usize, &HttpMatch)| {
            let headers = source.headers.iter().map(|(name, pattern)| {
                let name = name.to_ascii_lowercase();
                compile(index, &format!("headers.{name}"), pattern).map(|pattern| (name, pattern))
            });
            Ok(Condition {
                uri: source
                    .uri
                    .as_ref()
                    .map(|uri| compile(index, "uri", uri))
                    .transpose()?,
                method: source
                    .method
                    .as_ref()
                    .map(|m| compile(index, "method", m))
                    .transpose()?,
                headers: headers.collect::<Result<_, _>>()?,
            })
        };
        matches.iter().enumerate().map(condition).collect()
    }

    fn forward(
        &self,
        index: usize,
        field: &str,
        route: &HttpRoute,
    ) -> Result<Forward, (Reason, Problem)> {
        let invalid =
            |field: String, message: &str| (Reason::InvalidRoute, self.problem(field, message));
        let timeout = match route.timeout.as_deref() {
            None | Some("0s") => None,
            Some(text) => Some(duration(text).ok_or_else(|| {
                invalid(
                    format!("{field}.timeout"),
                    &format!("{text:?} is no duration such as 5s or 500ms"),
                )
            })?),
        };
        let mut destinations = Vec::new();
        for (position, weighted) in route.route.iter().enumerate() {
            let at = format!("{field}.route[{position}]");
            if let Some(subset) = &weighted.destination.subset {
                let message = format!(
                    "subset {subset:?} is not supported; give each version a Service of its own and split between the Services"
                );
                return Err((
                    Reason::SubsetUnsupported,
                    self.problem(format!("{at}.destination.subset"), message),
                ));
            }
            let weight = weighted
                .weight
                .unwrap_or(i32::from(route.route.len() == 1) * 100);
            let Ok(weight) = u32::try_from(weight) else {
                return Err(invalid(
                    format!("{at}.weight"),
                    "a weight cannot be negative",
                ));
            };
            let Some(service) = self.service(&weighted.destination.host) else {
                let message = format!(
                    "{:?} names no Service of this cluster; write service, or service.namespace.svc.cluster.local",
                    weighted.destination.host
                );
                return Err(invalid(format!("{at}.destination.host"), &message));
            };
            let port = weighted.destination.port.as_ref();
            let port = port.map_or(PortChoice::Usual, |port| PortChoice::Number(port.number));
            destinations.push(Destination {
                service,
                port,
                weight,
            });
        }
        if destinations
            .iter()
            .all(|destination| destination.weight == 0)
        {
            return Err(invalid(
                format!("{field}.route"),
                "no destination has a weight above zero",
            ));
        }
        let key = format!("{}/{}#{index}", self.namespace, self.name);
        Ok(Forward {
            service: self.asked(&destinations),
            route: route.name.as_deref().unwrap_or(self.name).into(),
            split: Split::new(key, destinations),
            timeout,
        })
    }

    /// The Service that requests are counted for: the one the VirtualService's host means. A host
    /// of the outside world means none, so there it is the first destination.
    fn asked(&self, destinations: &[Destination]) -> ServiceName {
        let named = self.hosts.iter().find_map(|host| match host {
            HostPattern::Exact { literal, service } if is_cluster_host(literal, destinations) => {
                service.clone()
            }
            _ => None,
        });
        named.unwrap_or_else(|| destinations[0].service.clone())
    }

    fn service(&self, host: &str) -> Option<ServiceName> {
        match HostPattern::parse(host, self.namespace) {
            HostPattern::Exact { service, .. } => service,
            HostPattern::Any | HostPattern::Suffix(_) => None,
        }
    }
}

/// `shop.example` has the form `service.namespace` too; it is one only if the namespace is one that
/// the route goes to.
fn is_cluster_host(literal: &str, destinations: &[Destination]) -> bool {
    match literal.split('.').collect::<Vec<_>>().as_slice() {
        [_, namespace] => destinations
            .iter()
            .any(|destination| &*destination.service.namespace == *namespace),
        _ => true,
    }
}

/// Reads a duration as Istio writes it: `1h`, `2m`, `5s`, `500ms`, and sums such as `1m30s`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let unit_length = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let seconds = match &after[..unit_length] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = &after[unit_length..];
    }
    (!text.is_empty()).then_some(total)
}
