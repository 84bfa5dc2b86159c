//! One instruction at a time.

use std::time::Duration;

use super::Line;
use super::words::{HeredocMark, heredoc_mark, json_list, nearest, split_quoted};
use crate::image::Healthcheck;

/// What a line asks for. Texts still have their variables and quotes where BuildKit replaces them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// `ARG name[=default] …`.
    Arg(Vec<(String, Option<String>)>),
    /// `ENV name=value …`.
    Env(Vec<(String, String)>),
    /// `LABEL name=value …`.
    Label(Vec<(String, String)>),
    /// `COPY`.
    Copy(Copy),
    /// `ADD`: like `COPY`, and archives are unpacked.
    Add(Copy),
    /// `RUN`.
    Run(Command, Vec<Heredoc>),
    /// `WORKDIR`.
    Workdir(String),
    /// `USER`.
    User(String),
    /// `EXPOSE`.
    Expose(Vec<String>),
    /// `VOLUME`.
    Volume(Vec<String>),
    /// `ENTRYPOINT`.
    Entrypoint(Command),
    /// `CMD`.
    Cmd(Command),
    /// `SHELL`.
    Shell(Vec<String>),
    /// `STOPSIGNAL`.
    StopSignal(String),
    /// `HEALTHCHECK`; the command is kept apart until the shell is known.
    Healthcheck(Healthcheck, Option<Command>),
    /// `ONBUILD`, kept as text.
    OnBuild(String),
    /// `MAINTAINER`.
    Maintainer(String),
}

/// A command in one of its two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `["program", "argument"]`.
    Exec(Vec<String>),
    /// A text for the shell.
    Shell(String),
}

/// `COPY` and `ADD`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    /// The stage or image to copy from; absent is the build context.
    pub from: Option<String>,
    /// `--chown`.
    pub owner: Option<String>,
    /// `--chmod`.
    pub mode: Option<String>,
    /// What to copy.
    pub sources: Vec<Source>,
    /// Where to.
    pub destination: String,
}

/// Something to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path or pattern.
    Path(String),
    /// A file whose content stands in the Dockerfile.
    Inline(Heredoc),
}

/// A here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// Its delimiter, which is also the file's name in a `COPY`.
    pub name: String,
    /// Its lines.
    pub body: String,
    /// Whether variables in it stay as they are.
    pub is_literal: bool,
}

const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

pub(super) fn parse(line: &Line, escape: char) -> Result<Instruction, String> {
    let (keyword, rest) = (line.keyword(), line.rest());
    if !KEYWORDS.contains(&keyword.as_str()) {
        let written = line.text.split_whitespace().next().unwrap_or_default();
        let meant = nearest(&keyword, &KEYWORDS).map(|meant| format!(" (did you mean {meant}?)"));
        return Err(format!(
            "unknown instruction: {written}{}",
            meant.unwrap_or_default()
        ));
    }
    if rest.is_empty() {
        return Err(format!("{keyword} needs something after it"));
    }
    let text = || rest.to_owned();
    Ok(match keyword.as_str() {
        "ARG" => Instruction::Arg(arguments(rest, escape)?),
        "ENV" => Instruction::Env(pairs("ENV", rest, escape)?),
        "LABEL" => Instruction::Label(pairs("LABEL", rest, escape)?),
        "COPY" => Instruction::Copy(copy(line, &["from", "chown", "chmod", "link"])?),
        "ADD" => Instruction::Add(copy(line, &["chown", "chmod", "link"])?),
        "RUN" => run(line)?,
        "WORKDIR" => Instruction::Workdir(text()),
        "USER" => Instruction::User(text()),
        "EXPOSE" => Instruction::Expose(rest.split_whitespace().map(str::to_owned).collect()),
        "VOLUME" => Instruction::Volume(json_list(rest).unwrap_or_else(|| words(rest))),
        "ENTRYPOINT" => Instruction::Entrypoint(command(rest)),
        "CMD" => Instruction::Cmd(command(rest)),
        "SHELL" => {
            let list = json_list(rest).filter(|list| !list.is_empty());
            Instruction::Shell(list.ok_or(r#"SHELL needs the JSON form: SHELL ["/bin/sh", "-c"]"#)?)
        }
        "STOPSIGNAL" => Instruction::StopSignal(text()),
        "HEALTHCHECK" => healthcheck(rest)?,
        "ONBUILD" => on_build(line, escape)?,
        "MAINTAINER" => Instruction::Maintainer(text()),
        _ => return Err("FROM cannot stand here".to_owned()),
    })
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn command(text: &str) -> Command {
    json_list(text).map_or_else(|| Command::Shell(text.to_owned()), Command::Exec)
}

/// `--name[=value]` words at the start, and what follows them.
pub(super) fn flags(text: &str) -> (Vec<(String, Option<String>)>, &str) {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(flag) = rest.strip_prefix("--") {
        let end = flag.find(char::is_whitespace).unwrap_or(flag.len());
        let (word, after) = flag.split_at(end);
        rest = after.trim_start();
        if word.is_empty() {
            break;
        }
        found.push(match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word.to_owned(), None),
        });
    }
    (found, rest)
}

fn arguments(rest: &str, escape: char) -> Result<Vec<(String, Option<String>)>, String> {
    let read = |word: String| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word, None),
    };
    let list: Vec<_> = split_quoted(rest, escape).into_iter().map(read).collect();
    match list.iter().find(|(name, _)| !is_variable(name)) {
        Some((name, _)) => Err(format!("ARG {name:?} is no name of a variable")),
        None => Ok(list),
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `name=value …`, or the old form `name value with blanks`.
fn pairs(keyword: &str, rest: &str, escape: char) -> Result<Vec<(String, String)>, String> {
    let words = split_quoted(rest, escape);
    if !words.first().is_some_and(|word| word.contains('=')) {
        let (name, value) = rest.split_once(char::is_whitespace).ok_or_else(|| {
            format!("{keyword} {rest} has no value; write {keyword} {rest}=value")
        })?;
        return Ok(vec![(name.to_owned(), value.trim_start().to_owned())]);
    }
    let read = |word: String| match word.split_once('=') {
        Some(("", _)) => Err(format!("{keyword} {word} has no name")),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(format!("{keyword}: {word:?} is not of the form name=value")),
    };
    words.into_iter().map(read).collect()
}

fn copy(line: &Line, known: &[&str]) -> Result<Copy, String> {
    let keyword = line.keyword();
    let (flags, rest) = flags(line.rest());
    let mut copy = Copy::default();
    for (name, value) in flags {
        if !known.contains(&name.as_str()) {
            return Err(format!(
                "{keyword} --{name} is not supported (known: --{})",
                known.join(", --")
            ));
        }
        match name.as_str() {
            "from" => copy.from = value,
            "chown" => copy.owner = value,
            "chmod" => copy.mode = value,
            // A layer is made without its parents here anyway.
            _ => {}
        }
    }
    let mut words = json_list(rest).unwrap_or_else(|| words(rest));
    let needed = || format!("{keyword} needs at least one source and a destination");
    copy.destination = words.pop().ok_or_else(needed)?;
    if words.is_empty() {
        return Err(needed());
    }
    let mut bodies = line.heredocs.iter();
    copy.sources = words
        .into_iter()
        .map(
            |word| match heredoc_mark(&word).and_then(|_| bodies.next()) {
                Some(found) => Source::Inline(heredoc(found)),
                None => Source::Path(word),
            },
        )
        .collect();
    Ok(copy)
}

fn heredoc((mark, body): &(HeredocMark, String)) -> Heredoc {
    Heredoc {
        name: mark.delimiter.clone(),
        body: body.clone(),
        is_literal: mark.is_literal,
    }
}

fn run(line: &Line) -> Result<Instruction, String> {
    let (flags, rest) = flags(line.rest());
    for (name, value) in flags {
        match (name.as_str(), value.as_deref()) {
            ("network" | "security", Some("default" | "sandbox")) => {}
            (name, value) => {
                let value = value.map(|value| format!("={value}")).unwrap_or_default();
                return Err(format!(
                    "RUN --{name}{value} is not supported; take the flag away, or COPY what it mounts"
                ));
            }
        }
    }
    if rest.is_empty() {
        return Err("RUN needs a command".to_owned());
    }
    Ok(Instruction::Run(
        command(rest),
        line.heredocs.iter().map(heredoc).collect(),
    ))
}

fn healthcheck(rest: &str) -> Result<Instruction, String> {
    let (flags, rest) = flags(rest);
    let mut check = Healthcheck::default();
    for (name, value) in flags {
        let value = value.unwrap_or_default();
        let time = || {
            duration(&value).ok_or_else(|| {
                format!("HEALTHCHECK --{name}={value} is no duration such as 30s or 1m30s")
            })
        };
        match name.as_str() {
            "interval" => check.interval = time()?,
            "timeout" => check.timeout = time()?,
            "start-period" => check.start_period = time()?,
            "start-interval" => check.start_interval = time()?,
            "retries" => {
                let wrong = |_| format!("HEALTHCHECK --retries={value} is no number");
                check.retries = value.parse().map_err(wrong)?;
            }
            _ => return Err(format!("HEALTHCHECK has no flag --{name}")),
        }
    }
    if rest.eq_ignore_ascii_case("none") {
        check.test = vec!["NONE".to_owned()];
        return Ok(Instruction::Healthcheck(check, None));
    }
    match rest.split_once(char::is_whitespace) {
        Some((keyword, rest)) if keyword.eq_ignore_ascii_case("cmd") => {
            Ok(Instruction::Healthcheck(check, Some(command(rest.trim()))))
        }
        _ => Err("HEALTHCHECK needs NONE or CMD and a command".to_owned()),
    }
}

/// A duration as Go writes it, in nanoseconds.
fn duration(text: &str) -> Option<u64> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let length = unit
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(unit.len());
        let seconds = match &unit[..length] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = &unit[length..];
    }
    (!text.is_empty()).then_some(total.as_nanos() as u64)
}

fn on_build(line: &Line, escape: char) -> Result<Instruction, String> {
    let inner = Line {
        text: line.rest().to_owned(),
        ..line.clone()
    };
    match inner.keyword().as_str() {
        keyword @ ("ONBUILD" | "FROM" | "MAINTAINER") => {
            return Err(format!("ONBUILD {keyword} is not allowed"));
        }
        _ => parse(&inner, escape)?,
    };
    let mut text = inner.text;
    for (mark, body) in &inner.heredocs {
        text = format!("{text}\n{body}{}", mark.delimiter);
    }
    Ok(Instruction::OnBuild(text))
}
