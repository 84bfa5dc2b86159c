//! From tokens to a tree, by precedence climbing with the precedences of `expr`.

mod primary;

use super::token::{Kind, Token, tokens};
use super::{Error, Value};

/// A part of the expression and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) form: Form,
}

#[derive(Debug, Clone)]
pub(super) enum Form {
    Literal(Value),
    /// The measured value.
    Result,
    /// The item that a predicate looks at.
    Item,
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    Unary(&'static str, Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
    /// `a ? b : c`.
    Choice(Box<Node>, Box<Node>, Box<Node>),
    Index(Box<Node>, Box<Node>),
    Slice(Box<Node>, Option<Box<Node>>, Option<Box<Node>>),
    /// `a.b`, or `a?.b`, which is nil where `a` is.
    Field(Box<Node>, String, Chain),
    Call(&'static str, Vec<Node>),
    /// A function with a predicate: `all(list, # > 1)`.
    Each(&'static str, Box<Node>, Box<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chain {
    Strict,
    Optional,
}

/// Operators with two operands: name, precedence.
const BINARY: &[(&str, u8)] = &[
    ("||", 10),
    ("or", 10),
    ("&&", 15),
    ("and", 15),
    ("==", 20),
    ("!=", 20),
    ("<=", 20),
    (">=", 20),
    ("<", 20),
    (">", 20),
    ("in", 20),
    ("matches", 20),
    ("contains", 20),
    ("startsWith", 20),
    ("endsWith", 20),
    ("..", 25),
    ("+", 30),
    ("-", 30),
    ("*", 60),
    ("/", 60),
    ("%", 60),
    ("**", 100),
    ("^", 100),
    ("??", 250),
];

const NOT: u8 = 50;
const SIGN: u8 = 90;

/// More than any condition has, and few enough for the stack.
const MOST_NODES: usize = 500;
const DEEPEST: usize = 64;

pub(super) fn parse(text: &str) -> Result<Node, Error> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        nodes: 0,
        depth: 0,
        predicates: 0,
    };
    let root = parser.expression(0)?;
    match parser.peek() {
        Kind::End => Ok(root),
        _ => Err(parser.unexpected()),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    nodes: usize,
    depth: usize,
    predicates: usize,
}

impl Parser {
    fn token(&self) -> &Token {
        // The last token is `End`, which is never passed.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn peek(&self) -> &Kind {
        &self.token().kind
    }

    fn at(&self) -> usize {
        self.token().at
    }

    fn wrong<T>(&self, message: impl Into<String>) -> Result<T, Error> {
        Err(Error::Syntax {
            at: self.at(),
            message: message.into(),
        })
    }

    fn unexpected(&self) -> Error {
        let found = match self.peek() {
            Kind::End => "the end".to_owned(),
            Kind::Integer(number) => number.to_string(),
            Kind::Float(number) => number.to_string(),
            Kind::Text(text) => format!("{text:?}"),
            Kind::Word(word) => format!("{word:?}"),
            Kind::Sign(sign) => format!("{sign:?}"),
        };
        Error::Syntax {
            at: self.at(),
            message: format!("unexpected {found}"),
        }
    }

    fn is(&self, text: &str) -> bool {
        match self.peek() {
            Kind::Sign(sign) => *sign == text,
            Kind::Word(word) => word == text,
            _ => false,
        }
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.is(text);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), Error> {
        if self.take(text) {
            return Ok(());
        }
        match self.unexpected() {
            Error::Syntax { at, message } => Err(Error::Syntax {
                at,
                message: format!("{message}, wanted {text:?}"),
            }),
            other => Err(other),
        }
    }

    fn node(&mut self, at: usize, form: Form) -> Result<Node, Error> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return self.wrong(format!("the condition has more than {MOST_NODES} parts"));
        }
        Ok(Node { at, form })
    }

    fn expression(&mut self, precedence: u8) -> Result<Node, Error> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.wrong(format!(
                "the condition is nested more than {DEEPEST} levels deep"
            ));
        }
        let mut left = self.unary()?;
        while let Some((name, own, negated)) = self.binary(precedence) {
            let at = self.at();
            self.next += if negated { 2 } else { 1 };
            let right = self.expression(if own == 100 { own } else { own + 1 })?;
            left = self.node(at, Form::Binary(name, Box::new(left), Box::new(right)))?;
            if negated {
                left = self.node(at, Form::Unary("!", Box::new(left)))?;
            }
        }
        if precedence == 0 && self.is("?") {
            left = self.choice(left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn choice(&mut self, condition: Node) -> Result<Node, Error> {
        let at = self.at();
        self.expect("?")?;
        let yes = self.expression(0)?;
        self.expect(":")?;
        let no = self.expression(0)?;
        self.node(
            at,
            Form::Choice(Box::new(condition), Box::new(yes), Box::new(no)),
        )
    }

    /// The operator that comes next, if it binds at least as strongly, and whether a `not` precedes it.
    fn binary(&self, precedence: u8) -> Option<(&'static str, u8, bool)> {
        let named = |kind: &Kind| {
            BINARY.iter().find(|(name, own)| {
                *own >= precedence
                    && match kind {
                        Kind::Sign(sign) => sign == name,
                        Kind::Word(word) => word == name,
                        _ => false,
                    }
            })
        };
        if self.is("not") {
            let (name, own) = named(&self.tokens.get(self.next + 1)?.kind)?;
            let word = name.starts_with(|letter: char| letter.is_ascii_alphabetic());
            return (word && *own == 20).then_some((*name, *own, true));
        }
        named(self.peek()).map(|(name, own)| (*name, *own, false))
    }

    fn unary(&mut self) -> Result<Node, Error> {
        let at = self.at();
        let (name, precedence) = match self.peek() {
            Kind::Sign("!") => ("!", NOT),
            Kind::Word(word) if word == "not" => ("!", NOT),
            Kind::Sign("-") => ("-", SIGN),
            Kind::Sign("+") => ("+", SIGN),
            _ => return self.postfix(),
        };
        self.next += 1;
        let operand = self.expression(precedence)?;
        self.node(at, Form::Unary(name, Box::new(operand)))
    }

    fn postfix(&mut self) -> Result<Node, Error> {
        let mut node = self.primary()?;
        loop {
            let at = self.at();
            let chain = if self.is("?.") {
                Chain::Optional
            } else {
                Chain::Strict
            };
            if self.take("[") {
                node = self.index(at, node)?;
            } else if self.take(".") || self.take("?.") {
                let Kind::Word(name) = self.peek().clone() else {
                    return Err(self.unexpected());
                };
                self.next += 1;
                node = self.node(at, Form::Field(Box::new(node), name, chain))?;
            } else {
                return Ok(node);
            }
        }
    }

    fn index(&mut self, at: usize, list: Node) -> Result<Node, Error> {
        let from = if self.is(":") {
            None
        } else {
            Some(Box::new(self.expression(0)?))
        };
        if self.take(":") {
            let to = if self.is("]") {
                None
            } else {
                Some(Box::new(self.expression(0)?))
            };
            self.expect("]")?;
            return self.node(at, Form::Slice(Box::new(list), from, to));
        }
        self.expect("]")?;
        match from {
            Some(index) => self.node(at, Form::Index(Box::new(list), index)),
            None => Err(self.unexpected()),
        }
    }
}
