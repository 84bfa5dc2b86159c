//! From text to tokens.

use super::Error;

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Integer(i64),
    Float(f64),
    Text(String),
    /// A name, or an operator that is a word.
    Word(String),
    /// Anything else.
    Sign(&'static str),
    End,
}

/// Longer ones come first.
const SIGNS: &[&str] = &[
    "**", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "..", "(", ")", "[", "]", "{", "}", ",",
    ":", "?", ".", "+", "-", "*", "/", "%", "^", "<", ">", "!", "#",
];

/// The longest text that is read, in bytes.
const LONGEST: usize = 16 << 10;

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    if text.len() > LONGEST {
        let message = format!("the condition is longer than {LONGEST} bytes");
        return Err(Error::Syntax {
            at: LONGEST,
            message,
        });
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        if letter.is_whitespace() {
            at += letter.len_utf8();
            continue;
        }
        let (kind, length) = token(&text[at..], at)?;
        tokens.push(Token { at, kind });
        at += length;
    }
    tokens.push(Token {
        at,
        kind: Kind::End,
    });
    Ok(tokens)
}

fn token(rest: &str, at: usize) -> Result<(Kind, usize), Error> {
    let first = rest.chars().next().unwrap_or_default();
    let follows = rest[first.len_utf8()..].chars().next();
    if first.is_ascii_digit() || (first == '.' && follows.is_some_and(|next| next.is_ascii_digit()))
    {
        return number(rest, at);
    }
    if matches!(first, '"' | '\'' | '`') {
        return quoted(rest, first, at);
    }
    if first.is_alphabetic() || matches!(first, '_' | '$') {
        let word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$');
        let end = rest.find(|letter| !word(letter)).unwrap_or(rest.len());
        return Ok((Kind::Word(rest[..end].to_owned()), end));
    }
    match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        Some(sign) => Ok((Kind::Sign(sign), sign.len())),
        None => Err(Error::Syntax {
            at,
            message: format!("unexpected {first:?}"),
        }),
    }
}

fn number(rest: &str, at: usize) -> Result<(Kind, usize), Error> {
    let bytes = rest.as_bytes();
    let byte = |index: usize| bytes.get(index).copied().unwrap_or_default();
    let (mut end, mut float) = (0, false);
    loop {
        match byte(end) {
            b'0'..=b'9' | b'_' => {}
            // `1..3` is a range.
            b'.' if !float && byte(end + 1) != b'.' => float = true,
            b'e' | b'E' => {
                float = true;
                if matches!(byte(end + 1), b'+' | b'-') {
                    end += 1;
                }
            }
            _ => break,
        }
        end += 1;
    }
    let end = end.min(rest.len());
    let digits = rest[..end].replace('_', "");
    let kind = if float {
        digits.parse().map(Kind::Float).ok()
    } else {
        digits.parse().map(Kind::Integer).ok()
    };
    match kind {
        Some(kind) => Ok((kind, end)),
        None => Err(Error::Syntax {
            at,
            message: format!("{:?} is no number", &rest[..end]),
        }),
    }
}

fn quoted(rest: &str, quote: char, at: usize) -> Result<(Kind, usize), Error> {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((index, letter)) = letters.next() {
        match letter {
            letter if letter == quote => return Ok((Kind::Text(text), index + 1)),
            '\\' if quote != '`' => match letters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, other @ ('\\' | '"' | '\'' | '`'))) => text.push(other),
                Some((index, other)) => {
                    let message = format!("unknown escape \\{other}");
                    return Err(Error::Syntax {
                        at: at + index,
                        message,
                    });
                }
                None => break,
            },
            letter => text.push(letter),
        }
    }
    Err(Error::Syntax {
        at,
        message: "the text is not closed".to_owned(),
    })
}
