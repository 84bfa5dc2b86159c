//! Events have two forms: `events.k8s.io/v1` and the older one of `v1`, which is stored.

use serde_json::Value;

use crate::object::Object;

/// Fields that differ in name only: in the core group, in `events.k8s.io`.
const NAMES: [(&str, &str); 6] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
];

/// From the stored form to that of `events.k8s.io/v1`.
pub(crate) fn to_events_group(event: &mut Object) {
    for (core, group) in NAMES {
        rename(event, core, group);
    }
    rename(event, "count", "deprecatedCount");
    if let Some(Value::Object(series)) = event.0.get_mut("series")
        && let Some(last) = series.remove("lastObservedTime")
    {
        series.insert("lastObservedTime".to_owned(), last);
    }
    set_version(event, "events.k8s.io/v1");
}

/// From `events.k8s.io/v1` to the stored form.
pub(crate) fn to_core(event: &mut Object) {
    for (core, group) in NAMES {
        rename(event, group, core);
    }
    rename(event, "deprecatedCount", "count");
    set_version(event, "v1");
}

fn rename(event: &mut Object, from: &str, to: &str) {
    if let Some(value) = event.0.remove(from) {
        event.0.insert(to.to_owned(), value);
    }
}

fn set_version(event: &mut Object, version: &str) {
    event
        .0
        .insert("apiVersion".to_owned(), Value::from(version));
}
