//! `audit.k8s.io/v1` Policy: which requests are written down, and how much of them.

use serde::Deserialize;

use crate::access::Asked;
use crate::identity::Identity;

/// A policy could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no policy.
    #[error("cannot read the audit policy: {0}")]
    Read(String),
    /// It is of another kind.
    #[error("the audit policy must be of apiVersion audit.k8s.io/v1 and kind Policy, not {0}")]
    Kind(String),
}

/// How much is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) enum Level {
    /// Nothing.
    None,
    /// Who, what, when.
    Metadata,
    /// And the body of the request.
    Request,
    /// And the body of the response.
    RequestResponse,
}

/// When an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Stage {
    /// As soon as the request has come.
    RequestReceived,
    /// When a long reply begins.
    ResponseStarted,
    /// When the reply is complete.
    ResponseComplete,
    /// When the server failed badly.
    Panic,
}

/// A policy: the first rule that fits a request decides.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default, rename = "metadata")]
    _metadata: serde_json::Value,
    #[serde(default)]
    omit_stages: Vec<Stage>,
    #[serde(default)]
    omit_managed_fields: bool,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    level: Level,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    user_groups: Vec<String>,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    resources: Vec<Resources>,
    #[serde(default)]
    namespaces: Vec<String>,
    #[serde(default, rename = "nonResourceURLs")]
    paths: Vec<String>,
    #[serde(default)]
    omit_stages: Vec<Stage>,
    #[serde(default)]
    omit_managed_fields: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Resources {
    #[serde(default)]
    group: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
}

/// What the policy says about one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) level: Level,
    pub(crate) omitted: Vec<Stage>,
    pub(crate) omit_managed_fields: bool,
}

impl Policy {
    /// Reads a policy, YAML or JSON.
    ///
    /// # Errors
    /// Where the text is none.
    pub fn read(text: &str) -> Result<Self, Error> {
        let policy: Self =
            serde_saphyr::from_str(text).map_err(|error| Error::Read(error.to_string()))?;
        if (policy.api_version.as_str(), policy.kind.as_str()) != ("audit.k8s.io/v1", "Policy") {
            return Err(Error::Kind(format!(
                "{:?} and {:?}",
                policy.api_version, policy.kind
            )));
        }
        if policy.rules.is_empty() {
            return Err(Error::Read("it has no rules".to_owned()));
        }
        Ok(policy)
    }

    /// Who did what and when, of everything but reads of health and events: what is written where
    /// nobody wrote a policy.
    pub fn metadata() -> Self {
        let quiet = |paths: &[&str]| Rule {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
            ..Rule::of(Level::None)
        };
        Self {
            api_version: "audit.k8s.io/v1".to_owned(),
            kind: "Policy".to_owned(),
            _metadata: serde_json::Value::Null,
            omit_stages: vec![Stage::RequestReceived],
            omit_managed_fields: true,
            rules: vec![
                quiet(&["/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*"]),
                Rule::of(Level::Metadata),
            ],
        }
    }

    pub(crate) fn verdict(&self, identity: &Identity, asked: &Asked<'_>) -> Verdict {
        let rule = self.rules.iter().find(|rule| rule.fits(identity, asked));
        let Some(rule) = rule else {
            return Verdict {
                level: Level::None,
                omitted: Vec::new(),
                omit_managed_fields: false,
            };
        };
        Verdict {
            level: rule.level,
            omitted: [self.omit_stages.as_slice(), &rule.omit_stages].concat(),
            omit_managed_fields: rule.omit_managed_fields.unwrap_or(self.omit_managed_fields),
        }
    }
}

fn names(list: &[String], wanted: &str) -> bool {
    list.is_empty() || list.iter().any(|one| one == wanted)
}

impl Rule {
    fn of(level: Level) -> Self {
        Self {
            level,
            users: Vec::new(),
            user_groups: Vec::new(),
            verbs: Vec::new(),
            resources: Vec::new(),
            namespaces: Vec::new(),
            paths: Vec::new(),
            omit_stages: Vec::new(),
            omit_managed_fields: None,
        }
    }

    fn fits(&self, identity: &Identity, asked: &Asked<'_>) -> bool {
        let group = self.user_groups.is_empty()
            || self.user_groups.iter().any(|group| identity.is_in(group));
        if !group || !names(&self.users, &identity.user) || !names(&self.verbs, asked.verb()) {
            return false;
        }
        let about_objects = !self.namespaces.is_empty() || !self.resources.is_empty();
        match asked {
            Asked::Object(asked) => {
                let here = names(&self.namespaces, &asked.namespace);
                let resource =
                    self.resources.is_empty() || self.resources.iter().any(|one| one.fits(asked));
                (about_objects || self.paths.is_empty()) && here && resource
            }
            Asked::Path { path, .. } => {
                let listed = self.paths.iter().any(|one| match one.strip_suffix('*') {
                    Some(beginning) => path.starts_with(beginning),
                    None => one == path,
                });
                listed || (!about_objects && self.paths.is_empty())
            }
        }
    }
}

impl Resources {
    fn fits(&self, asked: &crate::access::Attributes<'_>) -> bool {
        let (whole, part) = (&*asked.resource, &*asked.subresource);
        let resource = self.resources.is_empty()
            || self.resources.iter().any(|one| match one.split_once('/') {
                _ if one == "*" => true,
                None => part.is_empty() && one == whole,
                Some(("*", own)) => own == part,
                Some((own, "*")) => own == whole,
                Some((own, rest)) => own == whole && rest == part,
            });
        self.group == asked.group && resource && names(&self.resource_names, &asked.name)
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn the_first_rule_that_fits_decides() {
        let policy = Policy::read(
            "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n\
             - level: None\n  users: [probe]\n\
             - level: Metadata\n  resources: [{group: '', resources: [secrets, pods/log]}]\n\
             - level: RequestResponse\n  verbs: [create]\n  namespaces: [a]\n\
             - level: None\n  nonResourceURLs: ['/healthz*']\n\
             - level: Request\n  omitStages: [ResponseStarted]\n",
        )
        .unwrap();
        let level = |user: &str, method: &Method, path: &str| {
            let identity = Identity::user(user, &[]);
            policy
                .verdict(&identity, &Asked::of(method, path, None))
                .level
        };
        let secrets = "/api/v1/namespaces/a/secrets";
        assert_eq!(level("probe", &Method::GET, secrets), Level::None);
        assert_eq!(level("x", &Method::POST, secrets), Level::Metadata);
        assert_eq!(
            level("x", &Method::GET, "/api/v1/namespaces/a/pods/p/log"),
            Level::Metadata
        );
        assert_eq!(
            level("x", &Method::POST, "/api/v1/namespaces/a/pods"),
            Level::RequestResponse
        );
        assert_eq!(
            level("x", &Method::POST, "/api/v1/namespaces/b/pods"),
            Level::Request
        );
        assert_eq!(level("x", &Method::GET, "/healthz/ping"), Level::None);
        assert_eq!(level("x", &Method::GET, "/metrics"), Level::Request);
    }

    #[test]
    fn what_is_no_policy_is_named() {
        for (text, expected) in [
            (
                "kind: Policy\nrules: [{level: None}]",
                "must be of apiVersion",
            ),
            (
                "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: All}]",
                "cannot read",
            ),
            (
                "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []",
                "it has no rules",
            ),
            (
                "apiVersion: audit.k8s.io/v1\nkind: Policy\nrule: []",
                "cannot read",
            ),
        ] {
            let message = Policy::read(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
