//! Selectors, JSONPath and expressions.
