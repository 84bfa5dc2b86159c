//! Reading Kubernetes quantities as whole numbers.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Suffixes and what they multiply by, in thousandths.
const SUFFIXES: [(&str, i128); 14] = [
    ("m", 1),
    ("Ki", 1_000 << 10),
    ("Mi", 1_000 << 20),
    ("Gi", 1_000 << 30),
    ("Ti", 1_000 << 40),
    ("Pi", 1_000 << 50),
    ("Ei", 1_000 << 60),
    ("k", 1_000_000),
    ("M", 1_000_000_000),
    ("G", 1_000_000_000_000),
    ("T", 1_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000_000),
    ("", 1_000),
];

/// The quantity in thousandths, rounded up: `100m` is 100, `2` is 2000. Absent where it cannot be
/// read or is negative.
pub(crate) fn millis(quantity: &Quantity) -> Option<u64> {
    u64::try_from(thousandths(&quantity.0)?).ok()
}

/// The quantity in whole units, rounded up: `64Mi` is 67108864, `1500m` is 2.
pub(crate) fn units(quantity: &Quantity) -> Option<u64> {
    u64::try_from((thousandths(&quantity.0)? + 999).div_euclid(1_000)).ok()
}

fn thousandths(text: &str) -> Option<i128> {
    let text = text.trim();
    if let Some(value) = exponent(text) {
        return Some(value);
    }
    let (digits, scale) = SUFFIXES
        .iter()
        .find_map(|(suffix, scale)| text.strip_suffix(suffix).map(|digits| (digits, *scale)))?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number: i128 = format!("{whole}{fraction}").parse().ok()?;
    let divisor = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let value = number.checked_mul(scale)?;
    (value + divisor - 1).checked_div(divisor)
}

/// Reads `1e3` and `12E6`.
fn exponent(text: &str) -> Option<i128> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    exponent.parse::<i32>().ok()?;
    let value = text
        .parse::<f64>()
        .ok()
        .filter(|value| *value >= 0.0 && !mantissa.is_empty())?;
    Some((value * 1_000.0).ceil() as i128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_of_every_form_are_read() {
        let read = |text: &str| millis(&Quantity(text.to_owned()));
        assert_eq!(read("100m"), Some(100));
        assert_eq!(read("2"), Some(2_000));
        assert_eq!(read("0.5"), Some(500));
        assert_eq!(read("1e3"), Some(1_000_000));
        assert_eq!(read("1.5Gi"), Some(1_610_612_736_000));
        assert_eq!(read("-1"), None);
        assert_eq!(read("lots"), None);
        assert_eq!(units(&Quantity("64Mi".into())), Some(67_108_864));
        assert_eq!(
            units(&Quantity("1E".into())),
            Some(1_000_000_000_000_000_000)
        );
    }
}
