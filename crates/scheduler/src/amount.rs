//! Amounts of resources.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Amounts by resource name: `cpu` in thousandths of a core, everything else in its own unit
/// (bytes, pieces). Text that is no quantity counts as zero; the API refuses such text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Amounts(BTreeMap<String, i64>);

impl Amounts {
    pub(crate) fn of(quantities: Option<&BTreeMap<String, Quantity>>) -> Self {
        let quantities = quantities.into_iter().flatten();
        Self(
            quantities
                .map(|(name, quantity)| (name.clone(), amount(name, quantity)))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(name, amount)| (name.as_str(), *amount))
    }

    pub(crate) fn set(&mut self, name: &str, amount: i64) {
        self.0.insert(name.to_owned(), amount);
    }

    /// Fills in what is not named here.
    pub(crate) fn or(mut self, other: Self) -> Self {
        for (name, amount) in other.0 {
            self.0.entry(name).or_insert(amount);
        }
        self
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.change(other, i64::saturating_add);
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        self.change(other, i64::saturating_sub);
    }

    /// Takes the larger of each.
    pub(crate) fn raise(&mut self, other: &Self) {
        self.change(other, i64::max);
    }

    fn change(&mut self, other: &Self, combine: impl Fn(i64, i64) -> i64) {
        for (name, amount) in &other.0 {
            match self.0.get_mut(name) {
                Some(present) => *present = combine(*present, *amount),
                None => {
                    self.0.insert(name.clone(), combine(0, *amount));
                }
            }
        }
    }
}

fn amount(name: &str, quantity: &Quantity) -> i64 {
    let nano = nano(&quantity.0).unwrap_or(0);
    let unit = if name == "cpu" {
        1_000_000
    } else {
        1_000_000_000
    };
    // Rounded up, as upstream does: a request is never taken for less than it is.
    let rounded = nano.div_euclid(unit) + i128::from(nano.rem_euclid(unit) != 0);
    i64::try_from(rounded).unwrap_or(i64::MAX)
}

/// A quantity in billionths: a decimal number with a suffix (`m`, `k`, `Mi`, …) or an exponent.
fn nano(text: &str) -> Option<i128> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && !"+-.".contains(letter))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let padded = format!("{fraction:0<9}");
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let value = whole.checked_mul(1_000_000_000)? + padded.get(..9)?.parse::<i128>().ok()?;
    let value = scale(value, suffix)?;
    Some(if negative { -value } else { value })
}

fn scale(value: i128, suffix: &str) -> Option<i128> {
    let decimal = |power: u32| value.checked_mul(10_i128.checked_pow(power)?);
    let binary = |power: u32| value.checked_mul(1024_i128.checked_pow(power)?);
    match suffix {
        "" => Some(value),
        "n" => Some(value / 1_000_000_000),
        "u" => Some(value / 1_000_000),
        "m" => Some(value / 1_000),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        exponent => match exponent.strip_prefix(['e', 'E'])?.parse::<i32>().ok()? {
            power if power >= 0 => decimal(power.unsigned_abs()),
            power => Some(value / 10_i128.checked_pow(power.unsigned_abs())?),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_in_every_notation() {
        let read = |name: &str, text: &str| amount(name, &Quantity(text.to_owned()));
        assert_eq!(
            ["100m", "1", "1.5", "0.1", "1u"].map(|text| read("cpu", text)),
            [100, 1000, 1500, 100, 1]
        );
        assert_eq!(
            ["64Mi", "1G", "1e3", "12E2", "1.5Ki", "100"].map(|text| read("memory", text)),
            [67_108_864, 1_000_000_000, 1000, 1200, 1536, 100]
        );
        assert_eq!(read("memory", "lots"), 0);
    }
}
