//! The text form of label selectors.

use super::{Operator, Requirement};
use crate::selector::Error;

/// Reads the conditions of a selector.
pub(super) fn requirements(text: &str) -> Result<Vec<Requirement>, Error> {
    let mut parser = Parser { text, at: 0 };
    let mut requirements = Vec::new();
    parser.skip_space();
    while !parser.rest().is_empty() {
        requirements.push(parser.requirement()?);
        parser.skip_space();
        if !parser.rest().is_empty() {
            parser.expect(',')?;
            parser.skip_space();
            if parser.rest().is_empty() {
                return parser.wrong("a condition must follow the comma");
            }
        }
    }
    Ok(requirements)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, Error> {
        Err(Error::Syntax {
            text: self.text.to_owned(),
            at: self.at,
            message: message.into(),
        })
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn expect(&mut self, sign: char) -> Result<(), Error> {
        if self.take(sign.encode_utf8(&mut [0; 4])) {
            return Ok(());
        }
        match self.rest().chars().next() {
            Some(found) => self.wrong(format!("found {found:?}, expected {sign:?}")),
            None => self.wrong(format!("found the end, expected {sign:?}")),
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
        let end = rest.find(|letter| !plain(letter)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn key(&mut self) -> Result<String, Error> {
        self.skip_space();
        let key = self.word().to_owned();
        if key.is_empty() {
            return match self.rest().chars().next() {
                Some(found) => self.wrong(format!("found {found:?}, expected a label's key")),
                None => self.wrong("found the end, expected a label's key"),
            };
        }
        self.skip_space();
        Ok(key)
    }

    fn value(&mut self) -> String {
        self.skip_space();
        let value = self.word().to_owned();
        self.skip_space();
        value
    }

    fn requirement(&mut self) -> Result<Requirement, Error> {
        self.skip_space();
        if self.take("!") {
            return Ok(Requirement {
                key: self.key()?,
                operator: Operator::Absent,
            });
        }
        let key = self.key()?;
        let operator = if self.take("!=") {
            Operator::NotIn(vec![self.value()])
        } else if self.take("==") || self.take("=") {
            Operator::In(vec![self.value()])
        } else if self.take(">") {
            Operator::Above(self.number()?)
        } else if self.take("<") {
            Operator::Below(self.number()?)
        } else if self.rest().is_empty() || self.rest().starts_with(',') {
            Operator::Exists
        } else {
            self.set()?
        };
        Ok(Requirement { key, operator })
    }

    fn number(&mut self) -> Result<i64, Error> {
        let at = self.at;
        let value = self.value();
        value.parse().or_else(|_| {
            self.at = at;
            self.wrong(format!("{value:?} is no integer"))
        })
    }

    fn set(&mut self) -> Result<Operator, Error> {
        let at = self.at;
        let operator = match self.word() {
            "in" => Operator::In,
            "notin" => Operator::NotIn,
            other => {
                self.at = at;
                let message = "expected one of =, ==, !=, in, notin, <, >";
                return self.wrong(format!("found {other:?}, {message}"));
            }
        };
        self.skip_space();
        self.expect('(')?;
        let mut values = vec![self.value()];
        while self.take(",") {
            values.push(self.value());
        }
        self.expect(')')?;
        Ok(operator(values))
    }
}
