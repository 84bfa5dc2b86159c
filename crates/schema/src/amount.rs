//! Amounts one can reckon with: exact, and written as upstream writes them (`resource.Quantity`).

use std::cmp::Ordering;
use std::fmt;

/// The smallest unit that upstream keeps, as a share of one.
const NANO: i128 = 1_000_000_000;

/// The largest amount that is read, as upstream: what is larger is cut to it.
const MOST_READ: i128 = i64::MAX as i128 * NANO;

/// The largest amount that is kept: beyond anything real, with room to reckon.
const LIMIT: i128 = 1 << 120;

/// How an amount is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `1k`, `500m`.
    Decimal,
    /// `1Ki`.
    Binary,
    /// `1e3`.
    Exponent,
}

/// An exact amount in billionths.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    nano: i128,
    format: Format,
}

impl Amount {
    /// None of anything.
    pub const ZERO: Self = Self {
        nano: 0,
        format: Format::Decimal,
    };

    /// A whole number of things.
    pub fn count(number: i64) -> Self {
        Self {
            nano: i128::from(number) * NANO,
            format: Format::Decimal,
        }
    }

    /// Reads an amount such as `500m` or `1Gi`; `None` where the text is none. What is finer than a
    /// billionth is rounded up, and what is too large is cut to the largest that can be kept.
    pub fn parse(text: &str) -> Option<Self> {
        if !crate::quantity::is_valid(text) {
            return None;
        }
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = unsigned
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let (format, scale) = unit(suffix)?;
        let mut nano = digits(whole).saturating_mul(NANO);
        let (part, width) = (digits(cut(fraction, 18)), fraction.len().min(18));
        let unit = 10i128.pow(u32::try_from(width).unwrap_or(0));
        nano = scale.apply(nano, 1)?;
        let part = scale.apply(part.saturating_mul(NANO), unit)?;
        let nano = nano.saturating_add(part).min(MOST_READ);
        let nano = if text.starts_with('-') { -nano } else { nano };
        Some(Self { nano, format })
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.nano == 0
    }

    /// Whether it is less than nothing.
    pub fn is_negative(self) -> bool {
        self.nano < 0
    }

    /// The value as a number; large ones lose precision.
    pub fn value(self) -> f64 {
        self.nano as f64 / NANO as f64
    }

    /// Thousandths, rounded up.
    pub fn thousandths(self) -> i128 {
        round_up(self.nano, NANO / 1000)
    }

    /// The sum, written as `self` is (or as `other`, where `self` is nothing).
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let format = if self.nano == 0 {
            other.format
        } else {
            self.format
        };
        Self {
            nano: self.nano.saturating_add(other.nano).clamp(-LIMIT, LIMIT),
            format,
        }
    }

    /// The difference, written as `self` is (or as `other`, where `self` is nothing).
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.plus(Self {
            nano: -other.nano,
            format: other.format,
        })
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Amount {}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

impl fmt::Display for Amount {
    /// The canonical form: a whole number with the largest unit that leaves it whole.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nano == 0 {
            return formatter.write_str("0");
        }
        let small = self.nano.abs() < 1024 * NANO;
        match self.format {
            Format::Binary if !small => {
                let (number, unit) = shrink(round_up(self.nano, NANO), 1024, 6);
                write!(formatter, "{number}{}", BINARY[unit])
            }
            Format::Exponent => {
                let (number, steps) = shrink(self.nano, 1000, usize::MAX);
                match 3 * (i64::try_from(steps).unwrap_or_default() - 3) {
                    0 => write!(formatter, "{number}"),
                    exponent => write!(formatter, "{number}e{exponent}"),
                }
            }
            Format::Binary | Format::Decimal => {
                let (number, unit) = shrink(self.nano, 1000, DECIMAL.len() - 1);
                write!(formatter, "{number}{}", DECIMAL[unit])
            }
        }
    }
}

const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

/// Divides by `base` as often as nothing is lost, at most `limit` times.
fn shrink(mut number: i128, base: i128, limit: usize) -> (i128, usize) {
    let mut steps = 0;
    while steps < limit && number % base == 0 {
        number /= base;
        steps += 1;
    }
    (number, steps)
}

/// Divides away from zero.
fn round_up(number: i128, by: i128) -> i128 {
    let whole = number / by;
    match number % by {
        0 => whole,
        rest => whole + rest.signum(),
    }
}

/// What a suffix multiplies with.
enum Scale {
    Times(i128),
    Over(i128),
}

impl Scale {
    /// `number` times the scale, over `unit`, rounded up.
    fn apply(&self, number: i128, unit: i128) -> Option<i128> {
        match *self {
            Self::Times(factor) => Some(round_up(number.saturating_mul(factor), unit)),
            Self::Over(divisor) => Some(round_up(number, unit.checked_mul(divisor)?)),
        }
    }
}

fn unit(suffix: &str) -> Option<(Format, Scale)> {
    if let Some(step) = BINARY.iter().skip(1).position(|known| *known == suffix) {
        let power = u32::try_from(step).ok()? + 1;
        return Some((Format::Binary, Scale::Times(1024i128.pow(power))));
    }
    if let Some(step) = DECIMAL.iter().position(|known| *known == suffix) {
        let power = (i32::try_from(step).ok()? - 3) * 3;
        return Some((Format::Decimal, ten(power)));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((Format::Exponent, ten(exponent.clamp(-18, 18))))
}

fn ten(power: i32) -> Scale {
    let size = 10i128.pow(power.unsigned_abs());
    if power < 0 {
        Scale::Over(size)
    } else {
        Scale::Times(size)
    }
}

fn cut(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or(text)
}

/// A number of any length; what does not fit is the largest that can be reckoned with.
fn digits(text: &str) -> i128 {
    // As many billionths as the largest amount has, and with room to turn them into such.
    const LARGEST: i128 = 1 << 95;
    let fold = |sum: i128, digit: u8| (sum * 10 + i128::from(digit - b'0')).min(LARGEST);
    text.bytes().fold(0, fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_upstream_writes_them() {
        let cases = [
            ("0", "0"),
            ("0Gi", "0"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("0.5", "500m"),
            ("1024Mi", "1Gi"),
            ("1536Mi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("100Mi", "100Mi"),
            ("512", "512"),
            ("0.5Ki", "512"),
            ("2000", "2k"),
            ("2500", "2500"),
            ("1e3", "1e3"),
            ("10e2", "1e3"),
            ("1.5e0", "1500e-3"),
            ("-2k", "-2k"),
            ("1E", "1E"),
            ("1n", "1n"),
        ];
        for (text, expected) in cases {
            assert_eq!(Amount::parse(text).unwrap().to_string(), expected, "{text}");
        }
        assert!(Amount::parse("1 Gi").is_none());
    }

    #[test]
    fn sums_keep_the_form_of_the_first() {
        let amount = |text| Amount::parse(text).unwrap();
        assert_eq!(amount("1Gi").plus(amount("512Mi")).to_string(), "1536Mi");
        assert_eq!(Amount::ZERO.plus(amount("512Mi")).to_string(), "512Mi");
        assert_eq!(amount("1").minus(amount("900m")).to_string(), "100m");
        assert!(amount("1").minus(amount("1Ki")).is_negative());
        assert!(amount("1000m") == amount("1") && amount("1Gi") > amount("1G"));
        assert_eq!(amount("1500u").thousandths(), 2);
    }

    #[test]
    fn nothing_overflows() {
        for text in [
            "99999999999999999999999999999Ei",
            "1e99999",
            "1e-99999",
            "0.00000000000000000000000000001",
            "-9223372036854775808E",
        ] {
            let amount = Amount::parse(text).unwrap();
            let _ = (amount.plus(amount).to_string(), amount.thousandths());
        }
    }
}
