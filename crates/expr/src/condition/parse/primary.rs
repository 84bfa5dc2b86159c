//! What operators stand between: literals, lists, maps, calls.

use super::{Form, Node, Parser};
use crate::condition::token::Kind;
use crate::condition::{Error, Value, call};

impl Parser {
    pub(super) fn primary(&mut self) -> Result<Node, Error> {
        let at = self.at();
        let literal = match self.peek().clone() {
            Kind::Integer(number) => Value::Integer(number),
            Kind::Float(number) => Value::Float(number),
            Kind::Text(text) => Value::Text(text),
            Kind::Word(word) => return self.word(at, &word),
            Kind::Sign(sign) => return self.sign(at, sign),
            Kind::End => return Err(self.unexpected()),
        };
        self.next += 1;
        self.node(at, Form::Literal(literal))
    }

    fn sign(&mut self, at: usize, sign: &str) -> Result<Node, Error> {
        match sign {
            "(" => {
                self.next += 1;
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            "[" => {
                self.next += 1;
                let items = self.items("]")?;
                self.node(at, Form::List(items))
            }
            "{" => self.map(at),
            "#" if self.predicates > 0 => {
                self.next += 1;
                self.node(at, Form::Item)
            }
            // `.name` is the field of the item; the dot is read by `postfix`.
            "." if self.predicates > 0 => self.node(at, Form::Item),
            _ => Err(self.unexpected()),
        }
    }

    fn items(&mut self, end: &str) -> Result<Vec<Node>, Error> {
        let mut items = Vec::new();
        while !self.take(end) {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(self.expression(0)?);
        }
        Ok(items)
    }

    fn map(&mut self, at: usize) -> Result<Node, Error> {
        self.expect("{")?;
        let mut entries = Vec::new();
        while !self.take("}") {
            if !entries.is_empty() {
                self.expect(",")?;
            }
            let (Kind::Text(key) | Kind::Word(key)) = self.peek().clone() else {
                return Err(self.unexpected());
            };
            self.next += 1;
            self.expect(":")?;
            entries.push((key, self.expression(0)?));
        }
        self.node(at, Form::Map(entries))
    }

    fn word(&mut self, at: usize, word: &str) -> Result<Node, Error> {
        let literal = match word {
            "true" => Form::Literal(Value::Boolean(true)),
            "false" => Form::Literal(Value::Boolean(false)),
            "nil" | "null" => Form::Literal(Value::Nil),
            "result" => Form::Result,
            _ => return self.call(at, word),
        };
        self.next += 1;
        self.node(at, literal)
    }

    fn call(&mut self, at: usize, word: &str) -> Result<Node, Error> {
        let each = call::EACH.iter().find(|name| **name == word);
        let plain = call::FUNCTIONS.iter().find(|(name, _)| *name == word);
        let follows = self.tokens.get(self.next + 1).map(|token| &token.kind);
        if follows != Some(&Kind::Sign("(")) || (each.is_none() && plain.is_none()) {
            let what = if follows == Some(&Kind::Sign("(")) {
                "function"
            } else {
                "name"
            };
            return self.wrong(format!(
                "unknown {what} {word:?}; the measured value is `result`"
            ));
        }
        self.next += 2;
        if let Some(name) = each {
            let list = self.expression(0)?;
            self.expect(",")?;
            let predicate = self.predicate()?;
            self.expect(")")?;
            return self.node(at, Form::Each(name, Box::new(list), Box::new(predicate)));
        }
        let arguments = self.items(")")?;
        let Some((name, counts)) = plain else {
            return Err(self.unexpected());
        };
        if !counts.contains(&arguments.len()) {
            let message = format!("{name} takes {counts:?} values, not {}", arguments.len());
            return Err(Error::Syntax { at, message });
        }
        self.node(at, Form::Call(name, arguments))
    }

    fn predicate(&mut self) -> Result<Node, Error> {
        self.predicates += 1;
        let braces = self.take("{");
        let predicate = self.expression(0)?;
        if braces {
            self.expect("}")?;
        }
        self.predicates -= 1;
        Ok(predicate)
    }
}
