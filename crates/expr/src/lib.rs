//! The small languages that objects are selected and judged with. Each is a parser and an evaluator.
//!
//! ```text
//! selector    a=b,c in (d,e),!f        status.phase!=Running     lists, watches, Services, Deployments
//! json_path   .spec.rules[*].host      [?(@.type=="Ready")]      printer columns, web metrics
//! cel         self.replicas <= self.max       rules of custom kinds, admission policies, match conditions
//! condition   result[0] >= 0.95 && !isNaN(result[0])             analysis of rollouts
//! ```
//!
//! # Invariants
//! - Pure, and nothing panics on any input: nesting and size are limited.
//! - Errors say where in the text the problem is, as a count of bytes from 0.

pub mod cel;
pub mod condition;
pub mod json_path;
pub mod selector;
