//! Comparing versions, by each ecosystem's own rules.

mod alpine;
mod debian;
mod pep440;

use std::cmp::Ordering;

use crate::inventory::Ecosystem;

/// The order of two versions; `None` where one of them is no version in its ecosystem.
pub(super) fn compare(ecosystem: &Ecosystem, left: &str, right: &str) -> Option<Ordering> {
    match ecosystem {
        Ecosystem::PyPi => Some(pep440::Version::parse(left)?.cmp(&pep440::Version::parse(right)?)),
        Ecosystem::Debian { .. } => Some(debian::compare(left, right)),
        Ecosystem::Alpine { .. } => Some(alpine::compare(left, right)),
    }
}
