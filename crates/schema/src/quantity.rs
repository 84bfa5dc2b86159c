//! Amounts such as `500m`, `1Gi` or `1e3`: their grammar and their canonical form.

/// Upstream's words for a text that is no amount.
pub(crate) const EXPECTED: &str = "must match the regular expression \
    '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// Whether a text is an amount.
pub fn is_valid(text: &str) -> bool {
    split(text).is_some()
}

/// The value of an amount as a number, for comparison. Large ones lose precision.
pub fn value(text: &str) -> Option<f64> {
    let (number, suffix) = split(text)?;
    let number: f64 = number.parse().ok()?;
    Some(number * factor(suffix)?)
}

fn split(text: &str) -> Option<(&str, &str)> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = text.len() - digits.len();
    let end = digits.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let (number, suffix) = text.split_at(sign + end.unwrap_or(digits.len()));
    let figures = number.bytes().any(|byte| byte.is_ascii_digit());
    let points = number.bytes().filter(|byte| *byte == b'.').count();
    (figures && points <= 1 && factor(suffix).is_some()).then_some((number, suffix))
}

fn factor(suffix: &str) -> Option<f64> {
    Some(match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        exponent => {
            let digits = exponent.strip_prefix(['e', 'E'])?;
            10f64.powi(digits.parse::<i32>().ok()?.clamp(-400, 400))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_values() {
        let cases = [
            ("1", 1.0),
            ("500m", 0.5),
            ("1Gi", 1_073_741_824.0),
            ("-2k", -2000.0),
            ("1e3", 1000.0),
            ("1E3", 1000.0),
            ("1E", 1e18),
            (".5", 0.5),
            ("5.", 5.0),
            ("+1n", 1e-9),
            ("1e-2", 0.01),
        ];
        for (text, expected) in cases {
            let found = value(text).unwrap();
            assert!(
                (found - expected).abs() <= expected.abs() * 1e-12,
                "{text}: {found}"
            );
        }
        for text in [
            "", "m", "1 Gi", "1gi", "1.2.3", "--1", "1e", "1KiB", "é", "1é", ".",
        ] {
            assert!(!is_valid(text), "{text}");
        }
    }
}
