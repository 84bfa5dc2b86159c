//! Numbers and times as Prometheus writes them.

use serde::ser::{Serialize, Serializer};

/// A number in the shortest form that reads back as itself, without exponent.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}

/// A time in seconds with at most three decimals.
pub(crate) struct Seconds(
    /// Milliseconds since 1970.
    pub(crate) i64,
);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1000 == 0 {
            serializer.serialize_i64(self.0 / 1000)
        } else {
            serializer.serialize_f64(self.0 as f64 / 1000.0)
        }
    }
}
