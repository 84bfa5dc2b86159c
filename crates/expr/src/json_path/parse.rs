//! The parser.

use serde_json::Value;

use super::{Comparison, Error, Filter, Operand, Path, Step};

/// The most steps of a path, and the deepest nesting of filters.
const MOST_STEPS: usize = 200;
const DEEPEST: usize = 8;

const COMPARISONS: &[(&str, Comparison)] = &[
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

pub(super) fn parse(text: &str) -> Result<Path, Error> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
    };
    let braces = parser.take("{");
    let path = parser.path()?;
    if braces {
        parser.expect("}")?;
    }
    match parser.rest().chars().next() {
        None => Ok(path),
        Some(found) => parser.wrong(format!("unexpected {found:?}")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, Error> {
        Err(Error {
            text: self.text.to_owned(),
            at: self.at,
            message: message.into(),
        })
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), Error> {
        if self.take(sign) {
            Ok(())
        } else {
            self.wrong(format!("expected {sign:?}"))
        }
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn path(&mut self) -> Result<Path, Error> {
        if !self.take("$") {
            self.take("@");
        }
        let mut steps = Vec::new();
        loop {
            if steps.len() > MOST_STEPS {
                return self.wrong(format!("the path has more than {MOST_STEPS} steps"));
            }
            if self.take("..") {
                steps.push(Step::Descend);
                if !self.rest().starts_with('[') {
                    steps.push(self.field()?);
                }
            } else if self.take("[") {
                steps.push(self.bracket()?);
            } else if self.take(".") {
                // A lone dot is the root.
                if !self.rest().starts_with('[')
                    && !self.rest().is_empty()
                    && !self.rest().starts_with('}')
                {
                    steps.push(self.field()?);
                }
            } else if steps.is_empty() && self.at_name() {
                steps.push(self.field()?);
            } else {
                return Ok(Path { steps });
            }
        }
    }

    fn at_name(&self) -> bool {
        let first = self.rest().chars().next();
        first.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '\\'))
    }

    /// A name behind a dot, in which a backslash makes the next letter a part of it.
    fn field(&mut self) -> Result<Step, Error> {
        if self.take("*") {
            return Ok(Step::All);
        }
        let mut name = String::new();
        let rest = self.rest();
        let mut letters = rest.char_indices();
        let mut end = rest.len();
        while let Some((index, letter)) = letters.next() {
            match letter {
                '\\' => name.extend(letters.next().map(|(_, next)| next)),
                letter if letter.is_whitespace() || ".[]{}()=!<>,'\"|&?@*".contains(letter) => {
                    end = index;
                    break;
                }
                letter => name.push(letter),
            }
        }
        if name.is_empty() {
            return self.wrong("a field's name is missing");
        }
        self.at += end;
        Ok(Step::Field(name))
    }

    fn bracket(&mut self) -> Result<Step, Error> {
        if self.take("?(") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return self.wrong(format!(
                    "filters are nested more than {DEEPEST} levels deep"
                ));
            }
            let filter = self.filter()?;
            self.depth -= 1;
            self.expect(")]")?;
            return Ok(Step::Filter(filter));
        }
        let mut steps = vec![self.member()?];
        while self.take(",") {
            steps.push(self.member()?);
            if steps.len() > MOST_STEPS {
                return self.wrong(format!("the union has more than {MOST_STEPS} members"));
            }
        }
        self.skip_space();
        self.expect("]")?;
        Ok(if steps.len() == 1 {
            steps.swap_remove(0)
        } else {
            Step::Union(steps)
        })
    }

    fn member(&mut self) -> Result<Step, Error> {
        self.skip_space();
        if self.take("*") {
            return Ok(Step::All);
        }
        if self.rest().starts_with(['\'', '"']) {
            return self.quoted().map(Step::Field);
        }
        let from = self.integer()?;
        if !self.take(":") {
            return match from {
                Some(index) => Ok(Step::Index(index)),
                None => self.wrong("expected an index, a quoted name, * or a filter"),
            };
        }
        let to = self.integer()?;
        let by = if self.take(":") {
            self.integer()?.unwrap_or(1)
        } else {
            1
        };
        match usize::try_from(by) {
            Ok(by) if by > 0 => Ok(Step::Slice { from, to, by }),
            _ => self.wrong("the step of a slice must be positive"),
        }
    }

    fn integer(&mut self) -> Result<Option<i64>, Error> {
        let rest = self.rest();
        let sign = usize::from(rest.starts_with('-'));
        let digits = rest[sign..].find(|letter: char| !letter.is_ascii_digit());
        let end = digits.map_or(rest.len(), |digits| digits + sign);
        if end == 0 {
            return Ok(None);
        }
        let number = rest[..end].parse().ok();
        if number.is_none() {
            return self.wrong(format!("{:?} is no index", &rest[..end]));
        }
        self.at += end;
        Ok(number)
    }

    fn quoted(&mut self) -> Result<String, Error> {
        let rest = self.rest();
        let mut letters = rest.char_indices();
        let Some((_, quote)) = letters.next() else {
            return self.wrong("expected a quote");
        };
        let mut text = String::new();
        while let Some((index, letter)) = letters.next() {
            match letter {
                letter if letter == quote => {
                    self.at += index + 1;
                    return Ok(text);
                }
                '\\' => text.extend(letters.next().map(|(_, next)| next)),
                letter => text.push(letter),
            }
        }
        self.wrong("the quote is not closed")
    }

    fn filter(&mut self) -> Result<Filter, Error> {
        let left = self.operand()?;
        self.skip_space();
        let found = COMPARISONS
            .iter()
            .find(|(sign, _)| self.rest().starts_with(sign));
        let Some((sign, comparison)) = found else {
            return Ok(Filter { left, test: None });
        };
        self.at += sign.len();
        let right = self.operand()?;
        self.skip_space();
        Ok(Filter {
            left,
            test: Some((*comparison, right)),
        })
    }

    fn operand(&mut self) -> Result<Operand, Error> {
        self.skip_space();
        let rest = self.rest();
        if rest.starts_with(['\'', '"']) {
            return Ok(Operand::Literal(Value::String(self.quoted()?)));
        }
        if rest.starts_with(['@', '.', '$', '[']) {
            return self.path().map(Operand::Path);
        }
        let end = rest.find(|letter: char| letter.is_whitespace() || ")=!<>".contains(letter));
        let word = &rest[..end.unwrap_or(rest.len())];
        let value = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" | "nil" => Value::Null,
            word => match word.parse::<serde_json::Number>() {
                Ok(number) => Value::Number(number),
                Err(_) => {
                    return self.wrong(format!("{word:?} is no value; texts stand in quotes"));
                }
            },
        };
        self.at += word.len();
        Ok(Operand::Literal(value))
    }
}
