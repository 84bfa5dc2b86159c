//! Selectors by fields.

use super::Error;

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Comparison {
    Equal,
    Unequal,
}

/// A condition on one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The path of the field, such as `status.phase`.
    pub field: String,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub value: String,
}

/// Conditions on fields, all of which must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    terms: Vec<Term>,
}

impl Field {
    /// Reads the text form: `status.phase=Running,spec.nodeName!=a`. A backslash makes the next `,`, `=`
    /// or backslash a part of the value.
    ///
    /// # Errors
    /// With the position in the text. Whether a kind has the fields is the caller's to say.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut terms = Vec::new();
        for (at, part) in split(text) {
            if !part.is_empty() {
                terms.push(term(text, at, part)?);
            }
        }
        Ok(Self { terms })
    }

    /// The conditions.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether everything is selected.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether fields that are found by path meet all conditions; an absent field is "".
    pub fn matches<'a>(&self, find: impl Fn(&str) -> &'a str) -> bool {
        self.terms
            .iter()
            .all(|term| (find(&term.field) == term.value) == (term.comparison == Comparison::Equal))
    }

    /// The value that a field must equal, if there is one.
    pub fn pinned(&self, field: &str) -> Option<&str> {
        let pins = |term: &&Term| term.field == field && term.comparison == Comparison::Equal;
        self.terms.iter().find(pins).map(|term| term.value.as_str())
    }
}

/// The parts between commas that no backslash precedes, with their positions.
fn split(text: &str) -> Vec<(usize, &str)> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (index, letter) in text.char_indices() {
        if letter == ',' && !escaped {
            parts.push((start, &text[start..index]));
            start = index + 1;
        }
        escaped = letter == '\\' && !escaped;
    }
    parts.push((start, &text[start..]));
    parts
}

fn term(text: &str, at: usize, part: &str) -> Result<Term, Error> {
    let syntax = |at: usize, message: String| Error::Syntax {
        text: text.to_owned(),
        at,
        message,
    };
    let operators = [
        ("!=", Comparison::Unequal),
        ("==", Comparison::Equal),
        ("=", Comparison::Equal),
    ];
    let position = part.find(['=', '!']);
    let found = position.and_then(|position| {
        let (field, rest) = part.split_at(position);
        let (sign, comparison) = operators.iter().find(|(sign, _)| rest.starts_with(sign))?;
        Some((field.trim(), *comparison, position + sign.len()))
    });
    let Some((field, comparison, value_at)) = found else {
        return Err(syntax(
            at,
            format!("can't understand {part:?}; expected field=value"),
        ));
    };
    if field.is_empty() {
        return Err(syntax(
            at,
            "a field must be named before the comparison".to_owned(),
        ));
    }
    let mut value = String::new();
    let mut letters = part[value_at..].char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some((_, next @ ('\\' | ',' | '='))) => value.push(next),
                _ => return Err(syntax(at + value_at + index, "invalid escape".to_owned())),
            },
            '=' => {
                return Err(syntax(
                    at + value_at + index,
                    "unescaped '=' in the value".to_owned(),
                ));
            }
            letter => value.push(letter),
        }
    }
    Ok(Term {
        field: field.to_owned(),
        comparison,
        value: value.trim().to_owned(),
    })
}
