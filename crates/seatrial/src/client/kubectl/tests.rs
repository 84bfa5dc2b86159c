//! Tests of the small kubectl.
