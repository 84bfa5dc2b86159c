//! The words of a query with their places.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword.
    Word,
    /// A number or duration.
    Number,
    /// A quoted text.
    Text,
    /// A bracket or operator.
    Symbol,
    /// Nothing more comes.
    End,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    pub(super) text: &'t str,
    pub(super) position: usize,
}

/// A position and what is wrong there.
pub(super) type Wrong = (usize, String);

/// Two-character symbols come before their first characters.
const SYMBOLS: [&str; 26] = [
    "==", "!=", "<=", ">=", "=~", "!~", "(", ")", "[", "]", "{", "}", ",", ":", "+", "-", "*", "/",
    "%", "^", "=", "<", ">", "@", "!", ";",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Wrong> {
    let mut tokens = Vec::new();
    let mut position = 0;
    while let Some(character) = text[position..].chars().next() {
        let rest = &text[position..];
        let length = match character {
            space if space.is_whitespace() => {
                position += space.len_utf8();
                continue;
            }
            '#' => {
                position += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            '"' | '\'' | '`' => push(
                &mut tokens,
                Kind::Text,
                position,
                rest,
                quoted(rest, position)?,
            ),
            digit
                if digit.is_ascii_digit()
                    || (digit == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) =>
            {
                push(
                    &mut tokens,
                    Kind::Number,
                    position,
                    rest,
                    number_length(rest),
                )
            }
            letter if letter.is_alphabetic() || letter == '_' => {
                push(&mut tokens, Kind::Word, position, rest, word_length(rest))
            }
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => push(&mut tokens, Kind::Symbol, position, rest, symbol.len()),
                None => return Err((position, format!("unexpected character: {character:?}"))),
            },
        };
        position += length;
    }
    tokens.push(Token {
        kind: Kind::End,
        text: "",
        position: text.len(),
    });
    Ok(tokens)
}

fn push<'t>(
    tokens: &mut Vec<Token<'t>>,
    kind: Kind,
    position: usize,
    rest: &'t str,
    length: usize,
) -> usize {
    tokens.push(Token {
        kind,
        text: &rest[..length],
        position,
    });
    length
}

fn word_length(rest: &str) -> usize {
    let mut characters = rest.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        // A colon belongs to a metric's name only between letters: `[5m:1m]` has none.
        let follows = characters
            .peek()
            .is_some_and(|(_, next)| next.is_alphanumeric() || *next == '_' || *next == ':');
        let inside =
            character.is_alphanumeric() || character == '_' || (character == ':' && follows);
        if !inside {
            return index;
        }
    }
    rest.len()
}

fn number_length(rest: &str) -> usize {
    let mut previous = ' ';
    for (index, character) in rest.char_indices() {
        let exponent_sign = matches!(character, '+' | '-')
            && matches!(previous, 'e' | 'E')
            && !rest.starts_with("0x");
        if !(character.is_ascii_alphanumeric() || matches!(character, '.' | '_') || exponent_sign) {
            return index;
        }
        previous = character;
    }
    rest.len()
}

fn quoted(rest: &str, position: usize) -> Result<usize, Wrong> {
    let quote = rest.as_bytes()[0];
    let mut escaped = false;
    for (index, byte) in rest.bytes().enumerate().skip(1) {
        if escaped {
            escaped = false;
        } else if byte == b'\\' && quote != b'`' {
            escaped = true;
        } else if byte == quote {
            return Ok(index + 1);
        }
    }
    Err((position, "unterminated quoted string".to_owned()))
}
