//! What expressions may name, and expressions that are ready to be evaluated.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use super::budget::Budget;
use super::check;
use super::error::{Error, Issue};
use super::evaluate;
use super::parse;
use super::syntax::Node;
use super::types::{ObjectType, Type};
use super::value::Value;

/// The variables of a place where expressions may stand, and their types.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub(super) variables: BTreeMap<String, Type>,
    pub(super) patches: bool,
}

impl Environment {
    /// An environment without variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a variable.
    pub fn variable(mut self, name: &str, of: Type) -> Self {
        self.variables.insert(name.to_owned(), of);
        self
    }

    /// Declares `of` as the type of `root.field`, such as `variables.total` after its expression was compiled. Its value comes by
    /// [`Bindings::compose`].
    pub fn compose(mut self, root: &str, field: &str, of: Type) -> Self {
        let mut object = match self.variables.get(root) {
            Some(Type::Object(object)) => (**object).clone(),
            _ => ObjectType {
                name: root.to_owned(),
                ..ObjectType::default()
            },
        };
        object.fields.insert(field.to_owned(), of);
        self.variables
            .insert(root.to_owned(), Type::Object(Arc::new(object)));
        self
    }

    /// Allows `Object{…}`, `Object.spec{…}` and `JSONPatch{op: …, path: …, value: …}`, whose values are objects.
    pub fn with_patches(mut self) -> Self {
        self.patches = true;
        self
    }

    /// Reads and checks an expression whose value must be an `expected` ([`Type::Dyn`]: anything).
    ///
    /// # Errors
    /// [`Error::Compile`] with every issue found.
    pub fn compile(&self, text: &str, expected: &Type) -> Result<Program, Error> {
        let root = parse::parse(text).map_err(|issue| Error::Compile(vec![issue]))?;
        let checked = check::check(self, text, &root).map_err(Error::Compile)?;
        if !expected.accepts(&checked.of) {
            let message = format!("must evaluate to {expected}");
            return Err(Error::Compile(vec![Issue::at(text, 0, message)]));
        }
        Ok(Program {
            root,
            of: checked.of,
            patterns: checked.patterns,
            names: checked.names,
        })
    }
}

/// An expression that was checked.
#[derive(Debug, Clone)]
pub struct Program {
    pub(super) root: Node,
    of: Type,
    /// The regular expressions that stand in the text.
    pub(super) patterns: BTreeMap<String, Regex>,
    names: std::collections::BTreeSet<String>,
}

impl Program {
    /// The type of its value.
    pub fn returns(&self) -> &Type {
        &self.of
    }

    /// Whether the expression names the variable, as those of transition rules name `oldSelf`.
    pub fn uses(&self, variable: &str) -> bool {
        self.names.contains(variable)
    }

    /// Its value.
    ///
    /// # Errors
    /// [`Error::Evaluate`] or [`Error::OutOfBudget`].
    pub fn evaluate(&self, bindings: &Bindings<'_>, budget: &mut Budget) -> Result<Value, Error> {
        evaluate::evaluate(self, bindings, budget)
    }

    /// Its value, where that is true or false.
    ///
    /// # Errors
    /// As [`Program::evaluate`], also where the value is something else.
    pub fn holds(&self, bindings: &Bindings<'_>, budget: &mut Budget) -> Result<bool, Error> {
        match self.evaluate(bindings, budget)? {
            Value::Bool(value) => Ok(value),
            other => Err(Error::Evaluate {
                at: 0,
                message: format!(
                    "cel expression evaluated to {}, not bool",
                    other.type_name()
                ),
            }),
        }
    }
}

/// The values of variables.
#[derive(Debug, Default)]
pub struct Bindings<'a> {
    pub(super) values: BTreeMap<String, Value>,
    pub(super) composed: BTreeMap<String, BTreeMap<String, &'a Program>>,
    /// Composed values that were needed already.
    pub(super) known: RefCell<BTreeMap<(String, String), Result<Value, Error>>>,
}

impl<'a> Bindings<'a> {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a variable its value.
    pub fn bind(mut self, name: &str, value: Value) -> Self {
        self.set(name, value);
        self
    }

    /// Gives a variable its value, in place of the one before.
    pub fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
        self.known.get_mut().clear();
    }

    /// Lets `root.field` have the value of an expression over the same variables. It is evaluated once, when it is first needed, and
    /// what fails fails only whoever needs it.
    pub fn compose(mut self, root: &str, field: &str, program: &'a Program) -> Self {
        self.composed
            .entry(root.to_owned())
            .or_default()
            .insert(field.to_owned(), program);
        self
    }
}
