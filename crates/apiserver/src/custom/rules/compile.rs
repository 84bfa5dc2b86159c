//! From a schema to its rules.

use seatrial_expr::cel::{Declared, Environment, Error, ListKind, Program, Type};
use serde_json::Value;

use super::cost::{Costs, Extent};
use super::{Correlation, Old, Place, Reason, Rule};
use crate::failure::Cause;

/// The longest path of a schema that is looked at; definitions nest far less.
const DEEPEST: usize = 128;

/// The rules of a schema.
pub(super) fn compile(schema: &Value) -> Option<Place> {
    let mut compiler = Compiler {
        causes: Vec::new(),
        costs: None,
    };
    let spot = Spot::root("", None);
    compiler.place(schema, Type::from_root_schema(schema), &spot)
}

/// What is wrong with the rules of a schema, also what they would cost.
pub(super) fn check(schema: &Value, path: &str) -> Vec<Cause> {
    let declared = Declared::from_root_schema(schema);
    let mut compiler = Compiler {
        causes: Vec::new(),
        costs: Some(Costs::default()),
    };
    let spot = Spot::root(path, declared.as_ref());
    compiler.place(schema, Type::from_root_schema(schema), &spot);
    let all = compiler.costs.unwrap_or_default().causes(path);
    compiler.causes.into_iter().chain(all).collect()
}

struct Compiler {
    causes: Vec<Cause>,
    /// Where it matters what rules cost.
    costs: Option<Costs>,
}

/// Where in the schema.
struct Spot<'a> {
    path: String,
    depth: usize,
    /// Whether old values are known here.
    correlated: bool,
    extent: Extent<'a>,
}

impl<'a> Spot<'a> {
    fn root(path: &str, declared: Option<&'a Declared>) -> Self {
        Self {
            path: path.to_owned(),
            depth: 0,
            correlated: true,
            extent: Extent::root(declared),
        }
    }

    fn below(&self, step: &str, correlated: bool, extent: Extent<'a>) -> Self {
        Self {
            path: format!("{}{step}", self.path),
            depth: self.depth + 1,
            correlated: self.correlated && correlated,
            extent,
        }
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

impl Compiler {
    /// The place of a schema whose values have the type `of`; `None` where there are no rules here and below.
    fn place(&mut self, schema: &Value, of: Type, spot: &Spot<'_>) -> Option<Place> {
        if spot.depth > DEEPEST {
            return None;
        }
        let list = match &of {
            Type::List(_, kind) => kind.clone(),
            _ => ListKind::Atomic,
        };
        let by_part = match text(schema, "type") {
            "array" => matches!(list, ListKind::Map(_)),
            _ => text(schema, "x-kubernetes-map-type") != "atomic",
        };
        let mut place = Place {
            rules: self.rules(schema, &of, spot),
            type_name: text(schema, "type").to_owned(),
            properties: std::collections::BTreeMap::new(),
            additional: None,
            items: None,
            list,
            correlation: if by_part {
                Correlation::ByPart
            } else {
                Correlation::None
            },
            of,
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, inside) in properties.into_iter().flatten() {
            let of = match &place.of {
                Type::Object(object) => object.fields.get(name).cloned().unwrap_or(Type::Dyn),
                _ => Type::Dyn,
            };
            let extent = spot.extent.field(schema, name);
            let spot = spot.below(&format!(".properties[{name}]"), by_part, extent);
            if let Some(inner) = self.place(inside, of, &spot) {
                place.properties.insert(name.clone(), inner);
            }
        }
        if let Some(values) = schema
            .get("additionalProperties")
            .filter(|values| values.is_object())
        {
            let of = match &place.of {
                Type::Map(_, values) => (**values).clone(),
                _ => Type::Dyn,
            };
            let extent = spot.extent.item(schema);
            let spot = spot.below(".additionalProperties", by_part, extent);
            place.additional = self.place(values, of, &spot).map(Box::new);
        }
        if let Some(items) = schema.get("items") {
            let of = match &place.of {
                Type::List(items, _) => (**items).clone(),
                _ => Type::Dyn,
            };
            let extent = spot.extent.item(schema);
            let spot = spot.below(".items", by_part, extent);
            place.items = self.place(items, of, &spot).map(Box::new);
        }
        let nothing = place.rules.is_empty()
            && place.properties.is_empty()
            && place.additional.is_none()
            && place.items.is_none();
        (!nothing).then_some(place)
    }

    fn rules(&mut self, schema: &Value, of: &Type, spot: &Spot<'_>) -> Vec<Rule> {
        let rules = schema
            .get("x-kubernetes-validations")
            .and_then(Value::as_array);
        let mut compiled = Vec::new();
        for (index, rule) in rules.into_iter().flatten().enumerate() {
            let path = format!("{}.x-kubernetes-validations[{index}]", spot.path);
            compiled.extend(self.rule(rule, schema, of, spot, &path));
        }
        compiled
    }

    fn rule(
        &mut self,
        rule: &Value,
        schema: &Value,
        of: &Type,
        spot: &Spot<'_>,
        path: &str,
    ) -> Option<Rule> {
        let body = text(rule, "rule");
        if body.trim().is_empty() {
            self.causes.push(Cause::required(
                format!("{path}.rule"),
                "rule is not specified",
            ));
            return None;
        }
        let optional = rule.get("optionalOldSelf").and_then(Value::as_bool) == Some(true);
        let old = if optional {
            Type::optional(of.clone())
        } else {
            of.clone()
        };
        let environment = Environment::new()
            .variable("self", of.clone())
            .variable("oldSelf", old);
        let shown = |message: &str| format!("compilation failed: {message}");
        let program = match environment.compile(body, &Type::Bool) {
            Ok(program) => program,
            Err(error) => {
                let message = shown(&own_words(&error, "cel expression must evaluate to a bool"));
                self.causes.push(Cause::invalid(
                    format!("{path}.rule"),
                    rule.clone(),
                    &message,
                ));
                return None;
            }
        };
        if let Some(costs) = &mut self.costs {
            let path = format!("{path}.rule");
            self.causes
                .extend(costs.rule(&environment, body, spot.extent, path));
        }
        let uses_old = program.uses("oldSelf");
        if uses_old && !spot.correlated {
            let detail = "oldSelf cannot be used on the uncorrelatable portion of the schema";
            self.causes
                .push(Cause::invalid(format!("{path}.rule"), body, detail));
        }
        if optional && !uses_old {
            let detail = "may not be set if oldSelf is not used in rule";
            self.causes.push(Cause::invalid(
                format!("{path}.optionalOldSelf"),
                true,
                detail,
            ));
        }
        let message_expression = self.message(rule, &environment, spot, path);
        let message = Some(text(rule, "message"))
            .filter(|message| !message.is_empty())
            .map(str::to_owned);
        if message.is_none() && message_expression.is_none() && body.contains('\n') {
            let detail = "message must be specified if rule contains line breaks";
            self.causes
                .push(Cause::required(format!("{path}.message"), detail));
        }
        Some(Rule {
            text: body.to_owned(),
            program,
            message,
            message_expression,
            reason: self.reason(rule, path),
            field: self.field(rule, schema, path),
            old: match (uses_old, optional) {
                (false, _) => Old::Unused,
                (true, true) => Old::Optional,
                (true, false) => Old::Needed,
            },
        })
    }

    fn message(
        &mut self,
        rule: &Value,
        environment: &Environment,
        spot: &Spot<'_>,
        path: &str,
    ) -> Option<Program> {
        let expression = text(rule, "messageExpression");
        if expression.is_empty() {
            return None;
        }
        let path = format!("{path}.messageExpression");
        match environment.compile(expression, &Type::String) {
            Ok(program) => {
                if let Some(costs) = &mut self.costs {
                    self.causes
                        .extend(costs.message(environment, expression, spot.extent, path));
                }
                Some(program)
            }
            Err(error) => {
                let why = own_words(&error, "messageExpression must evaluate to a string");
                let detail = format!("compilation failed: {why}");
                self.causes
                    .push(Cause::invalid(path, rule.clone(), &detail));
                None
            }
        }
    }

    fn reason(&mut self, rule: &Value, path: &str) -> Reason {
        match text(rule, "reason") {
            "" | "FieldValueInvalid" => Reason::Invalid,
            "FieldValueForbidden" => Reason::Forbidden,
            "FieldValueRequired" => Reason::Required,
            "FieldValueDuplicate" => Reason::Duplicate,
            other => {
                let message = format!(
                    "Unsupported value: {other:?}: supported values: \"FieldValueDuplicate\", \"FieldValueForbidden\", \
                     \"FieldValueInvalid\", \"FieldValueRequired\""
                );
                self.causes.push(Cause::new(
                    "FieldValueNotSupported",
                    format!("{path}.reason"),
                    message,
                ));
                Reason::Invalid
            }
        }
    }

    /// The field that a rule blames, below the value it stands at: from `.a['b.c']` to what messages show.
    fn field(&mut self, rule: &Value, schema: &Value, path: &str) -> String {
        let given = text(rule, "fieldPath");
        if given.is_empty() {
            return String::new();
        }
        match resolve(given, schema) {
            Ok(field) => field,
            Err(detail) => {
                let detail = format!("fieldPath must be a valid path: {detail}");
                self.causes
                    .push(Cause::invalid(format!("{path}.fieldPath"), given, &detail));
                String::new()
            }
        }
    }
}

/// Upstream says in its own words where the whole expression has the wrong type.
fn own_words(error: &Error, wrong_type: &str) -> String {
    match error {
        Error::Compile(issues)
            if issues
                .iter()
                .any(|issue| issue.message.starts_with("must evaluate to ")) =>
        {
            wrong_type.to_owned()
        }
        other => other.to_string(),
    }
}

fn resolve(given: &str, schema: &Value) -> Result<String, String> {
    let (mut rest, mut schema, mut field) = (given, schema, String::new());
    while !rest.is_empty() {
        let name = if let Some(after) = rest.strip_prefix("['") {
            let (name, after) = after.split_once("']").ok_or("a bracket is not closed")?;
            rest = after;
            name
        } else if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            rest = after;
            name
        } else {
            return Err(format!("expected [ or . but got: {rest}"));
        };
        let property = schema
            .get("properties")
            .and_then(|properties| properties.get(name));
        let value = schema
            .get("additionalProperties")
            .filter(|values| values.is_object());
        (schema, field) = match (property, value) {
            (Some(schema), _) => (schema, format!("{field}.{name}")),
            (None, Some(schema)) => (schema, format!("{field}[{name}]")),
            (None, None) => return Err(format!("does not refer to a valid field: {given}")),
        };
    }
    Ok(field)
}
