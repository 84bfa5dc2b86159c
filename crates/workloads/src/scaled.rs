//! Numbers that may be percentages of another.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Where a percentage comes out between two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    Up,
    Down,
}

/// The number, or that percentage of `total`; none where it is neither.
pub(crate) fn scaled(value: &IntOrString, total: i32, rounding: Rounding) -> Option<i32> {
    let percent: i64 = match value {
        IntOrString::Int(count) => return Some((*count).max(0)),
        IntOrString::String(text) => text.strip_suffix('%')?.parse().ok()?,
    };
    let product = percent.max(0) * i64::from(total);
    let count = match rounding {
        Rounding::Up => (product + 99) / 100,
        Rounding::Down => product / 100,
    };
    i32::try_from(count).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_as_asked() {
        let text = |text: &str| IntOrString::String(text.to_owned());
        assert_eq!(scaled(&text("50%"), 3, Rounding::Up), Some(2));
        assert_eq!(scaled(&text("50%"), 3, Rounding::Down), Some(1));
        assert_eq!(scaled(&IntOrString::Int(4), 3, Rounding::Down), Some(4));
        assert_eq!(scaled(&text("half"), 3, Rounding::Down), None);
    }
}
