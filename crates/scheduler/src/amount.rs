//! Amounts of resources.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Amounts by resource: processor in thousandths of a core, everything else in its own unit (bytes,
/// pieces). Text that is no quantity counts as zero; the API refuses such text.
///
/// The four resources that every node has are fields, since every decision compares them on every
/// node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Amounts {
    pub(crate) cpu: i64,
    pub(crate) memory: i64,
    pub(crate) storage: i64,
    pub(crate) pods: i64,
    /// Extended resources and huge pages, by name.
    pub(crate) others: BTreeMap<String, i64>,
}

impl Amounts {
    pub(crate) fn of(quantities: Option<&BTreeMap<String, Quantity>>) -> Self {
        let mut amounts = Self::default();
        for (name, quantity) in quantities.into_iter().flatten() {
            amounts.take(name, quantity);
        }
        amounts
    }

    pub(crate) fn set(&mut self, name: &str, amount: i64) {
        match name {
            "cpu" => self.cpu = amount,
            "memory" => self.memory = amount,
            "ephemeral-storage" => self.storage = amount,
            "pods" => self.pods = amount,
            _ => {
                self.others.insert(name.to_owned(), amount);
            }
        }
    }

    /// Sets one resource as the API writes it.
    pub(crate) fn take(&mut self, name: &str, quantity: &Quantity) {
        self.set(name, amount(name, quantity));
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
        self.cpu = combine(self.cpu, other.cpu);
        self.memory = combine(self.memory, other.memory);
        self.storage = combine(self.storage, other.storage);
        self.pods = combine(self.pods, other.pods);
        for (name, amount) in &other.others {
            match self.others.get_mut(name) {
                Some(present) => *present = combine(*present, *amount),
                None => {
                    self.others.insert(name.clone(), combine(0, *amount));
                }
            }
        }
    }
}

/// What a list of resources says about one of them, in the unit of [`Amounts`].
pub(crate) fn named(quantities: Option<&BTreeMap<String, Quantity>>, name: &str) -> Option<i64> {
    quantities?.get(name).map(|quantity| amount(name, quantity))
}

/// A number of bytes or pieces.
pub(crate) fn pieces(quantity: &Quantity) -> i64 {
    amount("", quantity)
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
    let fraction: i128 = padded.get(..9)?.parse().ok()?;
    let whole: i128 = if whole.is_empty() {
        0
    } else if whole.bytes().all(|digit| digit.is_ascii_digit()) {
        // More digits than any number has room for: as much as there can be.
        whole.parse().unwrap_or(i128::MAX)
    } else {
        return None;
    };
    let value = whole.saturating_mul(1_000_000_000).saturating_add(fraction);
    let value = scale(value, suffix)?;
    Some(if negative { -value } else { value })
}

fn scale(value: i128, suffix: &str) -> Option<i128> {
    // Nothing times anything is nothing; else what has no place in a number is the largest there is.
    let decimal = |power: u32| Some(value.saturating_mul(10_i128.saturating_pow(power)));
    let binary = |power: u32| Some(value.saturating_mul(1024_i128.saturating_pow(power)));
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
            power => Some(value / 10_i128.saturating_pow(power.unsigned_abs())),
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
        let most = [
            "1e308",
            "8Ei",
            "9999999999999999999999999999999999999999999",
            "1E30",
        ];
        assert_eq!(most.map(|text| read("memory", text)), [i64::MAX; 4]);
        assert_eq!(read("memory", "0e308"), 0);
        assert_eq!(read("memory", "1e-308"), 0);
    }
}
