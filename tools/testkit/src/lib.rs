//! An in-process cluster for tests.
