//! What the rules of a definition may cost at worst: upstream refuses those that could hold the server up.

use seatrial_expr::cel::{Declared, Environment};
use serde_json::Value;

use crate::failure::Cause;

/// What one expression may cost (upstream's `StaticEstimatedCostLimit`).
const EXPRESSION: u64 = 10_000_000;

/// What all expressions of a schema may cost together (upstream's `StaticEstimatedCRDCostLimit`).
const SCHEMA: u64 = 100_000_000;

/// How many expressions are named where a schema costs too much.
const NAMED: usize = 4;

/// The costs of a schema's expressions so far.
#[derive(Debug, Default)]
pub(super) struct Costs {
    total: u64,
    /// The dearest, those first; where they stand.
    dearest: Vec<(u64, String)>,
}

/// How large and how many the values are that a rule is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent<'a> {
    /// How large they may be; absent where expressions do not see them.
    pub(super) declared: Option<&'a Declared>,
    /// How many there may be; absent where nothing limits that.
    pub(super) count: Option<u64>,
}

impl<'a> Extent<'a> {
    /// That of a whole object.
    pub(super) fn root(declared: Option<&'a Declared>) -> Self {
        Self {
            declared,
            count: Some(1),
        }
    }

    /// That of a field of an object with this schema.
    pub(super) fn field(self, schema: &Value, name: &str) -> Self {
        Self {
            declared: self.declared.and_then(|declared| declared.field(name)),
            count: self.below(schema),
        }
    }

    /// That of what is in a list or map with this schema.
    pub(super) fn item(self, schema: &Value) -> Self {
        Self {
            declared: self.declared.and_then(Declared::item),
            count: self.below(schema),
        }
    }

    /// How many values there may be below a value with this schema.
    fn below(self, schema: &Value) -> Option<u64> {
        let limit = |keyword: &str| {
            let limit = schema.get(keyword).and_then(Value::as_i64);
            limit.map(|limit| u64::try_from(limit).unwrap_or(0))
        };
        let several = match schema.get("type").and_then(Value::as_str) {
            Some("array") => limit("maxItems"),
            Some("object") if schema.get("additionalProperties").is_some() => {
                limit("maxProperties")
            }
            _ => Some(1),
        };
        Some(self.count?.saturating_mul(several?))
    }
}

impl Costs {
    /// Notes what a rule costs at worst; what is wrong with that.
    pub(super) fn rule(
        &mut self,
        environment: &Environment,
        rule: &str,
        extent: Extent<'_>,
        path: String,
    ) -> Option<Cause> {
        let declared = extent.declared?;
        // A rule that cannot be compiled was complained about already.
        let once = environment.worst_cost(rule, declared).ok()?;
        let count = extent.count.unwrap_or_else(|| declared.most_in_request());
        self.observe("estimated rule cost", once.saturating_mul(count), path)
    }

    /// As [`Costs::rule`], for the expression of a message, which is evaluated once.
    pub(super) fn message(
        &mut self,
        environment: &Environment,
        expression: &str,
        extent: Extent<'_>,
        path: String,
    ) -> Option<Cause> {
        let cost = environment.worst_cost(expression, extent.declared?).ok()?;
        self.observe("estimated messageExpression cost", cost, path)
    }

    fn observe(&mut self, name: &str, cost: u64, path: String) -> Option<Cause> {
        self.total = self.total.saturating_add(cost);
        let cause = (cost > EXPRESSION)
            .then(|| Cause::forbidden(path.as_str(), &exceeded(name, cost, EXPRESSION)));
        if cost >= SCHEMA / 100 {
            self.dearest.push((cost, path));
            self.dearest
                .sort_by_key(|(cost, _)| std::cmp::Reverse(*cost));
            self.dearest.truncate(NAMED);
        }
        cause
    }

    /// What is wrong with all expressions together.
    pub(super) fn causes(self, schema: &str) -> Vec<Cause> {
        if self.total <= SCHEMA {
            return Vec::new();
        }
        let contributed = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
        let name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        let all = Cause::forbidden(schema, &exceeded(name, self.total, SCHEMA));
        let dearest = self.dearest.into_iter();
        dearest
            .map(|(_, path)| Cause::forbidden(path, contributed))
            .chain([all])
            .collect()
    }
}

#[allow(clippy::cast_precision_loss)] // A factor for people.
fn exceeded(name: &str, cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    let factor = if factor > 100.0 {
        "more than 100x".to_owned()
    } else if factor < 1.5 {
        format!("{factor:.6}x")
    } else {
        format!("{factor:.1}x")
    };
    format!(
        "{name} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength \
         where arrays, maps, and strings are declared)"
    )
}
