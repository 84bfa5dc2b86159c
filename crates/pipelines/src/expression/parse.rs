//! Tokens to a tree.

use super::Error;
use super::function::{self, FUNCTIONS};
use super::lex::{Kind, Token, tokens};
use crate::suggest;

/// The contexts that expressions may read.
pub(super) const CONTEXTS: &[&str] = &[
    "github", "env", "vars", "secrets", "needs", "steps", "job", "matrix", "strategy", "runner",
    "inputs",
];

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// As it was written, without `${{` and `}}`.
    pub(super) source: String,
    pub(super) root: Tree,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Literal(serde_json::Value),
    NotANumber,
    Context(String),
    /// `value.name` and `value[index]`.
    Index(Box<Tree>, Box<Tree>),
    /// `value.*` and `value[*]`.
    Filter(Box<Tree>),
    Not(Box<Tree>),
    Binary(Operator, Box<Tree>, Box<Tree>),
    Call(&'static function::Function, Vec<Tree>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The binary operators by rising precedence.
const LEVELS: &[&[(&str, Operator)]] = &[
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[("==", Operator::Equal), ("!=", Operator::Unequal)],
    &[
        ("<=", Operator::LessOrEqual),
        ("<", Operator::Less),
        (">=", Operator::GreaterOrEqual),
        (">", Operator::Greater),
    ],
];

impl Expression {
    /// Reads an expression (without `${{` and `}}`).
    pub fn parse(source: &str) -> Result<Self, Error> {
        let mut parser = Parser {
            source,
            tokens: tokens(source)?,
            next: 0,
            depth: 0,
        };
        let root = parser.binary(0)?;
        match parser.peek() {
            None => Ok(Self {
                source: source.to_owned(),
                root,
            }),
            Some(token) => Err(parser.syntax(token.at, &format!("unexpected {}", name(token)))),
        }
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it calls `success()`, `failure()`, `always()` or `cancelled()`; an `if` that does
    /// not is and-ed with `success()`.
    pub fn checks_status(&self) -> bool {
        self.root
            .any(&|tree| matches!(tree, Tree::Call(function, _) if function.is_status_check()))
    }

    /// Whether it reads the context of that name.
    pub fn reads(&self, context: &str) -> bool {
        self.root
            .any(&|tree| matches!(tree, Tree::Context(name) if name == context))
    }

    /// The context names it reads that `allowed` does not hold.
    pub fn reads_outside(&self, allowed: &[&str]) -> Option<&'static str> {
        CONTEXTS
            .iter()
            .copied()
            .find(|context| !allowed.contains(context) && self.reads(context))
    }
}

impl Tree {
    fn any(&self, holds: &dyn Fn(&Self) -> bool) -> bool {
        holds(self)
            || match self {
                Self::Literal(_) | Self::NotANumber | Self::Context(_) => false,
                Self::Filter(inner) | Self::Not(inner) => inner.any(holds),
                Self::Index(left, right) | Self::Binary(_, left, right) => {
                    left.any(holds) || right.any(holds)
                }
                Self::Call(_, arguments) => arguments.iter().any(|argument| argument.any(holds)),
            }
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

/// How deep brackets may nest (GitHub's own limit is 50 too); keeps hostile input off our stack.
const DEPTH: usize = 50;

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token { kind: Kind::Sign(s), .. }) if *s == sign);
        self.next += usize::from(found);
        found
    }

    fn end(&self) -> usize {
        self.source.chars().count() + 1
    }

    fn expect(&mut self, sign: &str) -> Result<(), Error> {
        if self.accept(sign) {
            return Ok(());
        }
        let (at, found) = match self.peek() {
            Some(token) => (token.at, name(token)),
            None => (self.end(), "the end".to_owned()),
        };
        Err(self.syntax(at, &format!("expected `{sign}`, found {found}")))
    }

    fn syntax(&self, at: usize, message: &str) -> Error {
        Error::Syntax {
            message: message.to_owned(),
            at,
            source_text: self.source.to_owned(),
        }
    }

    fn binary(&mut self, level: usize) -> Result<Tree, Error> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        loop {
            let Some((_, operator)) = operators.iter().find(|(sign, _)| self.accept(sign)) else {
                return Ok(left);
            };
            let right = self.binary(level + 1)?;
            left = Tree::Binary(*operator, Box::new(left), Box::new(right));
        }
    }

    fn unary(&mut self) -> Result<Tree, Error> {
        self.depth += 1;
        if self.depth > DEPTH {
            let at = self.peek().map_or(self.end(), |token| token.at);
            return Err(self.syntax(at, "nested more than 50 deep"));
        }
        let tree = if self.accept("!") {
            Tree::Not(Box::new(self.unary()?))
        } else {
            let primary = self.primary()?;
            self.accessors(primary)?
        };
        self.depth -= 1;
        Ok(tree)
    }

    fn accessors(&mut self, mut tree: Tree) -> Result<Tree, Error> {
        loop {
            if self.accept(".") {
                tree = self.property(tree)?;
            } else if self.accept("[") {
                tree = if self.accept("*") {
                    Tree::Filter(Box::new(tree))
                } else {
                    let index = self.binary(0)?;
                    Tree::Index(Box::new(tree), Box::new(index))
                };
                self.expect("]")?;
            } else {
                return Ok(tree);
            }
        }
    }

    fn property(&mut self, tree: Tree) -> Result<Tree, Error> {
        if self.accept("*") {
            return Ok(Tree::Filter(Box::new(tree)));
        }
        let at = self.peek().map_or(self.end(), |token| token.at);
        let key = match self.take().map(|token| token.kind) {
            Some(Kind::Name(name)) => name,
            // Words of the language are names after a dot.
            Some(Kind::Bool(value)) => value.to_string(),
            Some(Kind::Null) => "null".to_owned(),
            _ => return Err(self.syntax(at, "expected a name or `*` after `.`")),
        };
        Ok(Tree::Index(
            Box::new(tree),
            Box::new(Tree::Literal(key.into())),
        ))
    }

    fn primary(&mut self) -> Result<Tree, Error> {
        let Some(token) = self.take() else {
            return Err(self.syntax(self.end(), "expected a value, found the end"));
        };
        match token.kind {
            Kind::Null => Ok(Tree::Literal(serde_json::Value::Null)),
            Kind::Bool(value) => Ok(Tree::Literal(value.into())),
            Kind::Number(value) if value.is_nan() => Ok(Tree::NotANumber),
            Kind::Number(value) => Ok(Tree::Literal(super::value::from_number(value))),
            Kind::Text(text) => Ok(Tree::Literal(text.into())),
            Kind::Sign("(") => {
                let tree = self.binary(0)?;
                self.expect(")")?;
                Ok(tree)
            }
            Kind::Name(name) if self.accept("(") => self.call(token.at, name),
            Kind::Name(name) => self.context(token.at, name),
            Kind::Sign(sign) => {
                Err(self.syntax(token.at, &format!("expected a value, found `{sign}`")))
            }
        }
    }

    fn context(&self, at: usize, name: String) -> Result<Tree, Error> {
        if let Some(context) = CONTEXTS
            .iter()
            .find(|known| known.eq_ignore_ascii_case(&name))
        {
            return Ok(Tree::Context((*context).to_owned()));
        }
        let hint = suggest::hint(&name, CONTEXTS.iter().copied());
        Err(Error::Unknown {
            what: "context",
            name,
            hint,
            at,
            source_text: self.source.to_owned(),
        })
    }

    fn call(&mut self, at: usize, name: String) -> Result<Tree, Error> {
        let arguments = self.arguments()?;
        let source_text = self.source.to_owned();
        let Some(function) = function::find(&name) else {
            let hint = suggest::hint(&name, FUNCTIONS.iter().map(|function| function.name));
            return Err(Error::Unknown {
                what: "function",
                name,
                hint,
                at,
                source_text,
            });
        };
        let given = arguments.len();
        if !function.arguments.contains(&given) {
            let takes = function.takes();
            let name = function.name.to_owned();
            return Err(Error::Arguments {
                name,
                takes,
                given,
                at,
                source_text,
            });
        }
        Ok(Tree::Call(function, arguments))
    }

    fn arguments(&mut self) -> Result<Vec<Tree>, Error> {
        let mut arguments = Vec::new();
        if self.accept(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.binary(0)?);
            if !self.accept(",") {
                self.expect(")")?;
                return Ok(arguments);
            }
        }
    }
}

fn name(token: &Token) -> String {
    match &token.kind {
        Kind::Null => "`null`".to_owned(),
        Kind::Bool(value) => format!("`{value}`"),
        Kind::Number(value) => format!("`{}`", super::value::number_text(*value)),
        Kind::Text(text) => format!("'{text}'"),
        Kind::Name(name) => format!("`{name}`"),
        Kind::Sign(sign) => format!("`{sign}`"),
    }
}
