//! What a machine cannot do is said, never passed in silence.

use std::fmt::Display;
use std::io::Write as _;

/// Says that the test that calls this looks no further, and why. It is shown among the results even
/// though the test counts as passed: the test runner holds back what `println!` prints, but not this.
pub fn skipped(why: impl Display) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Where not even this can be written, nobody is there to read it.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}
