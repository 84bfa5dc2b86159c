//! What a request asks for, in the terms of roles: upstream's `RequestInfo`.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::failure::{Failure, Reason};
use crate::identity::Identity;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked<'a> {
    /// Something about objects.
    Object(Attributes<'a>),
    /// Something else: a verb (a method in small letters) and a path.
    Path {
        /// The verb.
        verb: Cow<'a, str>,
        /// The path.
        path: Cow<'a, str>,
    },
}

/// Something that is to be done with objects. Texts are empty where they say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes<'a> {
    /// Such as `list`.
    pub(crate) verb: Cow<'a, str>,
    /// The API group.
    pub(crate) group: Cow<'a, str>,
    /// The version.
    pub(crate) version: Cow<'a, str>,
    /// The plural name of the kind.
    pub(crate) resource: Cow<'a, str>,
    /// The part of the object.
    pub(crate) subresource: Cow<'a, str>,
    /// The namespace.
    pub(crate) namespace: Cow<'a, str>,
    /// The object.
    pub(crate) name: Cow<'a, str>,
}

impl<'a> Asked<'a> {
    /// What a request asks for, by its method, path and query.
    pub(crate) fn of(method: &Method, path: &'a str, query: Option<&str>) -> Self {
        let mut steps = steps(path);
        let root = steps.next();
        let group = match root.as_deref() {
            Some("api") => Some(Cow::Borrowed("")),
            Some("apis") => steps.next(),
            _ => None,
        };
        let (Some(group), Some(version), Some(first)) = (group, steps.next(), steps.next()) else {
            return Self::path(method, path);
        };
        let mut rest = steps;
        let mut namespace = Cow::Borrowed("");
        let (mut resource, mut name, mut subresource) = (first, rest.next(), rest.next());
        if resource == "namespaces"
            && let Some(inside) = name.clone()
        {
            namespace = inside;
            // `namespaces/x/status` is a part of the namespace; anything else is in it.
            if let Some(plural) = subresource.clone()
                && !matches!(&*plural, "status" | "finalize")
            {
                (resource, name, subresource) = (plural, rest.next(), rest.next());
            }
        }
        let verb = verb(method, name.is_some(), query);
        if name.is_none() && matches!(verb, "list" | "watch" | "deletecollection") {
            name = selected_name(query).map(Cow::Owned);
        }
        Self::Object(Attributes {
            verb: verb.into(),
            group,
            version,
            resource,
            subresource: subresource.unwrap_or_default(),
            namespace,
            name: name.unwrap_or_default(),
        })
    }

    fn path(method: &Method, path: &'a str) -> Self {
        let verb = match *method {
            Method::GET => Cow::Borrowed("get"),
            _ => Cow::Owned(method.as_str().to_ascii_lowercase()),
        };
        Self::Path {
            verb,
            path: path.into(),
        }
    }

    /// The verb.
    pub(crate) fn verb(&self) -> &str {
        match self {
            Self::Object(attributes) => &attributes.verb,
            Self::Path { verb, .. } => verb,
        }
    }

    /// The refusal, in upstream's words.
    pub(crate) fn forbidden(&self, identity: &Identity, reason: &str) -> Failure {
        let mut text = self.sentence(&identity.user);
        if !reason.is_empty() {
            text = format!("{text}: {reason}");
        }
        let Self::Object(asked) = self else {
            return Failure::new(Reason::Forbidden, format!("forbidden: {text}"));
        };
        let qualified = crate::registry::qualified(&asked.resource, &asked.group);
        let message = match &*asked.name {
            "" => format!("{qualified} is forbidden: {text}"),
            name => format!("{qualified} {name:?} is forbidden: {text}"),
        };
        let mut failure = Failure::new(Reason::Forbidden, message);
        asked.name.as_ref().clone_into(&mut failure.details.name);
        asked.group.as_ref().clone_into(&mut failure.details.group);
        asked
            .resource
            .as_ref()
            .clone_into(&mut failure.details.kind);
        failure
    }

    fn sentence(&self, user: &str) -> String {
        match self {
            Self::Path { verb, path } => format!("User {user:?} cannot {verb} path {path:?}"),
            Self::Object(asked) => {
                let resource = match &*asked.subresource {
                    "" => asked.resource.to_string(),
                    part => format!("{}/{part}", asked.resource),
                };
                let scope = match &*asked.namespace {
                    "" => "at the cluster scope".to_owned(),
                    namespace => format!("in the namespace {namespace:?}"),
                };
                format!(
                    "User {user:?} cannot {} resource {resource:?} in API group {:?} {scope}",
                    asked.verb, asked.group
                )
            }
        }
    }
}

/// The steps of a path, decoded. What is asked for and what is done must be read from the same steps: an
/// empty one is a step too, lest `namespaces//secrets` be asked for as a namespace.
pub(crate) fn steps(path: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let steps = path.trim_matches('/').split('/');
    steps.map(|step| percent_decode_str(step).decode_utf8_lossy())
}

fn verb(method: &Method, named: bool, query: Option<&str>) -> &'static str {
    match (method.as_str(), named) {
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        ("GET" | "HEAD", true) => "get",
        ("GET" | "HEAD", false) if watches(query) => "watch",
        ("GET" | "HEAD", false) => "list",
        _ => "",
    }
}

/// Whether a request for a collection is one for a watch: read as it is read when it is done.
fn watches(query: Option<&str>) -> bool {
    // Names may be written in percents; most queries have neither them nor the word.
    let may = |query: &&str| query.contains("watch") || query.contains('%');
    query.filter(may).is_some_and(|query| {
        let wanted = crate::state::query(Some(query)).remove("watch");
        wanted.is_some_and(|text| crate::call::is_true(&text))
    })
}

/// The one name that a field selector allows: a list of it asks for this object alone.
fn selected_name(query: Option<&str>) -> Option<String> {
    let selector = crate::state::query(query).remove("fieldSelector")?;
    selector.split(',').find_map(|term| {
        let value = term.strip_prefix("metadata.name=")?;
        Some(value.strip_prefix('=').unwrap_or(value).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn requests_are_read_as_upstream_reads_them() {
        let identity = Identity::user("x", &[]);
        let mut table = String::new();
        for (method, path, query) in [
            ("GET", "/api/v1/namespaces/default/pods", ""),
            ("GET", "/api/v1/pods", "watch=true"),
            (
                "GET",
                "/api/v1/namespaces/a/secrets",
                "fieldSelector=metadata.name%3Ds&watch=1",
            ),
            ("GET", "/api/v1/namespaces/a", ""),
            ("PUT", "/api/v1/namespaces/a/finalize", ""),
            ("POST", "/api/v1/namespaces/a/pods/p/eviction", ""),
            ("DELETE", "/apis/apps/v1/namespaces/a/deployments", ""),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/a/deployments/d/status",
                "",
            ),
            ("GET", "/api/v1/nodes/n/proxy/metrics", ""),
            ("GET", "/apis/apps/v1", ""),
            ("GET", "/metrics", ""),
        ] {
            let query = (!query.is_empty()).then_some(query);
            let asked = Asked::of(&method.parse().unwrap(), path, query);
            table += &format!("{}\n", asked.forbidden(&identity, "").message);
        }
        expect![[r#"
            pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"
            pods is forbidden: User "x" cannot watch resource "pods" in API group "" at the cluster scope
            secrets "s" is forbidden: User "x" cannot watch resource "secrets" in API group "" in the namespace "a"
            namespaces "a" is forbidden: User "x" cannot get resource "namespaces" in API group "" in the namespace "a"
            namespaces "a" is forbidden: User "x" cannot update resource "namespaces/finalize" in API group "" in the namespace "a"
            pods "p" is forbidden: User "x" cannot create resource "pods/eviction" in API group "" in the namespace "a"
            deployments.apps is forbidden: User "x" cannot deletecollection resource "deployments" in API group "apps" in the namespace "a"
            deployments.apps "d" is forbidden: User "x" cannot patch resource "deployments/status" in API group "apps" in the namespace "a"
            nodes "n" is forbidden: User "x" cannot get resource "nodes/proxy" in API group "" at the cluster scope
            forbidden: User "x" cannot get path "/apis/apps/v1"
            forbidden: User "x" cannot get path "/metrics"
        "#]]
        .assert_eq(&table);
    }
}
