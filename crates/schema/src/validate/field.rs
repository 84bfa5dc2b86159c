//! A value and its path: what the checks walk over.

use serde_json::Value;

use super::trail::{Place, Trail};
use crate::cause::Cause;
use crate::path::Path;

static NULL: Value = Value::Null;

/// A value, null where there is none, and where it is.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    pub(super) value: &'a Value,
    trail: &'a Trail,
    place: Place,
}

impl<'a> Field<'a> {
    pub(super) fn root(value: &'a Value, trail: &'a Trail) -> Self {
        Self::at(value, trail, "")
    }

    pub(super) fn at(value: &'a Value, trail: &'a Trail, path: &str) -> Self {
        let place = trail.begin(path);
        Self {
            value,
            trail,
            place,
        }
    }

    fn to(&self, value: Option<&'a Value>, place: Place) -> Self {
        Self {
            value: value.unwrap_or(&NULL),
            trail: self.trail,
            place,
        }
    }

    pub(super) fn field(&self, name: &'static str) -> Self {
        let place = self.trail.field(self.place, name);
        self.to(self.value.get(name), place)
    }

    /// A field of a name that only the object knows.
    pub(super) fn named(&self, name: &str) -> Self {
        let place = self.trail.named(self.place, name);
        self.to(self.value.get(name), place)
    }

    /// A field below several others: `spec.template`.
    pub(super) fn below(&self, steps: &'static str) -> Self {
        steps
            .split('.')
            .fold(self.clone(), |field, step| field.field(step))
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Vec<Self> {
        let items = self
            .value
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter();
        let item = |(index, value)| self.to(Some(value), self.trail.index(self.place, index));
        items.enumerate().map(item).collect()
    }

    /// The entries of a map.
    pub(super) fn entries(&self) -> Vec<(&'a str, Self)> {
        let entries = self.value.as_object().into_iter().flatten();
        let entry = |(key, value): (&'a String, &'a Value)| {
            let place = self.trail.key(self.place, key);
            (key.as_str(), self.to(Some(value), place))
        };
        entries.map(entry).collect()
    }

    /// Where it is, for those who have something to say about it.
    fn path(&self) -> Path {
        self.trail.path(self.place)
    }

    pub(super) fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    pub(super) fn integer(&self) -> Option<i64> {
        self.value.as_i64()
    }

    pub(super) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// Whether there is nothing: absent, the empty text, list or object.
    pub(super) fn is_empty(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        }
    }

    pub(super) fn required(&self, detail: &str) -> Cause {
        Cause::required(self.path(), detail)
    }

    pub(super) fn invalid(&self, detail: &str) -> Cause {
        let nothing = Value::from("");
        let value = if self.value.is_null() {
            &nothing
        } else {
            self.value
        };
        Cause::invalid(self.path(), value, detail)
    }

    pub(super) fn forbidden(&self, detail: &str) -> Cause {
        Cause::forbidden(self.path(), detail)
    }

    pub(super) fn duplicate(&self) -> Cause {
        Cause::duplicate(self.path(), self.value)
    }

    /// Something that it makes together with others occurs twice.
    pub(super) fn duplicate_of(&self, key: &str) -> Cause {
        Cause::duplicate(self.path(), &Value::from(key))
    }

    pub(super) fn not_found(&self) -> Cause {
        Cause::not_found(self.path(), self.value)
    }

    pub(super) fn too_long(&self, most: u64) -> Cause {
        Cause::too_long(self.path(), most)
    }

    /// It must be there.
    pub(super) fn must_be_set(&self, causes: &mut Vec<Cause>) {
        if self.is_empty() {
            causes.push(self.required(""));
        }
    }

    /// It must be one of these, if it is there.
    pub(super) fn must_be_one_of(&self, choices: &[&str], causes: &mut Vec<Cause>) {
        if self.is_set() && !choices.contains(&self.text()) {
            causes.push(Cause::unsupported(self.path(), self.value, choices));
        }
    }

    /// It must not be negative, if it is there.
    pub(super) fn must_not_be_negative(&self, causes: &mut Vec<Cause>) {
        if self.integer().is_some_and(|number| number < 0) {
            causes.push(self.invalid("must be greater than or equal to 0"));
        }
    }

    /// It must be the number of a port, if it is there.
    pub(super) fn must_be_port(&self, causes: &mut Vec<Cause>) {
        if self
            .integer()
            .is_some_and(|number| !(1..=65535).contains(&number))
        {
            causes.push(self.invalid("must be between 1 and 65535, inclusive"));
        }
    }

    /// It must be the number or the name of a port, if it is there.
    pub(super) fn must_be_port_or_name(&self, causes: &mut Vec<Cause>) {
        match self.value {
            Value::String(name) => {
                if let Some(problem) = super::name::port_name(name) {
                    causes.push(self.invalid(problem));
                }
            }
            _ => self.must_be_port(causes),
        }
    }

    /// It must follow a rule for words, if it is there.
    pub(super) fn may_follow(&self, rule: super::name::Rule, causes: &mut Vec<Cause>) {
        if !self.is_empty() {
            self.must_follow(rule, causes);
        }
    }

    /// It must be greater than zero, if it is there.
    pub(super) fn must_be_positive(&self, causes: &mut Vec<Cause>) {
        if self.integer().is_some_and(|number| number < 1) {
            causes.push(self.invalid("must be greater than 0"));
        }
    }

    /// It must lie between two bounds, if it is there.
    pub(super) fn must_be_within(&self, least: i64, most: i64, causes: &mut Vec<Cause>) {
        if self
            .integer()
            .is_some_and(|number| !(least..=most).contains(&number))
        {
            causes.push(self.invalid(&format!("must be between {least} and {most}, inclusive")));
        }
    }

    /// It must not be there.
    pub(super) fn must_not_be_set(&self, detail: &str, causes: &mut Vec<Cause>) {
        if self.is_set() {
            causes.push(self.forbidden(detail));
        }
    }

    /// Its value must be that of `old`.
    pub(super) fn must_stay(&self, old: &Self, causes: &mut Vec<Cause>) {
        if self.value != old.value {
            causes.push(self.invalid("field is immutable"));
        }
    }

    /// Its keys and values must be right as labels.
    pub(super) fn must_be_labels(&self, causes: &mut Vec<Cause>) {
        use super::name::Rule;
        for (key, value) in self.entries() {
            for (rule, word) in [(Rule::Qualified, key), (Rule::LabelValue, value.text())] {
                if let Some(problem) = rule.problem(word) {
                    causes.push(Cause::invalid(self.path(), &Value::from(word), &problem));
                }
            }
        }
    }

    /// A problem with a word that is this value or a part of it.
    pub(super) fn invalid_word(&self, word: &str, detail: &str) -> Cause {
        Cause::invalid(self.path(), &Value::from(word), detail)
    }

    /// It has none of the values it may have.
    pub(super) fn unsupported(&self, choices: &[&str]) -> Cause {
        let nothing = Value::from("");
        let value = if self.value.is_null() {
            &nothing
        } else {
            self.value
        };
        Cause::unsupported(self.path(), value, choices)
    }

    /// A list has too many items.
    pub(super) fn must_have_at_most(&self, most: u64, causes: &mut Vec<Cause>) {
        let count = self.value.as_array().map_or(0, Vec::len);
        if count as u64 > most {
            causes.push(Cause::too_many(self.path(), count, most));
        }
    }

    /// It must follow a rule for words, and be there.
    pub(super) fn must_follow(&self, rule: super::name::Rule, causes: &mut Vec<Cause>) {
        match self.text() {
            "" => causes.push(self.required("")),
            text => causes.extend(rule.problem(text).map(|problem| self.invalid(&problem))),
        }
    }
}

/// Reports values that occur twice in a list of fields; empty ones are not looked at.
pub(super) fn must_differ<'a>(
    fields: impl IntoIterator<Item = Field<'a>>,
    causes: &mut Vec<Cause>,
) {
    let mut seen: Vec<&Value> = Vec::new();
    for field in fields {
        if field.is_empty() {
            continue;
        }
        if seen.contains(&field.value) {
            causes.push(field.duplicate());
        }
        seen.push(field.value);
    }
}
