//! What holds where namespaces say nothing, and who is exempt: upstream's `PodSecurityConfiguration`, alone or within an
//! `AdmissionConfiguration`.

use serde::Deserialize;
use serde_json::Value;

use super::level::{Level, Policy, Standard, parse_level, parse_version};
use crate::name::NameRule;

/// A configuration could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is none.
    #[error("cannot read the configuration of Pod Security: {0}")]
    Read(String),
    /// It is of another kind.
    #[error(
        "the configuration of admission must be an AdmissionConfiguration of apiserver.config.k8s.io/v1 or a \
         PodSecurityConfiguration of pod-security.admission.config.k8s.io/v1, not {0}"
    )]
    Kind(String),
    /// It configures what is not configured here.
    #[error(
        "the admission plugin {0:?} cannot be configured here; only PodSecurity can, by its `configuration`"
    )]
    Plugin(String),
    /// Its values are wrong.
    #[error("the configuration of Pod Security is invalid: {0}")]
    Invalid(String),
}

/// Defaults and exemptions of Pod Security.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    pub(super) defaults: Policy,
    exemptions: Exemptions,
}

/// Who and what is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Exemptions {
    usernames: Vec<String>,
    namespaces: Vec<String>,
    runtime_classes: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Defaults {
    enforce: Option<String>,
    enforce_version: Option<String>,
    audit: Option<String>,
    audit_version: Option<String>,
    warn: Option<String>,
    warn_version: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Own {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    exemptions: Exemptions,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Whole {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(default)]
    plugins: Vec<Plugin>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Plugin {
    name: String,
    #[serde(default)]
    path: String,
    configuration: Option<Value>,
}

/// Why something is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exemption {
    Namespace,
    User,
    RuntimeClass,
}

impl Exemption {
    /// As audit events call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::User => "user",
            Self::RuntimeClass => "runtimeClass",
        }
    }
}

impl Configuration {
    /// Reads YAML or JSON.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, Error> {
        let value: Value =
            serde_saphyr::from_str(text).map_err(|error| Error::Read(error.to_string()))?;
        let word = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
        match (word("apiVersion"), word("kind")) {
            ("apiserver.config.k8s.io/v1", "AdmissionConfiguration") => {}
            ("pod-security.admission.config.k8s.io/v1", "PodSecurityConfiguration") => {
                return Self::own(value);
            }
            (version, kind) => return Err(Error::Kind(format!("{version:?} and {kind:?}"))),
        }
        let whole: Whole = read(value)?;
        let mut configuration = Self::default();
        for plugin in whole.plugins {
            match (plugin.name.as_str(), plugin.configuration) {
                ("PodSecurity", Some(own)) if plugin.path.is_empty() => {
                    configuration = Self::own(own)?;
                }
                _ => return Err(Error::Plugin(plugin.name)),
            }
        }
        Ok(configuration)
    }

    fn own(value: Value) -> Result<Self, Error> {
        let Own {
            defaults,
            exemptions,
            ..
        } = read(value)?;
        let mut wrong = Vec::new();
        let mut standard = |mode: &str, level: Option<String>, version: Option<String>| {
            let level = level.unwrap_or_else(|| "privileged".to_owned());
            let version = version.unwrap_or_else(|| "latest".to_owned());
            let field = |part: &str, problem: &str, value: &str| {
                format!("defaults.{mode}{part}: Invalid value: {value:?}: {problem}")
            };
            let level =
                parse_level(&level).map_err(|problem| wrong.push(field("", problem, &level)));
            let version = parse_version(&version)
                .map_err(|problem| wrong.push(field("-version", problem, &version)));
            Standard {
                level: level.unwrap_or(Level::Restricted),
                version: version.unwrap_or(None),
            }
        };
        let defaults = Policy {
            enforce: standard("enforce", defaults.enforce, defaults.enforce_version),
            warn: standard("warn", defaults.warn, defaults.warn_version),
            audit: standard("audit", defaults.audit, defaults.audit_version),
        };
        wrong.extend(exemptions.problems());
        if wrong.is_empty() {
            return Ok(Self {
                defaults,
                exemptions,
            });
        }
        Err(Error::Invalid(super::level::aggregate(&wrong)))
    }

    /// Whether a namespace that says nothing is privileged.
    pub(super) fn is_privileged(&self) -> bool {
        let Policy {
            enforce,
            audit,
            warn,
        } = &self.defaults;
        [enforce, audit, warn]
            .iter()
            .all(|standard| standard.level == Level::Privileged)
    }

    pub(super) fn exempts_namespace(&self, namespace: &str) -> bool {
        contains(&self.exemptions.namespaces, namespace)
    }

    /// Whether what `user` does in `namespace` is not looked at, and why.
    pub(super) fn exempts(&self, namespace: &str, user: &str) -> Option<Exemption> {
        if self.exempts_namespace(namespace) {
            return Some(Exemption::Namespace);
        }
        contains(&self.exemptions.usernames, user).then_some(Exemption::User)
    }

    /// Whether a pod is not looked at because of its runtime class.
    pub(super) fn exempts_pod(&self, pod: &Value) -> bool {
        let class = pod
            .pointer("/spec/runtimeClassName")
            .and_then(Value::as_str);
        class.is_some_and(|class| contains(&self.exemptions.runtime_classes, class))
    }
}

fn contains(list: &[String], wanted: &str) -> bool {
    !wanted.is_empty() && list.iter().any(|one| one == wanted)
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| Error::Read(error.to_string()))
}

impl Exemptions {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut list = |field: &str, list: &[String], check: &dyn Fn(&str) -> Option<String>| {
            for (index, one) in list.iter().enumerate() {
                let at = format!("exemptions.{field}[{index}]");
                if let Some(problem) = check(one) {
                    problems.push(format!("{at}: Invalid value: {one:?}: {problem}"));
                } else if list[..index].contains(one) {
                    problems.push(format!("{at}: Duplicate value: {one:?}"));
                }
            }
        };
        let named = |rule: NameRule| move |one: &str| rule.problem(one);
        list("namespaces", &self.namespaces, &named(NameRule::Label));
        list(
            "runtimeClasses",
            &self.runtime_classes,
            &named(NameRule::Subdomain),
        );
        list("usernames", &self.usernames, &|one| {
            one.is_empty()
                .then(|| "username must not be empty".to_owned())
        });
        problems
    }
}
