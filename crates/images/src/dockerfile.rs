//! Reading Dockerfiles, by the rules of BuildKit's own front end.
//!
//! ```text
//!   text ──lines──▶ logical lines ──instruction──▶ Instruction ──▶ stages
//!          escape, comments,        JSON and shell forms,
//!          here-documents           flags
//! ```
//!
//! Variables are kept as written: they are replaced when the build reaches them, by [`expand`].

pub mod expand;
mod instruction;
mod lines;
mod words;

use std::fmt;

pub use instruction::{Command, Copy, Heredoc, Instruction, Source};
pub use lines::Line;

/// A whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// The file's name, for messages.
    pub name: String,
    /// The character that continues lines and takes the meaning from the next one.
    pub escape: char,
    /// `ARG`s before the first `FROM`.
    pub arguments: Vec<Step>,
    /// The stages, in order; at least one.
    pub stages: Vec<Stage>,
}

/// What stands between one `FROM` and the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The image or earlier stage it starts from, with variables.
    pub base: String,
    /// Its name, in lower case.
    pub name: Option<String>,
    /// `--platform`, with variables.
    pub platform: Option<String>,
    /// Where the `FROM` is.
    pub line: usize,
    /// The `FROM` as written.
    pub text: String,
    /// What follows.
    pub steps: Vec<Step>,
}

/// An instruction and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The line it starts on, from 1.
    pub line: usize,
    /// As written, continuation lines joined.
    pub text: String,
    /// What it says.
    pub instruction: Instruction,
}

/// A file that cannot be read, or that says what cannot be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The file's name.
    pub file: String,
    /// The line, from 1; 0 where it is about the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.problem),
            line => write!(f, "{}:{line}: {}", self.file, self.problem),
        }
    }
}

impl std::error::Error for Error {}

/// Reads a file whose name is `name`.
///
/// # Errors
/// The first problem, with its line.
pub fn parse(name: &str, text: &str) -> Result<Dockerfile, Error> {
    let fail = |line, problem| Error {
        file: name.to_owned(),
        line,
        problem,
    };
    let (escape, lines) = lines::split(text).map_err(|(line, problem)| fail(line, problem))?;
    let mut file = Dockerfile {
        name: name.to_owned(),
        escape,
        arguments: Vec::new(),
        stages: Vec::new(),
    };
    for line in &lines {
        file.take(line)
            .map_err(|problem| fail(line.number, problem))?;
    }
    match (file.stages.is_empty(), lines.is_empty()) {
        (true, true) => Err(fail(
            0,
            "the file is empty; it needs at least a FROM".to_owned(),
        )),
        (true, false) => Err(fail(0, "there is no FROM".to_owned())),
        _ => Ok(file),
    }
}

/// Reads one instruction that stands in an `ONBUILD` of a base image.
///
/// # Errors
/// What is wrong with it.
pub fn parse_trigger(text: &str) -> Result<Step, String> {
    let (escape, lines) = lines::split(text).map_err(|(_, problem)| problem)?;
    let line = lines.first().ok_or("the trigger is empty")?;
    Ok(Step {
        line: 0,
        text: line.text.clone(),
        instruction: instruction::parse(line, escape)?,
    })
}

impl Dockerfile {
    fn take(&mut self, line: &Line) -> Result<(), String> {
        if line.keyword() == "FROM" {
            let stage = from(line)?;
            let taken = |known: &Stage| stage.name.is_some() && known.name == stage.name;
            if let (true, Some(name)) = (self.stages.iter().any(taken), &stage.name) {
                return Err(format!("stage {name:?} is there already"));
            }
            self.stages.push(stage);
            return Ok(());
        }
        let instruction = instruction::parse(line, self.escape)?;
        let step = Step {
            line: line.number,
            text: line.text.clone(),
            instruction,
        };
        match (self.stages.last_mut(), &step.instruction) {
            (Some(stage), _) => stage.steps.push(step),
            (None, Instruction::Arg(_)) => self.arguments.push(step),
            (None, _) => {
                return Err(format!(
                    "{} before the first FROM; only ARG may stand there",
                    line.keyword()
                ));
            }
        }
        Ok(())
    }

    /// The index of a stage, by its name or number.
    pub fn stage(&self, name: &str) -> Option<usize> {
        let lower = name.to_lowercase();
        let named = self
            .stages
            .iter()
            .position(|stage| stage.name.as_deref() == Some(&lower));
        named.or_else(|| name.parse().ok().filter(|index| *index < self.stages.len()))
    }
}

/// `FROM [--platform=…] image [AS name]`.
fn from(line: &Line) -> Result<Stage, String> {
    let (flags, rest) = instruction::flags(line.rest());
    let mut platform = None;
    for (name, value) in flags {
        match name.as_str() {
            "platform" => platform = value,
            other => return Err(format!("FROM has no flag --{other}")),
        }
    }
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (base, name) = match words.as_slice() {
        [base] => (*base, None),
        [base, keyword, name] if keyword.eq_ignore_ascii_case("as") => {
            (*base, Some(stage_name(name)?))
        }
        [] => return Err("FROM needs an image: FROM seatrial/host".to_owned()),
        _ => return Err("FROM takes one image, and optionally `AS name`".to_owned()),
    };
    Ok(Stage {
        base: base.to_owned(),
        name,
        platform,
        line: line.number,
        text: line.text.clone(),
        steps: Vec::new(),
    })
}

fn stage_name(name: &str) -> Result<String, String> {
    let lower = name.to_lowercase();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if lower.starts_with(|c: char| c.is_ascii_lowercase()) && lower.chars().all(is_plain) {
        return Ok(lower);
    }
    Err(format!(
        "stage name {name:?} must start with a letter and hold letters, digits, `-`, `_` and `.` only"
    ))
}

#[cfg(test)]
#[allow(clippy::format_push_string, clippy::format_collect)] // Snapshots are built line by line.
mod tests;
