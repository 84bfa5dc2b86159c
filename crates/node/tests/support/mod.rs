//! What the tests of the runtimes share.

pub(crate) mod harness;
pub(crate) mod orphans;
