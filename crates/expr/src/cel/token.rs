//! From text to tokens.

use super::error::Issue;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    /// A name in backticks, which may stand only where a field is selected.
    Quoted(String),
    /// The digits of an integer and their base; the sign is an operator.
    Integer(u64),
    Unsigned(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Sign(&'static str),
    End,
}

const SIGNS: &[&str] = &[
    "==", "!=", "<=", ">=", "&&", "||", "[?", ".?", "<", ">", "+", "-", "*", "/", "%", "!", "?",
    ":", ".", ",", "(", ")", "[", "]", "{", "}",
];

/// A token and the byte where it begins.
pub(super) type Placed = (usize, Token);

/// Splits `text`.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Issue> {
    let mut reader = Reader { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        reader.skip_blank();
        let at = reader.at;
        let token = reader
            .token()
            .map_err(|message| Issue::at(text, at, format!("Syntax error: {message}")))?;
        let end = token == Token::End;
        tokens.push((at, token));
        if end {
            return Ok(tokens);
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|letter| !fits(letter)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn token(&mut self) -> Result<Token, String> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(Token::End);
        };
        if let Some(text) = self.literal()? {
            return Ok(text);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let name = self.take(|letter| letter.is_ascii_alphanumeric() || letter == '_');
            return Ok(Token::Name(name.to_owned()));
        }
        let number_after_dot =
            first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit());
        if first.is_ascii_digit() || number_after_dot {
            return self.number();
        }
        if first == '`' {
            let end = rest[1..].find('`').ok_or("a quoted name does not end")?;
            self.at += end + 2;
            return Ok(Token::Quoted(rest[1..=end].to_owned()));
        }
        for sign in SIGNS {
            // `a[?b]` but `c ? [d] : e`; `.?` before a digit never occurs in a valid text.
            if rest.starts_with(sign) {
                self.at += sign.len();
                return Ok(Token::Sign(sign));
            }
        }
        Err(format!("token recognition error at: '{first}'"))
    }

    fn number(&mut self) -> Result<Token, String> {
        let rest = self.rest();
        let bad = |text: &str| format!("invalid number '{text}'");
        if rest.starts_with("0x") || rest.starts_with("0X") {
            self.at += 2;
            let digits = self.take(|letter| letter.is_ascii_hexdigit());
            let value = u64::from_str_radix(digits, 16).map_err(|_| bad(rest))?;
            return Ok(self.integer(value));
        }
        let begin = self.at;
        self.take(|letter| letter.is_ascii_digit());
        let mut double = false;
        let after_dot = |rest: &str| {
            rest.strip_prefix('.')
                .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit()))
        };
        if after_dot(self.rest()) {
            double = true;
            self.at += 1;
            self.take(|letter| letter.is_ascii_digit());
        }
        if let Some(exponent) = self.rest().strip_prefix(['e', 'E']) {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.starts_with(|next: char| next.is_ascii_digit()) {
                double = true;
                self.at += 1 + exponent.len() - digits.len();
                self.take(|letter| letter.is_ascii_digit());
            }
        }
        let text = &self.text[begin..self.at];
        if double {
            return text.parse().map(Token::Double).map_err(|_| bad(text));
        }
        let value = text
            .parse()
            .map_err(|_| format!("invalid int literal '{text}'"))?;
        Ok(self.integer(value))
    }

    fn integer(&mut self, value: u64) -> Token {
        if self.rest().starts_with(['u', 'U']) {
            self.at += 1;
            return Token::Unsigned(value);
        }
        Token::Integer(value)
    }

    /// A text or bytes, if one begins here.
    fn literal(&mut self) -> Result<Option<Token>, String> {
        let rest = self.rest();
        // At most two letters stand before the quote: `rb"…"`.
        let prefix = rest
            .bytes()
            .take(3)
            .position(|byte| matches!(byte, b'"' | b'\''));
        let prefix = prefix.filter(|at| {
            rest[..*at]
                .bytes()
                .all(|mark| matches!(mark, b'r' | b'R' | b'b' | b'B'))
        });
        let Some(prefix) = prefix else {
            return Ok(None);
        };
        let marks = rest[..prefix].to_ascii_lowercase();
        if marks == "rr" || marks == "bb" {
            return Ok(None);
        }
        let quoted = &rest[prefix..];
        let single = &quoted[..1];
        let triple = single.repeat(3);
        let quote = if quoted.starts_with(&triple) {
            triple.as_str()
        } else {
            single
        };
        self.at += prefix + quote.len();
        let mut bytes = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(quote) {
                self.at += quote.len();
                break;
            }
            let letter = rest.chars().next().ok_or("a text does not end")?;
            if letter == '\n' && quote.len() == 1 {
                return Err("a text does not end on its line".to_owned());
            }
            self.at += letter.len_utf8();
            if letter == '\\' && !marks.contains('r') {
                self.escape(marks.contains('b'), &mut bytes)?;
            } else {
                bytes.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        if marks.contains('b') {
            return Ok(Some(Token::Bytes(bytes)));
        }
        let text = String::from_utf8(bytes).map_err(|_| "a text is not UTF-8")?;
        Ok(Some(Token::Text(text)))
    }

    fn escape(&mut self, raw_bytes: bool, bytes: &mut Vec<u8>) -> Result<(), String> {
        let letter = self.rest().chars().next().ok_or("a text does not end")?;
        self.at += letter.len_utf8();
        let plain = match letter {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' | '\'' | '"' | '`' | '?' => letter as u8,
            _ => 0,
        };
        if plain != 0 {
            bytes.push(plain);
            return Ok(());
        }
        let (count, radix) = match letter {
            'x' | 'X' => (2, 16),
            'u' if !raw_bytes => (4, 16),
            'U' if !raw_bytes => (8, 16),
            '0'..='3' => {
                self.at -= 1;
                (3, 8)
            }
            _ => return Err(format!("invalid escape '\\{letter}'")),
        };
        let digits = self.rest().get(..count).unwrap_or_default();
        let code = u32::from_str_radix(digits, radix)
            .map_err(|_| format!("invalid escape '\\{letter}'"))?;
        self.at += count;
        if raw_bytes {
            let byte = u8::try_from(code).map_err(|_| "an escape is no byte")?;
            bytes.push(byte);
            return Ok(());
        }
        let letter = char::from_u32(code).ok_or("an escape is no letter")?;
        bytes.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }
}
