//! Python's versions (PEP 440).

/// A version, in the parts in which it is compared.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    epoch: u64,
    /// Without zeros at the end: `1.0` and `1` are equal.
    release: Vec<u64>,
    phase: Phase,
    post: Option<u64>,
    dev: Dev,
    local: Vec<Local>,
}

/// Before the release proper; a version with only `.dev` comes before all its pre-releases.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    OnlyDev,
    Alpha(u64),
    Beta(u64),
    Candidate(u64),
    Final,
}

/// A development snapshot comes before what it leads to.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dev {
    Snapshot(u64),
    None,
}

/// Numbers come after words.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Word(String),
    Number(u64),
}

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix('v').unwrap_or(&text);
        let (public, local) = match text.split_once('+') {
            Some((public, local)) => (
                public,
                local.split(['.', '-', '_']).map(local_part).collect(),
            ),
            None => (text, Vec::new()),
        };
        let (epoch, rest) = match public.split_once('!') {
            Some((epoch, rest)) => (epoch.parse().ok()?, rest),
            None => (0, public),
        };
        let mut rest = rest;
        let mut release = vec![number(&mut rest)?];
        while let Some(after) = rest.strip_prefix('.') {
            let mut after = after;
            let Some(part) = number(&mut after) else {
                break;
            };
            release.push(part);
            rest = after;
        }
        let pre = pre_release(&mut rest);
        let post = post_release(&mut rest);
        let dev = marked(&mut rest, &["dev"]);
        if !rest.is_empty() {
            return None;
        }
        while release.len() > 1 && release.last() == Some(&0) {
            release.pop();
        }
        let phase = match (pre, &post, &dev) {
            (Some(phase), ..) => phase,
            (None, None, Some(_)) => Phase::OnlyDev,
            _ => Phase::Final,
        };
        Some(Self {
            epoch,
            release,
            phase,
            post,
            dev: dev.map_or(Dev::None, Dev::Snapshot),
            local,
        })
    }
}

fn local_part(text: &str) -> Local {
    text.parse()
        .map_or_else(|_| Local::Word(text.to_owned()), Local::Number)
}

fn number(rest: &mut &str) -> Option<u64> {
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let number = rest[..end].parse().ok()?;
    *rest = &rest[end..];
    Some(number)
}

fn pre_release(rest: &mut &str) -> Option<Phase> {
    let alpha = marked(rest, &["alpha", "a"]).map(Phase::Alpha);
    let beta = || marked(rest, &["beta", "b"]).map(Phase::Beta);
    let early = alpha.or_else(beta);
    early.or_else(|| marked(rest, &["preview", "pre", "rc", "c"]).map(Phase::Candidate))
}

fn post_release(rest: &mut &str) -> Option<u64> {
    // `1.0-1` is a short form of `1.0.post1`.
    if let Some(mut after) = rest.strip_prefix('-')
        && let Some(count) = number(&mut after)
    {
        *rest = after;
        return Some(count);
    }
    marked(rest, &["post", "rev", "r"])
}

/// A word with an optional separator before it and an optional number behind it.
fn marked(rest: &mut &str, words: &[&str]) -> Option<u64> {
    let separators = ['.', '-', '_'];
    let start = rest.strip_prefix(separators).unwrap_or(rest);
    let after = words.iter().find_map(|word| start.strip_prefix(word))?;
    let mut tail = after.strip_prefix(separators).unwrap_or(after);
    let count = if let Some(count) = number(&mut tail) {
        count
    } else {
        tail = after;
        0
    };
    *rest = tail;
    Some(count)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    #[test]
    fn versions_are_ordered_as_pep_440_says() {
        let ordered = [
            "1.dev0",
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.0.15",
            "1.1.dev1",
            "2!0.1",
        ];
        for pair in ordered.windows(2) {
            let (left, right) = (
                Version::parse(pair[0]).unwrap(),
                Version::parse(pair[1]).unwrap(),
            );
            assert_eq!(left.cmp(&right), Ordering::Less, "{pair:?}");
        }
        for (left, right) in [
            ("1.0", "1"),
            ("v1.0-1", "1.0.post1"),
            ("1.0-alpha.1", "1a1"),
            ("1.0_rc", "1.0c0"),
            ("1.0.0.PRE2", "1rc2"),
        ] {
            assert_eq!(
                Version::parse(left),
                Version::parse(right),
                "{left} {right}"
            );
        }
        for bad in ["", "abc", "1.0x", "1..0", "1.0 beta"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }
}
