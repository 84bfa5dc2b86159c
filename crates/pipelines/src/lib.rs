//! GitHub Actions workflows on one engine.
