//! Host names: what the `Host` header of a request may say.

use crate::ServiceName;

/// A host name in its comparable form: lower case, without port and trailing dot.
pub(crate) fn normalize(host: &str) -> String {
    let host = host.trim();
    let without_port = if let Some(rest) = host.strip_prefix('[') {
        rest.split_once(']').map_or(rest, |(address, _)| address)
    } else {
        match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        }
    };
    without_port.trim_end_matches('.').to_ascii_lowercase()
}

/// The Service that a normalized host name means, if it has one of the forms `service.namespace`,
/// `service.namespace.svc`, `service.namespace.svc.cluster.local` and `service.namespace.localhost`.
/// Whether that Service exists is another question.
pub(crate) fn service(host: &str) -> Option<ServiceName> {
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [name, namespace]
        | [name, namespace, "svc" | "localhost"]
        | [name, namespace, "svc", "cluster", "local"]
        | [name, namespace, "svc", "localhost"]
            if !name.is_empty() && !namespace.is_empty() && *namespace != "localhost" =>
        {
            Some(ServiceName::new(*namespace, *name))
        }
        _ => None,
    }
}

/// A host that a rule applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostPattern {
    /// Every host.
    Any,
    /// This host, and this Service by whichever of its names.
    Exact {
        /// The host as written, normalized.
        literal: String,
        /// The Service it means, if it can mean one.
        service: Option<ServiceName>,
    },
    /// Every host that ends so; the suffix keeps its leading dot.
    Suffix(String),
}

impl HostPattern {
    /// Reads a host of a rule that lives in `namespace`; a short name means a Service there.
    pub(crate) fn parse(host: &str, namespace: &str) -> Self {
        let literal = normalize(host);
        if literal == "*" || literal.is_empty() {
            return Self::Any;
        }
        if let Some(suffix) = literal.strip_prefix('*') {
            return Self::Suffix(suffix.to_owned());
        }
        let service = if literal.contains('.') {
            service(&literal)
        } else {
            Some(ServiceName::new(namespace, literal.as_str()))
        };
        Self::Exact { literal, service }
    }

    /// How well this matches: 0 not at all, higher is more specific.
    pub(crate) fn rank(&self, host: &str, asked: Option<&ServiceName>) -> usize {
        match self {
            Self::Any => 1,
            Self::Suffix(suffix)
                if host.len() > suffix.len() && host.ends_with(suffix.as_str()) =>
            {
                1 + suffix.len()
            }
            Self::Exact { literal, .. } if literal == host => usize::MAX,
            Self::Exact {
                service: Some(service),
                ..
            } if Some(service) == asked => usize::MAX,
            Self::Suffix(_) | Self::Exact { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_port_case_and_final_dot() {
        assert_eq!(normalize("Shop.Production:8080"), "shop.production");
        assert_eq!(normalize("shop.production."), "shop.production");
        assert_eq!(normalize("[::1]:8080"), "::1");
    }

    #[test]
    fn every_form_of_a_service_name_is_understood() {
        for host in [
            "shop.production",
            "shop.production.svc",
            "shop.production.svc.cluster.local",
            "shop.production.localhost",
        ] {
            assert_eq!(
                service(host),
                Some(ServiceName::new("production", "shop")),
                "{host}"
            );
        }
        for host in ["shop", "a.b.c.d", "shop.localhost", ".x", "127.0.0.1"] {
            assert_eq!(service(host), None, "{host}");
        }
    }

    #[test]
    fn wildcards_match_subdomains_only() {
        let pattern = HostPattern::parse("*.example.com", "x");
        assert!(pattern.rank("shop.example.com", None) > 0);
        assert_eq!(pattern.rank("example.com", None), 0);
    }

    #[test]
    fn a_short_name_means_the_service_of_the_rules_namespace() {
        let pattern = HostPattern::parse("shop", "production");
        let asked = ServiceName::new("production", "shop");
        assert!(pattern.rank("shop.production.localhost", Some(&asked)) > 0);
    }
}
