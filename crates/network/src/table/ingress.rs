//! Ingress rules, compiled.

use std::sync::Arc;

use k8s_openapi::api::networking::v1::{HTTPIngressPath, Ingress, IngressBackend};

use super::Problem;
use crate::host::HostPattern;
use crate::route::{Destination, Forward, Split};
use crate::{PortChoice, ServiceName};

/// One path of one Ingress.
#[derive(Debug)]
pub(crate) struct IngressRule {
    pub(crate) host: HostPattern,
    pub(crate) host_name: String,
    path: PathRule,
    pub(crate) forward: Arc<Forward>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathRule {
    Exact(String),
    /// Element by element: `/shop` matches `/shop/cart` and not `/shopping`.
    Prefix(String),
}

impl IngressRule {
    /// How well the path matches: nothing, or higher for the more specific.
    pub(crate) fn path_rank(&self, path: &str) -> Option<usize> {
        match &self.path {
            PathRule::Exact(exact) => (exact == path).then_some(usize::MAX),
            PathRule::Prefix(prefix) => {
                let rest = path.strip_prefix(prefix.as_str())?;
                (rest.is_empty() || rest.starts_with('/')).then_some(prefix.len() + 1)
            }
        }
    }
}

pub(super) fn ingress_rules(
    ingresses: &[Arc<Ingress>],
    problems: &mut Vec<Problem>,
) -> Vec<IngressRule> {
    let mut rules = Vec::new();
    for ingress in ingresses {
        let namespace = ingress.metadata.namespace.as_deref().unwrap_or_default();
        let name = ingress.metadata.name.as_deref().unwrap_or_default();
        let Some(spec) = &ingress.spec else { continue };
        let mut add = |host: &str, path: PathRule, backend: &IngressBackend, field: String| {
            let Some(forward) = forward(namespace, name, backend) else {
                let message = "only a backend that is a Service is supported".to_owned();
                problems.push(Problem {
                    kind: "Ingress",
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    field,
                    message,
                });
                return;
            };
            rules.push(IngressRule {
                host: HostPattern::parse(if host.is_empty() { "*" } else { host }, "."),
                host_name: if host.is_empty() {
                    "*".to_owned()
                } else {
                    host.to_owned()
                },
                path,
                forward: Arc::new(forward),
            });
        };
        for (index, rule) in spec.rules.iter().flatten().enumerate() {
            let host = rule.host.as_deref().unwrap_or_default();
            let paths = rule.http.iter().flat_map(|http| &http.paths);
            for (position, path) in paths.enumerate() {
                let field = format!("spec.rules[{index}].http.paths[{position}].backend");
                add(host, path_rule(path), &path.backend, field);
            }
        }
        if let Some(backend) = &spec.default_backend {
            add(
                "",
                PathRule::Prefix(String::new()),
                backend,
                "spec.defaultBackend".to_owned(),
            );
        }
    }
    rules
}

fn path_rule(path: &HTTPIngressPath) -> PathRule {
    let text = path.path.as_deref().unwrap_or("/");
    if path.path_type == "Exact" {
        PathRule::Exact(text.to_owned())
    } else {
        PathRule::Prefix(text.trim_end_matches('/').to_owned())
    }
}

fn forward(namespace: &str, ingress: &str, backend: &IngressBackend) -> Option<Forward> {
    let target = backend.service.as_ref()?;
    let service = ServiceName::new(namespace, target.name.as_str());
    let port = target.port.clone().unwrap_or_default();
    let port = match (port.number, port.name) {
        (Some(number), _) => PortChoice::Number(number as u16),
        (None, Some(name)) => PortChoice::Name(name.into()),
        (None, None) => PortChoice::Usual,
    };
    let key = format!("ingress:{namespace}/{ingress}");
    let destination = Destination {
        service: service.clone(),
        port,
        weight: 100,
    };
    Some(Forward {
        service,
        route: ingress.into(),
        split: Split::new(key, vec![destination]),
        timeout: None,
    })
}
