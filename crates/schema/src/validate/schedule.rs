//! The schedules of CronJobs: five fields, or a descriptor. The words are those of the parser that upstream
//! uses (`github.com/robfig/cron/v3`, its standard parser).

const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const DESCRIPTORS: &[&str] = &[
    "@annually",
    "@daily",
    "@hourly",
    "@midnight",
    "@monthly",
    "@weekly",
    "@yearly",
];

/// What a field may hold.
struct Range {
    least: u32,
    most: u32,
    names: &'static [&'static str],
    /// The number of the first name.
    first: u32,
}

const FIELDS: [Range; 5] = [
    Range {
        least: 0,
        most: 59,
        names: &[],
        first: 0,
    },
    Range {
        least: 0,
        most: 23,
        names: &[],
        first: 0,
    },
    Range {
        least: 1,
        most: 31,
        names: &[],
        first: 0,
    },
    Range {
        least: 1,
        most: 12,
        names: MONTHS,
        first: 1,
    },
    Range {
        least: 0,
        most: 6,
        names: DAYS,
        first: 0,
    },
];

/// Why a text is no schedule, if it is not.
pub(super) fn problem(text: &str) -> Option<String> {
    if text.contains("TZ") {
        return Some("cannot use TZ or CRON_TZ in schedule, use timeZone field instead".to_owned());
    }
    if let Some(rest) = text.strip_prefix('@') {
        return descriptor(text, rest);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let shown = fields.join(" ");
        return Some(format!(
            "expected exactly 5 fields, found {}: [{shown}]",
            fields.len()
        ));
    }
    let problems = fields.iter().zip(&FIELDS);
    problems
        .flat_map(|(field, range)| field.split(',').map(move |part| (part, range)))
        .find_map(|(part, range)| part_problem(part, range))
}

fn descriptor(text: &str, rest: &str) -> Option<String> {
    if let Some(duration) = rest.strip_prefix("every ") {
        return (!is_duration(duration)).then(|| {
            format!("failed to parse duration {text}: time: invalid duration {duration:?}")
        });
    }
    (!DESCRIPTORS.contains(&text)).then(|| format!("unrecognized descriptor: {text}"))
}

fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .unwrap_or(rest.len());
        let unit = ["ns", "us", "ms", "h", "m", "s"]
            .iter()
            .find(|unit| rest[digits..].starts_with(**unit));
        match unit {
            Some(unit) if digits > 0 => rest = &rest[digits + unit.len()..],
            _ => return false,
        }
    }
    !text.is_empty()
}

/// `*`, a number, a range, or one of these with a step.
fn part_problem(part: &str, range: &Range) -> Option<String> {
    let steps: Vec<&str> = part.split('/').collect();
    let bounds: Vec<&str> = steps[0].split('-').collect();
    if steps.len() > 2 {
        return Some(format!("too many slashes: {part}"));
    }
    let (first, last) = match bounds.as_slice() {
        ["*" | "?"] => (range.least, range.most),
        [one] => match number(one, range) {
            Ok(one) if steps.len() == 2 => (one, range.most),
            Ok(one) => (one, one),
            Err(problem) => return Some(problem),
        },
        [one, other] => match (number(one, range), number(other, range)) {
            (Ok(one), Ok(other)) => (one, other),
            (Err(problem), _) | (_, Err(problem)) => return Some(problem),
        },
        _ => return Some(format!("too many hyphens: {part}")),
    };
    let step = match steps.get(1).map(|step| number(step, &FIELDS[0])) {
        Some(Err(problem)) => return Some(problem),
        Some(Ok(step)) => step,
        None => 1,
    };
    if first < range.least {
        let least = range.least;
        return Some(format!(
            "beginning of range ({first}) below minimum ({least}): {part}"
        ));
    }
    if last > range.most {
        let most = range.most;
        return Some(format!(
            "end of range ({last}) above maximum ({most}): {part}"
        ));
    }
    if first > last {
        return Some(format!(
            "beginning of range ({first}) beyond end of range ({last}): {part}"
        ));
    }
    (step == 0).then(|| format!("step of range should be a positive number: {part}"))
}

fn number(text: &str, range: &Range) -> Result<u32, String> {
    let lower = text.to_lowercase();
    if let Some(index) = range.names.iter().position(|name| *name == lower) {
        return Ok(range.first + u32::try_from(index).unwrap_or_default());
    }
    if let Some(digits) = text.strip_prefix('-')
        && digits.parse::<u32>().is_ok()
    {
        return Err(format!("negative number ({text}) not allowed: {text}"));
    }
    let reason = |error: &std::num::ParseIntError| match error.kind() {
        std::num::IntErrorKind::PosOverflow => "value out of range",
        _ => "invalid syntax",
    };
    text.parse().map_err(|error| {
        format!(
            "failed to parse int from {text}: strconv.Atoi: parsing {text:?}: {}",
            reason(&error)
        )
    })
}
