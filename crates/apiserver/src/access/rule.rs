//! One rule of a role: what it allows, and whether others allow it already.

use serde_json::{Map, Value};

use super::Asked;
use super::attributes::Attributes;

/// A `PolicyRule`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    /// What may be done.
    pub(crate) verbs: Vec<String>,
    /// In which API groups.
    pub(crate) groups: Vec<String>,
    /// To which kinds, by plural name, and parts of them.
    pub(crate) resources: Vec<String>,
    /// To which objects; empty for all.
    pub(crate) names: Vec<String>,
    /// To which paths that are not about objects.
    pub(crate) paths: Vec<String>,
}

impl Rule {
    /// Reads a rule; what is none allows nothing.
    pub(crate) fn read(value: &Value) -> Self {
        let list = |field: &str| {
            let items = value.get(field).and_then(Value::as_array);
            let items = items.into_iter().flatten().filter_map(Value::as_str);
            items.map(str::to_owned).collect()
        };
        Self {
            verbs: list("verbs"),
            groups: list("apiGroups"),
            resources: list("resources"),
            names: list("resourceNames"),
            paths: list("nonResourceURLs"),
        }
    }

    /// The rules at `field` of an object.
    pub(crate) fn list(object: &Map<String, Value>) -> Vec<Self> {
        let rules = object.get("rules").and_then(Value::as_array);
        rules.into_iter().flatten().map(Self::read).collect()
    }

    /// The rule as it stands in a role.
    pub(crate) fn value(&self) -> Value {
        let fields = [
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("resourceNames", &self.names),
            ("nonResourceURLs", &self.paths),
        ];
        let mut rule = Map::new();
        rule.insert("verbs".to_owned(), self.verbs.clone().into());
        for (name, list) in fields {
            if !list.is_empty() {
                rule.insert(name.to_owned(), list.clone().into());
            }
        }
        Value::Object(rule)
    }

    /// Whether the rule allows what is asked.
    pub(crate) fn allows(&self, asked: &Asked<'_>) -> bool {
        match asked {
            Asked::Object(asked) => {
                has(&self.verbs, &asked.verb)
                    && has(&self.groups, &asked.group)
                    && self.is_about(asked)
                    && (self.names.is_empty() || self.names.iter().any(|name| *name == asked.name))
            }
            Asked::Path { verb, path } => {
                has(&self.verbs, verb) && self.paths.iter().any(|one| path_fits(one, path))
            }
        }
    }

    fn is_about(&self, asked: &Attributes<'_>) -> bool {
        self.resources.iter().any(|rule| {
            if rule == "*" {
                return true;
            }
            match (rule.split_once('/'), &*asked.subresource) {
                (None, "") => *rule == asked.resource,
                (Some((resource, part)), wanted) => {
                    part == wanted
                        && !part.is_empty()
                        && (resource == "*" || resource == asked.resource)
                }
                (None, _) => false,
            }
        })
    }

    /// Cuts the rule into rules of one verb, one group, one resource and one name (or path) each.
    fn cut(&self) -> Vec<Self> {
        let one = |text: &String| vec![text.clone()];
        let mut pieces = Vec::new();
        for verb in &self.verbs {
            for group in &self.groups {
                for resource in &self.resources {
                    let piece = Self {
                        verbs: one(verb),
                        groups: one(group),
                        resources: one(resource),
                        ..Self::default()
                    };
                    if self.names.is_empty() {
                        pieces.push(piece);
                        continue;
                    }
                    pieces.extend(self.names.iter().map(|name| Self {
                        names: one(name),
                        ..piece.clone()
                    }));
                }
            }
            pieces.extend(self.paths.iter().map(|path| Self {
                verbs: one(verb),
                paths: one(path),
                ..Self::default()
            }));
        }
        pieces
    }

    /// Whether this rule allows everything that the piece (of one verb and so on) allows.
    fn covers(&self, piece: &Self) -> bool {
        let all = |own: &[String], wanted: &[String]| wanted.iter().all(|one| has(own, one));
        let resources = piece.resources.iter().all(|wanted| {
            has(&self.resources, wanted)
                || wanted.split_once('/').is_some_and(|(_, part)| {
                    self.resources
                        .iter()
                        .any(|own| own.strip_prefix("*/").is_some_and(|own| own == part))
                })
        });
        let names = match (self.names.as_slice(), piece.names.as_slice()) {
            ([], _) => true,
            (_, []) => false,
            (own, wanted) => wanted.iter().all(|name| own.contains(name)),
        };
        let paths = piece
            .paths
            .iter()
            .all(|path| self.paths.iter().any(|own| path_fits(own, path)));
        all(&self.verbs, &piece.verbs)
            && all(&self.groups, &piece.groups)
            && resources
            && names
            && paths
    }

    /// The rule in upstream's short form, as messages show it.
    pub(crate) fn short(&self) -> String {
        let fields = [
            ("APIGroups", &self.groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.paths),
            ("ResourceNames", &self.names),
            ("Verbs", &self.verbs),
        ];
        let shown: Vec<String> = fields
            .into_iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(name, list)| format!("{name}:{}", quoted(list)))
            .collect();
        format!("{{{}}}", shown.join(", "))
    }
}

/// As Go's `%q` shows a list of strings.
pub(crate) fn quoted(list: &[String]) -> String {
    let items: Vec<String> = list.iter().map(|item| format!("{item:?}")).collect();
    format!("[{}]", items.join(" "))
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == wanted || one == "*")
}

fn path_fits(rule: &str, path: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(beginning) => path.trim_end_matches('*').starts_with(beginning),
        None => rule == path,
    }
}

/// What `wanted` allows beyond `held`, put together again as far as verbs go.
pub(crate) fn missing(held: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let mut missing: Vec<Rule> = Vec::new();
    let pieces = wanted.iter().flat_map(Rule::cut);
    for piece in pieces.filter(|piece| !held.iter().any(|rule| rule.covers(piece))) {
        let same = |known: &&mut Rule| {
            known.groups == piece.groups
                && known.resources == piece.resources
                && known.names == piece.names
                && known.paths == piece.paths
        };
        match missing.iter_mut().find(same) {
            Some(known) if known.verbs.contains(&piece.verbs[0]) => {}
            Some(known) => known.verbs.extend(piece.verbs),
            None => missing.push(piece),
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(verbs: &[&str], resources: &[&str], names: &[&str]) -> Rule {
        Rule::read(&json!({
            "verbs": verbs, "apiGroups": [""], "resources": resources, "resourceNames": names,
        }))
    }

    fn asks(verb: &str, resource: &str, part: &str, name: &str) -> Asked<'static> {
        Asked::Object(Attributes {
            verb: verb.to_owned().into(),
            resource: resource.to_owned().into(),
            subresource: part.to_owned().into(),
            name: name.to_owned().into(),
            ..Attributes::default()
        })
    }

    #[test]
    fn a_rule_allows_what_it_names_and_no_more() {
        let cases = [
            (
                rule(&["get"], &["pods"], &[]),
                asks("get", "pods", "", "a"),
                true,
            ),
            (
                rule(&["get"], &["pods"], &[]),
                asks("get", "pods", "log", "a"),
                false,
            ),
            (
                rule(&["get"], &["pods/log"], &[]),
                asks("get", "pods", "log", "a"),
                true,
            ),
            (
                rule(&["get"], &["*/log"], &[]),
                asks("get", "pods", "log", "a"),
                true,
            ),
            (
                rule(&["get"], &["*/log"], &[]),
                asks("get", "pods", "", "a"),
                false,
            ),
            (
                rule(&["get"], &["*"], &[]),
                asks("get", "pods", "log", "a"),
                true,
            ),
            (
                rule(&["*"], &["pods"], &["b"]),
                asks("get", "pods", "", "b"),
                true,
            ),
            (
                rule(&["*"], &["pods"], &["b"]),
                asks("get", "pods", "", "a"),
                false,
            ),
            (
                rule(&["*"], &["pods"], &["b"]),
                asks("list", "pods", "", ""),
                false,
            ),
            (
                rule(&["get"], &["pods"], &[]),
                asks("list", "pods", "", ""),
                false,
            ),
        ];
        for (rule, asked, expected) in cases {
            assert_eq!(rule.allows(&asked), expected, "{} {asked:?}", rule.short());
        }
        let discovery =
            Rule::read(&json!({ "verbs": ["get"], "nonResourceURLs": ["/api/*", "/version"] }));
        let path = |path: &'static str| Asked::Path {
            verb: "get".into(),
            path: path.into(),
        };
        assert!(discovery.allows(&path("/api/v1")) && discovery.allows(&path("/version")));
        assert!(!discovery.allows(&path("/versions")) && !discovery.allows(&path("/api")));
    }

    #[test]
    fn what_is_missing_is_named_piece_by_piece() {
        let held = [
            rule(&["get", "list"], &["pods"], &[]),
            rule(&["*"], &["*/scale"], &[]),
        ];
        let wanted = [rule(
            &["get", "delete", "watch"],
            &["pods", "pods/scale"],
            &[],
        )];
        let missing = missing(&held, &wanted);
        let shown: Vec<String> = missing.iter().map(Rule::short).collect();
        assert_eq!(
            shown,
            [r#"{APIGroups:[""], Resources:["pods"], Verbs:["delete" "watch"]}"#]
        );
        let named = [rule(&["get"], &["pods"], &["a"])];
        assert!(super::missing(&[rule(&["get"], &["pods"], &[])], &named).is_empty());
        assert_eq!(
            super::missing(&named, &[rule(&["get"], &["pods"], &[])]).len(),
            1
        );
    }
}
