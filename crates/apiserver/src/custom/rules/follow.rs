//! Following rules along an object.

use seatrial_expr::cel::{Bindings, Budget, Error, ListKind, Value as Computed};
use serde_json::Value;

use super::{Correlation, Old, Place, Reason, Rule};
use crate::failure::Cause;

/// The longest message an expression may make, in bytes (upstream's `MaxMessageExpressionLength` is 5 KiB).
const LONGEST_MESSAGE: usize = 5 << 10;

pub(super) fn validate(root: &Place, object: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut follower = Follower {
        budget: Budget::per_object(),
        causes: Vec::new(),
    };
    let now = Computed::from_json(object, &root.of);
    let before = old.map(|old| Computed::from_json(old, &root.of));
    let pair = Pair {
        now: &now,
        before: before.as_ref(),
        unchanged: old == Some(object),
    };
    if follower.place(root, &pair, "").is_err() {
        let detail = "validation failed due to running out of cost budget, no further validation rules will be run";
        follower
            .causes
            .push(Cause::invalid("", Value::Null, detail));
    }
    follower.causes
}

/// A value, and what it was before, where that is known.
struct Pair<'a> {
    now: &'a Computed,
    before: Option<&'a Computed>,
    /// Whether it is as it was: then what it breaks is not blamed on this change.
    unchanged: bool,
}

struct Follower {
    budget: Budget,
    causes: Vec<Cause>,
}

/// The budget is spent.
struct Spent;

impl Follower {
    fn place(&mut self, place: &Place, pair: &Pair<'_>, path: &str) -> Result<(), Spent> {
        if matches!(pair.now, Computed::Null) {
            return Ok(());
        }
        for rule in &place.rules {
            self.rule(place, rule, pair, path)?;
        }
        match pair.now {
            Computed::Map(_) => self.object(place, pair, path),
            Computed::List(_) => self.list(place, pair, path),
            _ => Ok(()),
        }
    }

    fn object(&mut self, place: &Place, pair: &Pair<'_>, path: &str) -> Result<(), Spent> {
        for (name, inner) in &place.properties {
            if let Some(now) = pair.now.field(name) {
                let step = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                self.place(inner, &part(place, pair, now, name), &step)?;
            }
        }
        let (Some(inner), Computed::Map(map)) = (&place.additional, pair.now) else {
            return Ok(());
        };
        for (key, now) in map.iter() {
            if let Some(name) = key_text(key).filter(|name| !place.properties.contains_key(*name)) {
                self.place(
                    inner,
                    &part(place, pair, now, name),
                    &format!("{path}[{name}]"),
                )?;
            }
        }
        Ok(())
    }

    fn list(&mut self, place: &Place, pair: &Pair<'_>, path: &str) -> Result<(), Spent> {
        let (Some(inner), Computed::List(list)) = (&place.items, pair.now) else {
            return Ok(());
        };
        for (index, now) in list.items.iter().enumerate() {
            let before = match (&place.list, pair.before) {
                (ListKind::Map(keys), Some(Computed::List(old))) => old.items.iter().find(|old| {
                    keys.iter()
                        .all(|key| same_text(now.field(key), old.field(key)))
                }),
                _ => None,
            };
            let unchanged = pair.unchanged || before.is_some_and(|before| same(now, before));
            self.place(
                inner,
                &Pair {
                    now,
                    before,
                    unchanged,
                },
                &format!("{path}[{index}]"),
            )?;
        }
        Ok(())
    }

    fn rule(
        &mut self,
        place: &Place,
        rule: &Rule,
        pair: &Pair<'_>,
        path: &str,
    ) -> Result<(), Spent> {
        if rule.old == Old::Needed && pair.before.is_none() {
            return Ok(());
        }
        let mut bindings = Bindings::new().bind("self", pair.now.clone());
        match (rule.old, pair.before) {
            (Old::Optional, Some(before)) => {
                bindings.set("oldSelf", Computed::some(before.clone()));
            }
            (Old::Optional, None) => bindings.set("oldSelf", Computed::NONE),
            (_, Some(before)) => bindings.set("oldSelf", before.clone()),
            (_, None) => {}
        }
        let mut call = Budget::new(self.budget.left().min(Budget::per_call().left()));
        let allowed = call.left();
        let outcome = rule.program.holds(&bindings, &mut call);
        let spent = allowed - call.left();
        self.budget.spend(spent).map_err(|_| Spent)?;
        let detail = match outcome {
            Ok(true) => return Ok(()),
            // What was accepted once stays so until it changes; rules about changes always count.
            Ok(false) if rule.old == Old::Unused && pair.unchanged => return Ok(()),
            Ok(false) => self.message(rule, &bindings),
            Err(error) => failure(rule, &error),
        };
        let field = format!(
            "{path}{}",
            if path.is_empty() {
                rule.field.trim_start_matches('.')
            } else {
                &rule.field
            }
        );
        self.causes.push(blame(place, rule, field, &detail));
        if self.budget.left() == 0 {
            Err(Spent)
        } else {
            Ok(())
        }
    }

    /// What to say where a rule does not hold. An expression that fails, or says nothing usable, gives way to the fixed message.
    fn message(&mut self, rule: &Rule, bindings: &Bindings<'_>) -> String {
        let made = rule.message_expression.as_ref().and_then(|program| {
            let value = program.evaluate(bindings, &mut self.budget).ok()?;
            let text = value.as_str()?.trim();
            let usable = !text.is_empty() && !text.contains('\n') && text.len() <= LONGEST_MESSAGE;
            usable.then(|| text.to_owned())
        });
        made.unwrap_or_else(|| said(rule))
    }
}

fn said(rule: &Rule) -> String {
    rule.message
        .clone()
        .unwrap_or_else(|| format!("failed rule: {}", rule.text))
}

fn failure(rule: &Rule, error: &Error) -> String {
    let name = rule
        .message
        .as_ref()
        .map_or(rule.text.as_str(), String::as_str);
    match error {
        Error::OutOfBudget => {
            format!(
                "no further validation rules will be run due to call cost exceeds limit for rule: {name}"
            )
        }
        Error::Evaluate { message, .. } if message.starts_with("no such overload") => {
            format!(
                "call arguments did not match a supported operator, function or macro signature for rule: {name}"
            )
        }
        error => format!("{error} evaluating rule: {name}"),
    }
}

fn blame(place: &Place, rule: &Rule, field: String, detail: &str) -> Cause {
    let shown = format!("{:?}: {detail}", place.type_name);
    match rule.reason {
        Reason::Invalid => Cause::new(
            "FieldValueInvalid",
            field,
            format!("Invalid value: {shown}"),
        ),
        Reason::Forbidden => Cause::forbidden(field, detail),
        Reason::Required => Cause::required(field, detail),
        Reason::Duplicate => Cause::new(
            "FieldValueDuplicate",
            field,
            format!("Duplicate value: {shown}"),
        ),
    }
}

fn part<'a>(place: &Place, pair: &Pair<'a>, now: &'a Computed, name: &str) -> Pair<'a> {
    let before = match place.correlation {
        Correlation::ByPart => pair.before.and_then(|before| before.field(name)),
        Correlation::None => None,
    };
    let unchanged = pair.unchanged || before.is_some_and(|before| same(now, before));
    Pair {
        now,
        before,
        unchanged,
    }
}

fn key_text(key: &seatrial_expr::cel::MapKey) -> Option<&str> {
    match key {
        seatrial_expr::cel::MapKey::String(text) => Some(text),
        _ => None,
    }
}

fn same(one: &Computed, other: &Computed) -> bool {
    one.to_json() == other.to_json()
}

fn same_text(one: Option<&Computed>, other: Option<&Computed>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same(one, other),
        (None, None) => true,
        _ => false,
    }
}
