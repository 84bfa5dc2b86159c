//! Characters to tokens.

use super::Error;

/// A token and the character (from 1) at which it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Name(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ".", ",", "*",
];

/// Splits `source` into tokens.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Error> {
    let characters: Vec<char> = source.chars().collect();
    let mut found = Vec::new();
    let mut index = 0;
    while let Some(&first) = characters.get(index) {
        if first.is_whitespace() {
            index += 1;
            continue;
        }
        let after_value = found.last().is_some_and(ends_value);
        let (kind, length) = token(source, &characters, index, after_value)?;
        found.push(Token {
            at: index + 1,
            kind,
        });
        index += length;
    }
    Ok(found)
}

/// Whether a `.` after this token is a property access rather than the start of a number.
fn ends_value(token: &Token) -> bool {
    match &token.kind {
        Kind::Name(_) => true,
        Kind::Sign(sign) => [")", "]", "*"].contains(sign),
        _ => false,
    }
}

fn token(
    source: &str,
    characters: &[char],
    index: usize,
    after_value: bool,
) -> Result<(Kind, usize), Error> {
    let first = characters[index];
    if first == '\'' {
        return quoted(source, characters, index);
    }
    if first.is_ascii_alphabetic() || first == '_' {
        return Ok(word(characters, index));
    }
    let signed = ['+', '-', '.'].contains(&first) && !after_value;
    if first.is_ascii_digit() || signed {
        return number(source, characters, index);
    }
    for sign in SIGNS {
        if characters[index..]
            .iter()
            .take(sign.len())
            .copied()
            .eq(sign.chars())
        {
            return Ok((Kind::Sign(sign), sign.len()));
        }
    }
    let message = match first {
        '"' => "strings are written in single quotes: found a double quote".to_owned(),
        '=' => "`=` is no operator: use `==`".to_owned(),
        '&' | '|' => format!("`{first}` is no operator: use `{first}{first}`"),
        other => format!("unexpected `{other}`"),
    };
    Err(Error::Syntax {
        message,
        at: index + 1,
        source_text: source.to_owned(),
    })
}

/// A string in single quotes; a doubled quote stands for one.
fn quoted(source: &str, characters: &[char], start: usize) -> Result<(Kind, usize), Error> {
    let mut text = String::new();
    let mut index = start + 1;
    while let Some(&character) = characters.get(index) {
        if character != '\'' {
            text.push(character);
            index += 1;
        } else if characters.get(index + 1) == Some(&'\'') {
            text.push('\'');
            index += 2;
        } else {
            return Ok((Kind::Text(text), index + 1 - start));
        }
    }
    Err(Error::Syntax {
        message: "a string that is not closed".to_owned(),
        at: start + 1,
        source_text: source.to_owned(),
    })
}

fn word(characters: &[char], start: usize) -> (Kind, usize) {
    let word: String = characters[start..]
        .iter()
        .take_while(|character| character.is_ascii_alphanumeric() || ['_', '-'].contains(character))
        .collect();
    let length = word.len();
    let kind = match word.as_str() {
        "null" => Kind::Null,
        "true" => Kind::Bool(true),
        "false" => Kind::Bool(false),
        "NaN" => Kind::Number(f64::NAN),
        "Infinity" => Kind::Number(f64::INFINITY),
        _ => Kind::Name(word),
    };
    (kind, length)
}

fn number(source: &str, characters: &[char], start: usize) -> Result<(Kind, usize), Error> {
    let text: String = characters[start..]
        .iter()
        .take_while(|character| {
            character.is_ascii_alphanumeric() || ['+', '-', '.'].contains(character)
        })
        .collect();
    match super::value::parse_number(&text) {
        Some(value) => Ok((Kind::Number(value), text.len())),
        None => Err(Error::Syntax {
            message: format!("`{text}` is no number"),
            at: start + 1,
            source_text: source.to_owned(),
        }),
    }
}
