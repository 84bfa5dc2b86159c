//! Variables and quotes in words: `$NAME`, `${NAME:-default}`, `'…'`, `"…"`.

use std::iter::Peekable;
use std::str::Chars;

/// What to do with quotes and escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// They go, and keep blanks and variables together.
    Removed,
    /// They stay: in here-documents.
    Kept,
}

/// Replaces variables and removes quotes, as in a word of the shell. `value` gives a variable's
/// value; unknown ones are empty.
///
/// # Errors
/// A quote or brace that is not closed, a modifier that is not supported, or the message of `${NAME:?message}`.
pub fn word(
    text: &str,
    escape: char,
    value: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    Expansion {
        text,
        rest: text.chars().peekable(),
        escape,
        value,
        quotes: Quotes::Removed,
        depth: 0,
    }
    .until_end()
}

/// Replaces variables only.
///
/// # Errors
/// Those of [`word`], quotes aside.
pub fn document(
    text: &str,
    escape: char,
    value: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    Expansion {
        text,
        rest: text.chars().peekable(),
        escape,
        value,
        quotes: Quotes::Kept,
        depth: 0,
    }
    .until_end()
}

struct Expansion<'a> {
    text: &'a str,
    rest: Peekable<Chars<'a>>,
    escape: char,
    value: &'a dyn Fn(&str) -> Option<String>,
    quotes: Quotes,
    /// How many braces are open.
    depth: usize,
}

/// How deeply `${A:-${B:-…}}` may be nested.
const DEEPEST: usize = 50;

impl Expansion<'_> {
    fn until_end(mut self) -> Result<String, String> {
        self.until(None)
    }

    /// Up to `end`, which is taken; or to the end of the text.
    fn until(&mut self, end: Option<char>) -> Result<String, String> {
        let mut result = String::new();
        while let Some(c) = self.rest.next() {
            match c {
                _ if Some(c) == end => return Ok(result),
                '\'' if self.quotes == Quotes::Removed => self.single(&mut result)?,
                '"' if self.quotes == Quotes::Removed => self.double(&mut result)?,
                '$' => self.variable(&mut result)?,
                _ if c == self.escape => self.escaped(&mut result),
                _ => result.push(c),
            }
        }
        match end {
            Some(end) => Err(format!("{end:?} is missing in {}", self.text)),
            None => Ok(result),
        }
    }

    fn escaped(&mut self, result: &mut String) {
        match (self.quotes, self.rest.peek()) {
            (Quotes::Removed, Some(_)) | (Quotes::Kept, Some('$')) => {
                result.extend(self.rest.next());
            }
            _ => result.push(self.escape),
        }
    }

    fn single(&mut self, result: &mut String) -> Result<(), String> {
        for c in self.rest.by_ref() {
            if c == '\'' {
                return Ok(());
            }
            result.push(c);
        }
        Err(format!("a single quote is not closed in {}", self.text))
    }

    fn double(&mut self, result: &mut String) -> Result<(), String> {
        while let Some(c) = self.rest.next() {
            match c {
                '"' => return Ok(()),
                '$' => self.variable(result)?,
                _ if c == self.escape => match self.rest.peek() {
                    Some(next) if *next == '"' || *next == '$' || *next == self.escape => {
                        result.extend(self.rest.next());
                    }
                    _ => result.push(c),
                },
                _ => result.push(c),
            }
        }
        Err(format!("a double quote is not closed in {}", self.text))
    }

    fn variable(&mut self, result: &mut String) -> Result<(), String> {
        match self.rest.peek() {
            Some('{') => {
                self.rest.next();
                if self.depth == DEEPEST {
                    return Err(format!("variables are nested more than {DEEPEST} deep"));
                }
                self.depth += 1;
                let value = self.braced()?;
                self.depth -= 1;
                result.push_str(&value);
            }
            Some(c) if c.is_ascii_alphabetic() || *c == '_' => {
                let name = self.name();
                result.push_str(&(self.value)(&name).unwrap_or_default());
            }
            // `$1`, `$@`: parameters of a shell that is not there.
            Some(c) if c.is_ascii_digit() || "@*#?-!".contains(*c) => {
                self.rest.next();
            }
            _ => result.push('$'),
        }
        Ok(())
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self
            .rest
            .next_if(|c| c.is_ascii_alphanumeric() || *c == '_')
        {
            name.push(c);
        }
        name
    }

    fn braced(&mut self) -> Result<String, String> {
        let name = self.name();
        if name.is_empty() {
            return Err(format!(
                "a variable's name is missing after ${{ in {}",
                self.text
            ));
        }
        let value = (self.value)(&name);
        let colon = self.rest.next_if_eq(&':').is_some();
        let is_set = if colon {
            value.as_ref().is_some_and(|value| !value.is_empty())
        } else {
            value.is_some()
        };
        match self.rest.next() {
            Some('}') if !colon => Ok(value.unwrap_or_default()),
            Some('-') => {
                let other = self.until(Some('}'))?;
                Ok(value.filter(|_| is_set).unwrap_or(other))
            }
            Some('+') => {
                let other = self.until(Some('}'))?;
                Ok(if is_set { other } else { String::new() })
            }
            Some('?') => {
                let message = self.until(Some('}'))?;
                let message = if message.is_empty() {
                    "it is not set"
                } else {
                    &message
                };
                value
                    .filter(|_| is_set)
                    .ok_or_else(|| format!("{name}: {message}"))
            }
            Some(other) => Err(format!(
                "modifier {other:?} of ${{{name}}} is not supported; use :-, :+ or :?"
            )),
            None => Err(format!("'}}' is missing in {}", self.text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> String {
        let value = |name: &str| match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        word(text, '\\', &value).unwrap_or_else(|problem| format!("error: {problem}"))
    }

    #[test]
    fn words_expand_as_in_a_shell() {
        for (text, wanted) in [
            ("$A", "one"),
            ("${A}x", "onex"),
            ("$Ax", ""),
            ("a$A/b", "aone/b"),
            (r"\$A", "$A"),
            ("'$A'", "$A"),
            (r#""$A b""#, "one b"),
            (r#""\"$A\"""#, "\"one\""),
            (r"a\ b", "a b"),
            ("${B:-x}", "x"),
            ("${B-x}", "x"),
            ("${EMPTY:-x}", "x"),
            ("${EMPTY-x}", ""),
            ("${A:-x}", "one"),
            ("${A:+x}", "x"),
            ("${EMPTY:+x}", ""),
            ("${EMPTY+x}", "x"),
            ("${B+x}", ""),
            ("${B:-${A:-y}z}", "onez"),
            ("${B:-'a b'}", "a b"),
            ("$", "$"),
            ("5$", "5$"),
            ("$1", ""),
            ("${B:?no B}", "error: B: no B"),
            ("${B", "error: '}' is missing in ${B"),
            ("'a", "error: a single quote is not closed in 'a"),
            (
                "${A#o}",
                "error: modifier '#' of ${A} is not supported; use :-, :+ or :?",
            ),
        ] {
            assert_eq!(expand(text), wanted, "{text}");
        }
    }

    #[test]
    fn documents_keep_their_quotes() {
        let value = |_: &str| Some("v".to_owned());
        assert_eq!(
            document("a \"$X\" 'y' \\$Z \\n", '\\', &value).unwrap(),
            "a \"v\" 'y' $Z \\n"
        );
    }
}
