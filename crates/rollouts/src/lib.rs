//! Progressive delivery and analysis.
