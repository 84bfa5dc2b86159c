//! The rules of `tags` and `flavor`.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::version::Version;

/// The event that tags are made from.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) reference: String,
    pub(super) commit: String,
    pub(super) default_branch: String,
    pub(super) now: Timestamp,
}

/// What the rules give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The tags, the one of highest priority first.
    pub(super) tags: Vec<String>,
    /// The first tag.
    pub(super) version: String,
}

/// What the original does where no rule is written.
const DEFAULT: [&str; 4] = [
    "type=schedule",
    "type=ref,event=branch",
    "type=ref,event=tag",
    "type=ref,event=pr",
];

/// The rules: type, priority, and what makes the tag (`None`: not for this event).
type Make = fn(&Event, &Attributes) -> Result<Option<String>, String>;
const TYPES: &[(&str, i64, Make)] = &[
    ("schedule", 1000, |_, _| Ok(None)),
    ("semver", 900, semver),
    ("match", 800, matched),
    ("edge", 700, |event, attributes| Ok(edge(event, attributes))),
    ("ref", 600, reference),
    ("raw", 200, |event, attributes| {
        Ok(Some(expand(event, attributes.get("value"))?))
    }),
    ("sha", 100, sha),
];

const KNOWN: &[&str] = &[
    "type", "priority", "enable", "prefix", "suffix", "format", "event", "pattern", "value",
    "branch", "group",
];

/// One rule's attributes.
#[derive(Debug, Default)]
struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// Reads `type=sha,prefix=`.
    fn parse(line: &str, known: &[&str]) -> Result<Self, String> {
        let mut attributes = BTreeMap::new();
        for part in line.split(',') {
            let Some((name, value)) = part.split_once('=') else {
                // A bare word is a raw tag.
                attributes.insert("type".to_owned(), "raw".to_owned());
                attributes.insert("value".to_owned(), part.trim().to_owned());
                continue;
            };
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if !known.contains(&name) {
                return Err(format!(
                    "`{line}`: unknown attribute `{name}`{}",
                    crate::suggest::hint(name, known.iter().copied())
                ));
            }
            attributes.insert(name.to_owned(), value.to_owned());
        }
        Ok(Self(attributes))
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn or(&self, name: &str, default: &str) -> String {
        self.0
            .get(name)
            .map_or_else(|| default.to_owned(), Clone::clone)
    }
}

/// `latest`, and what goes before and after every tag.
struct Flavor {
    latest: String,
    prefix: String,
    suffix: String,
}

/// The tags that the rules give for an event.
pub(super) fn tags(event: &Event, rules: &[String], flavor: &[String]) -> Result<Found, String> {
    let flavor = read_flavor(flavor)?;
    let defaults = DEFAULT.map(str::to_owned);
    let rules = if rules.is_empty() {
        &defaults[..]
    } else {
        rules
    };
    let mut made: Vec<(i64, String)> = Vec::new();
    let mut latest = flavor.latest == "true";
    for rule in rules {
        let attributes = Attributes::parse(rule, KNOWN)?;
        let name = attributes.get("type");
        let Some((kind, priority, make)) = TYPES.iter().find(|(kind, _, _)| *kind == name) else {
            let hint = crate::suggest::hint(name, TYPES.iter().map(|(kind, _, _)| *kind));
            return Err(format!("`{rule}`: unknown type `{name}`{hint}"));
        };
        let enable = expand(event, &attributes.or("enable", "true"))?;
        if enable != "true" {
            continue;
        }
        let Some(tag) = make(event, &attributes)? else {
            continue;
        };
        let priority = attributes.get("priority").parse().unwrap_or(*priority);
        let prefix = expand(
            event,
            &attributes.or("prefix", default_prefix(kind, &flavor)),
        )?;
        let suffix = expand(event, &attributes.or("suffix", &flavor.suffix))?;
        made.push((priority, clean(&format!("{prefix}{tag}{suffix}"))));
        let is_release = match *kind {
            "semver" => !tag.contains('-'),
            "match" => true,
            "ref" => attributes.get("event") == "tag",
            _ => false,
        };
        latest |= is_release && flavor.latest == "auto";
    }
    // Stable: rules of one priority keep their order.
    made.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
    let mut tags: Vec<String> = Vec::new();
    for (_, tag) in made {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    let version = tags.first().cloned().unwrap_or_default();
    if latest && !tags.is_empty() {
        tags.push("latest".to_owned());
    }
    Ok(Found { tags, version })
}

fn default_prefix<'a>(kind: &str, flavor: &'a Flavor) -> &'a str {
    if kind == "sha" && flavor.prefix.is_empty() {
        "sha-"
    } else {
        &flavor.prefix
    }
}

fn read_flavor(lines: &[String]) -> Result<Flavor, String> {
    let mut all = BTreeMap::new();
    for line in lines {
        let known = ["latest", "prefix", "suffix", "onlatest"];
        all.extend(Attributes::parse(line, &known)?.0);
    }
    let take = |name: &str, default: &str| {
        all.get(name)
            .map_or_else(|| default.to_owned(), String::clone)
    };
    Ok(Flavor {
        latest: take("latest", "auto"),
        prefix: take("prefix", ""),
        suffix: take("suffix", ""),
    })
}

fn branch(event: &Event) -> Option<&str> {
    event.reference.strip_prefix("refs/heads/")
}

fn tag(event: &Event) -> Option<&str> {
    event.reference.strip_prefix("refs/tags/")
}

fn reference(event: &Event, attributes: &Attributes) -> Result<Option<String>, String> {
    match attributes.get("event") {
        "branch" => Ok(branch(event).map(str::to_owned)),
        "tag" => Ok(tag(event).map(str::to_owned)),
        "pr" => Ok(event
            .reference
            .strip_prefix("refs/pull/")
            .and_then(|rest| rest.split('/').next())
            .map(|number| format!("pr-{number}"))),
        other => Err(format!(
            "`type=ref,event={other}`: use event=branch, tag or pr"
        )),
    }
}

fn sha(event: &Event, attributes: &Attributes) -> Result<Option<String>, String> {
    match attributes.or("format", "short").as_str() {
        "short" => Ok(Some(
            event.commit.get(..7).unwrap_or(&event.commit).to_owned(),
        )),
        "long" => Ok(Some(event.commit.clone())),
        other => Err(format!("`type=sha,format={other}`: use short or long")),
    }
}

fn semver(event: &Event, attributes: &Attributes) -> Result<Option<String>, String> {
    let pattern = attributes.get("pattern");
    if pattern.is_empty() {
        return Err("`type=semver` needs `pattern`, such as pattern={{version}}".to_owned());
    }
    let text = match attributes.get("value") {
        "" => tag(event).unwrap_or_default().to_owned(),
        value => expand(event, value)?,
    };
    Version::parse(&text)
        .map(|version| version.fill(pattern))
        .transpose()
}

fn matched(event: &Event, attributes: &Attributes) -> Result<Option<String>, String> {
    let Some(tag) = tag(event) else {
        return Ok(None);
    };
    let pattern = attributes.get("pattern");
    let regex = regex::Regex::new(pattern.trim_matches('/'))
        .map_err(|error| format!("`type=match,pattern={pattern}`: {error}"))?;
    let group = attributes.or("group", "0");
    let group: usize = group
        .parse()
        .map_err(|_| format!("`group={group}` is no number"))?;
    Ok(regex
        .captures(tag)
        .and_then(|found| Some(found.get(group)?.as_str().to_owned())))
}

fn edge(event: &Event, attributes: &Attributes) -> Option<String> {
    let wanted = attributes.or("branch", &event.default_branch);
    (branch(event) == Some(wanted.as_str())).then(|| "edge".to_owned())
}

/// Fills `{{branch}}` and its kin.
fn expand(event: &Event, text: &str) -> Result<String, String> {
    let mut output = String::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let inner = &rest[open + 2..];
        let close = inner
            .find("}}")
            .ok_or_else(|| format!("`{text}`: `{{{{` is not closed"))?;
        output.push_str(&rest[..open]);
        output.push_str(&value(event, inner[..close].trim())?);
        rest = &inner[close + 2..];
    }
    output.push_str(rest);
    Ok(output)
}

fn value(event: &Event, name: &str) -> Result<String, String> {
    if let Some(format) = name.strip_prefix("date ") {
        return Ok(date(event, format.trim().trim_matches('\'')));
    }
    match name {
        "branch" => Ok(branch(event).unwrap_or_default().to_owned()),
        "tag" => Ok(tag(event).unwrap_or_default().to_owned()),
        "sha" => Ok(event.commit.get(..7).unwrap_or(&event.commit).to_owned()),
        "base_ref" => Ok(String::new()),
        "is_default_branch" => Ok((branch(event) == Some(&event.default_branch)).to_string()),
        other => Err(format!(
            "`{{{{{other}}}}}` is not known: use branch, tag, sha, base_ref, is_default_branch or date 'YYYYMMDD'"
        )),
    }
}

/// The date in a format of Moment.js, as far as tags need it, in UTC.
fn date(event: &Event, format: &str) -> String {
    const PARTS: [(&str, &str); 7] = [
        ("YYYY", "%Y"),
        ("MM", "%m"),
        ("DD", "%d"),
        ("HH", "%H"),
        ("mm", "%M"),
        ("ss", "%S"),
        ("X", "%s"),
    ];
    let pattern = PARTS
        .iter()
        .fold(format.replace('%', "%%"), |text, (from, to)| {
            text.replace(from, to)
        });
    event.now.strftime(&pattern).to_string()
}

/// What a registry allows in a tag; everything else becomes a dash.
fn clean(tag: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
    tag.chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .take(128)
        .collect()
}
