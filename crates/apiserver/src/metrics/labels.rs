//! What tells one kind of request from another, as upstream's labels do.

use std::borrow::Cow;

use http::{HeaderMap, Method, header};

use super::Effect;
use super::page::label;
use crate::access::Asked;
use crate::registry::Registry;

/// Paths that are no objects and are told apart.
const PATHS: [&str; 12] = [
    "/api",
    "/apis",
    "/healthz",
    "/healthz/ping",
    "/livez",
    "/livez/ping",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
    "/readyz/ping",
    "/version",
];

/// The labels of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labels<'a> {
    verb: &'static str,
    dry_run: &'static str,
    group: Cow<'a, str>,
    version: Cow<'a, str>,
    resource: Cow<'a, str>,
    subresource: Cow<'a, str>,
    scope: &'static str,
}

impl<'a> Labels<'a> {
    pub(super) fn of(
        method: &Method,
        path: &'a str,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Self {
        let dry_run = match query {
            Some(query) if query.contains("dryRun=All") => "All",
            _ => "",
        };
        let asked = match Asked::of(method, path, query) {
            Asked::Object(asked) => asked,
            Asked::Path { .. } => return Self::of_path(method, path),
        };
        let scope = match (&*asked.name, &*asked.namespace, &*asked.verb) {
            (_, _, "create") => "resource",
            (name, ..) if !name.is_empty() => "resource",
            (_, namespace, _) if !namespace.is_empty() => "namespace",
            _ => "cluster",
        };
        let connects = matches!(
            &*asked.subresource,
            "exec" | "attach" | "portforward" | "proxy"
        );
        let verb = match &*asked.verb {
            _ if connects => "CONNECT",
            "list" => "LIST",
            "watch" => "WATCH",
            "deletecollection" => "DELETECOLLECTION",
            "patch" if applies(headers) => "APPLY",
            _ => method_name(method),
        };
        Self {
            verb,
            dry_run,
            group: asked.group,
            version: asked.version,
            resource: asked.resource,
            subresource: asked.subresource,
            scope,
        }
    }

    fn of_path(method: &Method, path: &'a str) -> Self {
        let known = PATHS.contains(&path);
        Self {
            verb: method_name(method),
            subresource: if known { path.into() } else { "".into() },
            ..Self::none()
        }
    }

    fn none() -> Self {
        Self {
            verb: "",
            dry_run: "",
            group: "".into(),
            version: "".into(),
            resource: "".into(),
            subresource: "".into(),
            scope: "",
        }
    }

    /// The labels of requests for what is not served.
    pub(super) fn unknown(&self) -> Labels<'static> {
        Labels {
            verb: self.verb,
            ..Labels::none()
        }
    }

    /// Whether they name nothing, or something that is there.
    pub(super) fn served(&self, registry: &Registry) -> bool {
        if self.resource.is_empty() {
            return true;
        }
        let kind = registry.find(&self.group, &self.version, &self.resource);
        kind.is_some_and(|(kind, version)| {
            self.subresource.is_empty()
                || self.subresource == "proxy"
                || kind.versions[version]
                    .subresource(&self.subresource)
                    .is_some()
        })
    }

    /// Whether the request may take as long as its client likes.
    pub(super) fn is_long(&self) -> bool {
        matches!(self.verb, "WATCH" | "CONNECT") || self.subresource == "log"
    }

    pub(super) fn effect(&self) -> Effect {
        match self.verb {
            "GET" | "HEAD" | "LIST" | "WATCH" => Effect::ReadOnly,
            _ => Effect::Mutating,
        }
    }

    /// As they are written, in order of their names.
    pub(super) fn text(&self) -> String {
        self.written(Some(self.dry_run))
    }

    /// As they are written where a dry run is not told apart.
    pub(super) fn text_without_dry_run(&self) -> String {
        self.written(None)
    }

    fn written(&self, dry_run: Option<&str>) -> String {
        let mut text = String::with_capacity(160);
        let dry_run = dry_run.map(|dry_run| ("dry_run", dry_run));
        let rest: [(&str, &str); 6] = [
            ("group", &self.group),
            ("resource", &self.resource),
            ("scope", self.scope),
            ("subresource", &self.subresource),
            ("verb", self.verb),
            ("version", &self.version),
        ];
        label(&mut text, "component", "apiserver");
        for (name, value) in dry_run.into_iter().chain(rest) {
            text.push(',');
            label(&mut text, name, value);
        }
        text
    }
}

fn applies(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE);
    media.is_some_and(|media| media.as_bytes().starts_with(b"application/apply-patch"))
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn requests_are_told_apart_as_upstream_does() {
        let mut table = String::new();
        let registry = Registry::built_in();
        for (method, path, query) in [
            ("GET", "/api/v1/pods", ""),
            ("GET", "/api/v1/namespaces/a/pods", "watch=1"),
            ("GET", "/api/v1/namespaces/a/pods/p", ""),
            ("POST", "/api/v1/namespaces/a/pods", "dryRun=All"),
            ("GET", "/api/v1/namespaces/a/pods/p/exec", "command=a"),
            ("GET", "/api/v1/namespaces/a/services/s/proxy/x/y", ""),
            ("DELETE", "/apis/apps/v1/namespaces/a/deployments", ""),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/a/deployments/d/status",
                "",
            ),
            ("GET", "/apis/of.no/v1/matters", ""),
            ("GET", "/api/v1/namespaces/a/pods/p/nothing", ""),
            ("BREW", "/api/v1/pods", ""),
            ("GET", "/healthz", ""),
            ("GET", "/anything", ""),
        ] {
            let query = (!query.is_empty()).then_some(query);
            let headers = HeaderMap::new();
            let mut labels = Labels::of(&method.parse().unwrap(), path, query, &headers);
            if !labels.served(&registry) {
                labels = labels.unknown();
            }
            let text = labels.text().replace("component=\"apiserver\",", "");
            let long = if labels.is_long() { " long" } else { "" };
            table += &format!("{text}{long} {:?}\n", labels.effect());
        }
        expect![[r#"
            dry_run="",group="",resource="pods",scope="cluster",subresource="",verb="LIST",version="v1" ReadOnly
            dry_run="",group="",resource="pods",scope="namespace",subresource="",verb="WATCH",version="v1" long ReadOnly
            dry_run="",group="",resource="pods",scope="resource",subresource="",verb="GET",version="v1" ReadOnly
            dry_run="All",group="",resource="pods",scope="resource",subresource="",verb="POST",version="v1" Mutating
            dry_run="",group="",resource="pods",scope="resource",subresource="exec",verb="CONNECT",version="v1" long Mutating
            dry_run="",group="",resource="services",scope="resource",subresource="proxy",verb="CONNECT",version="v1" long Mutating
            dry_run="",group="apps",resource="deployments",scope="namespace",subresource="",verb="DELETECOLLECTION",version="v1" Mutating
            dry_run="",group="apps",resource="deployments",scope="resource",subresource="status",verb="PATCH",version="v1" Mutating
            dry_run="",group="",resource="",scope="",subresource="",verb="LIST",version="" ReadOnly
            dry_run="",group="",resource="",scope="",subresource="",verb="GET",version="" ReadOnly
            dry_run="",group="",resource="pods",scope="cluster",subresource="",verb="other",version="v1" Mutating
            dry_run="",group="",resource="",scope="",subresource="/healthz",verb="GET",version="" ReadOnly
            dry_run="",group="",resource="",scope="",subresource="",verb="GET",version="" ReadOnly
        "#]].assert_eq(&table);
    }
}
