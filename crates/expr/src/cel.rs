//! The Common Expression Language with the environment that Kubernetes gives it.
//!
//! ```
//! use seatrial_expr::cel::{Bindings, Budget, Environment, Type, Value};
//!
//! // Declare what the expression may name; types come from a schema, or are `Type::Dyn`.
//! let schema = serde_json::json!({"type": "object", "properties": {"replicas": {"type": "integer"}}});
//! let own = Type::from_schema(&schema);
//! let environment = Environment::new().variable("self", own.clone());
//!
//! // Compile once: every error carries its line and column.
//! let rule = environment.compile("self.replicas <= 5", &Type::Bool)?;
//!
//! // Evaluate often, each time within a budget.
//! let object = serde_json::json!({"replicas": 3});
//! let bindings = Bindings::new().bind("self", Value::from_json(&object, &own));
//! assert!(rule.holds(&bindings, &mut Budget::per_call())?);
//! # Ok::<(), seatrial_expr::cel::Error>(())
//! ```
//!
//! # Who uses what
//!
//! | place | variables | result | budget |
//! |---|---|---|---|
//! | `x-kubernetes-validations` | `self`, `oldSelf` by [`Type::from_schema`] | [`Type::Bool`], messages [`Type::String`] | one [`Budget::per_object`] for all rules |
//! | ValidatingAdmissionPolicy | `object`, `oldObject`, `request`, `params`, `namespaceObject` as [`Type::Dyn`]; `authorizer` as [`Type::Authorizer`]; `variables` by [`Environment::compose`] and [`Bindings::compose`] | [`Type::Bool`] or [`Type::String`] | [`Budget::per_object`] |
//! | `matchConditions` | the same without `params`, `variables` | [`Type::Bool`] | [`Budget::match_conditions`] |
//! | MutatingAdmissionPolicy | as validating; `Object{…}` and `JSONPatch{…}` by [`Environment::with_patches`] | [`Type::Dyn`], then [`Value::to_json`] | [`Budget::per_object`] |
//!
//! # What there is
//!
//! All of the language except protocol buffer messages; its macros (also those with two variables, `cel.bind`, `optMap`); optional
//! types; the extension libraries that Kubernetes enables (strings, sets, lists) and Kubernetes' own: lists, regex, URL, quantity,
//! IP and CIDR, format, semver, JSON patch, authorizer. Regular expressions are those of the crate `regex`, which has RE2's guarantees.
//!
//! # Invariants
//! - Pure; no input panics: nesting, size and work are limited. Costs follow upstream's scale (an access 1, a traversed text a
//!   tenth of its length), so its limits mean about the same here.
//! - What is wrong is said as upstream says it: `ERROR: <input>:1:6: undefined field 'x'` and the line with a mark below it.

mod budget;
mod check;
mod compare;
mod environment;
mod error;
mod estimate;
mod evaluate;
mod field;
mod fold;
mod json;
mod library;
mod operate;
mod parse;
mod schema;
mod signature;
mod syntax;
mod token;
mod types;
mod value;

pub use budget::Budget;
pub use environment::{Bindings, Environment, Program};
pub use error::{Error, Issue};
pub use estimate::Declared;
pub use library::authorizer::{Authorizer, Decision, Question};
pub use types::{ObjectType, Type};
pub use value::{List, ListKind, Map, MapKey, Value};

#[cfg(test)]
mod tests;
