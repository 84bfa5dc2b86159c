//! From tokens to a tree. The grammar: <https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax>.

mod macros;

use std::cell::Cell;
use std::sync::Arc;

use super::error::Issue;
use super::library;
use super::syntax::{Node, Part, Presence, Style};
use super::token::{Placed, Token, tokens};
use super::value::Value;

/// The most bytes of a text.
const LONGEST: usize = 64 << 10;

/// How high a tree may be.
const DEEPEST: usize = 120;

/// How deeply expressions may be nested in the text. Upstream's parser allows 250 rules of its grammar, of which a pair of
/// parentheses takes a dozen.
const NESTED: usize = 40;

/// Words that may not be variables.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "in",
];

/// Binary operators by how tightly they bind, the loosest first; `&&` and `||` are not among them.
const LEVELS: &[&[&str]] = &[
    &["==", "!=", "<=", ">=", "<", ">", "in"],
    &["+", "-"],
    &["*", "/", "%"],
];

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<Node, Issue> {
    if text.len() > LONGEST {
        let message = format!(
            "expression code point size exceeds limit: size: {}, limit {LONGEST}",
            text.len()
        );
        return Err(Issue::at(text, 0, message));
    }
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
        nodes: Cell::new(0),
    };
    let node = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(node),
        _ => Err(parser.unexpected("<EOF>")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
    /// How many nodes were made so far.
    nodes: Cell<u32>,
}

type Parsed = Result<Node, Issue>;

impl Parser<'_> {
    fn peek(&self) -> &Token {
        // The last token is the end, and is never passed.
        &self.tokens[self.next.min(self.tokens.len() - 1)].1
    }

    fn at(&self) -> usize {
        self.tokens[self.next.min(self.tokens.len() - 1)].0
    }

    fn issue(&self, at: usize, message: impl Into<String>) -> Issue {
        Issue::at(self.text, at, message)
    }

    fn unexpected(&self, expected: &str) -> Issue {
        let found = match self.peek() {
            Token::End => "<EOF>".to_owned(),
            Token::Name(name) | Token::Quoted(name) => name.clone(),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::Text(text) => format!("{text:?}"),
            Token::Integer(number) | Token::Unsigned(number) => number.to_string(),
            Token::Double(number) => number.to_string(),
            Token::Bytes(_) => "bytes".to_owned(),
        };
        let message = format!("Syntax error: mismatched input '{found}' expecting {expected}");
        self.issue(self.at(), message)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if *found == sign)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.next += 1;
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), Issue> {
        if self.accept(sign) {
            return Ok(());
        }
        Err(self.unexpected(&format!("'{sign}'")))
    }

    fn make(&self, at: usize, part: Part, below: &[&Node]) -> Parsed {
        let height = below
            .iter()
            .map(|node| node.height + 1)
            .max()
            .unwrap_or_default();
        self.sized(at, part, height)
    }

    fn sized(&self, at: usize, part: Part, height: usize) -> Parsed {
        if height > DEEPEST {
            return Err(self.issue(
                at,
                format!("expression recursion limit exceeded: {DEEPEST}"),
            ));
        }
        let id = self.nodes.get();
        self.nodes.set(id.wrapping_add(1));
        Ok(Node {
            id,
            at,
            height,
            part,
        })
    }

    fn call(&self, at: usize, function: &str, style: Style, arguments: Vec<Node>) -> Parsed {
        let height = arguments
            .iter()
            .map(|node| node.height + 1)
            .max()
            .unwrap_or_default();
        let function = Arc::from(function);
        self.sized(
            at,
            Part::Call {
                function,
                style,
                arguments,
            },
            height,
        )
    }

    fn expression(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > NESTED {
            let message = format!("expression recursion limit exceeded: {NESTED}");
            return Err(self.issue(self.at(), message));
        }
        let condition = self.chain("||", Part::Or, |parser| {
            parser.chain("&&", Part::And, |parser| parser.binary(0))
        })?;
        let at = self.at();
        let node = if self.accept("?") {
            let yes = self.chain("||", Part::Or, |parser| {
                parser.chain("&&", Part::And, |parser| parser.binary(0))
            })?;
            self.expect(":")?;
            let no = self.expression()?;
            let height = 1 + condition.height.max(yes.height).max(no.height);
            self.sized(at, Part::If(Box::new([condition, yes, no])), height)?
        } else {
            condition
        };
        self.depth -= 1;
        Ok(node)
    }

    fn chain(
        &mut self,
        sign: &str,
        join: fn(Vec<Node>) -> Part,
        operand: impl Fn(&mut Self) -> Parsed,
    ) -> Parsed {
        let first = operand(self)?;
        if !self.is_sign(sign) {
            return Ok(first);
        }
        let at = self.at();
        let mut nodes = vec![first];
        while self.accept(sign) {
            nodes.push(operand(self)?);
        }
        let height = nodes
            .iter()
            .map(|node| node.height + 1)
            .max()
            .unwrap_or_default();
        self.sized(at, join(nodes), height)
    }

    fn binary(&mut self, level: usize) -> Parsed {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        loop {
            let operator = match self.peek() {
                Token::Sign(sign) if operators.contains(sign) => (*sign).to_owned(),
                Token::Name(name) if name == "in" && level == 0 => name.clone(),
                _ => return Ok(left),
            };
            let at = self.at();
            self.next += 1;
            let right = self.binary(level + 1)?;
            let name = match operator.as_str() {
                "in" => "@in".to_owned(),
                sign => format!("_{sign}_"),
            };
            left = self.call(at, &name, Style::Function, vec![left, right])?;
        }
    }

    fn unary(&mut self) -> Parsed {
        let at = self.at();
        for (sign, name) in [("!", "!_"), ("-", "-_")] {
            if !self.is_sign(sign) {
                continue;
            }
            let mut count = 0;
            while self.accept(sign) {
                count += 1;
            }
            if sign == "-"
                && count % 2 == 1
                && let Token::Integer(value) = *self.peek()
            {
                // The smallest integer has no positive counterpart.
                let literal = self.integer(value, true)?;
                self.next += 1;
                let node = self.make(at, Part::Literal(literal), &[])?;
                return self.members(node);
            }
            let operand = self.member()?;
            return if count % 2 == 1 {
                self.call(at, name, Style::Function, vec![operand])
            } else {
                Ok(operand)
            };
        }
        self.member()
    }

    fn integer(&self, value: u64, negative: bool) -> Result<Value, Issue> {
        let signed = if negative {
            -i128::from(value)
        } else {
            i128::from(value)
        };
        i64::try_from(signed)
            .map(Value::Int)
            .map_err(|_| self.issue(self.at(), "Syntax error: invalid int literal"))
    }

    fn member(&mut self) -> Parsed {
        let primary = self.primary()?;
        self.members(primary)
    }

    fn members(&mut self, mut node: Node) -> Parsed {
        loop {
            let at = self.at();
            if self.accept(".") || self.is_sign(".?") {
                let presence = if self.accept(".?") {
                    Presence::Optional
                } else {
                    Presence::Plain
                };
                node = self.selection(at, node, presence)?;
            } else if self.is_sign("[") || self.is_sign("[?") {
                let presence = if self.accept("[?") {
                    Presence::Optional
                } else {
                    Presence::Plain
                };
                if presence == Presence::Plain {
                    self.expect("[")?;
                }
                let index = self.expression()?;
                self.expect("]")?;
                let height = 1 + node.height.max(index.height);
                let (operand, index) = (Box::new(node), Box::new(index));
                node = self.sized(
                    at,
                    Part::Index {
                        operand,
                        index,
                        presence,
                    },
                    height,
                )?;
            } else if self.is_sign("{")
                && let Some(name) = dotted(&node)
            {
                node = self.structure(at, name)?;
            } else {
                return Ok(node);
            }
        }
    }

    /// After a dot: a field or a method.
    fn selection(&mut self, at: usize, operand: Node, presence: Presence) -> Parsed {
        let field = match self.peek() {
            Token::Name(name) if name != "in" => name.clone(),
            Token::Quoted(name) => name.clone(),
            _ => return Err(self.unexpected("IDENTIFIER")),
        };
        let quoted = matches!(self.peek(), Token::Quoted(_));
        self.next += 1;
        if presence == Presence::Plain && !quoted && self.is_sign("(") {
            let call_at = self.at();
            self.next += 1;
            let arguments = self.arguments(")")?;
            return self.method(call_at, operand, &field, arguments);
        }
        let height = operand.height + 1;
        let (operand, field) = (Box::new(operand), Arc::from(field));
        self.sized(
            at,
            Part::Select {
                operand,
                field,
                presence,
            },
            height,
        )
    }

    fn method(&mut self, at: usize, target: Node, name: &str, mut arguments: Vec<Node>) -> Parsed {
        if let Some(space) = dotted(&target) {
            let full = format!("{space}.{name}");
            if full == "cel.bind" {
                return self.bind(at, arguments);
            }
            if library::is_qualified(&full) {
                return self.call(at, &full, Style::Function, arguments);
            }
        }
        if macros::is_macro(name, arguments.len()) {
            return self.macro_call(at, target, name, arguments);
        }
        arguments.insert(0, target);
        self.call(at, name, Style::Method, arguments)
    }

    fn arguments(&mut self, end: &str) -> Result<Vec<Node>, Issue> {
        let mut arguments = Vec::new();
        while !self.is_sign(end) {
            arguments.push(self.expression()?);
            if !self.accept(",") {
                break;
            }
        }
        self.expect(end)?;
        Ok(arguments)
    }

    fn primary(&mut self) -> Parsed {
        let at = self.at();
        let token = self.peek().clone();
        let literal = match token {
            Token::Name(name) => return self.named(at, &name),
            Token::Integer(value) => self.integer(value, false)?,
            Token::Unsigned(value) => Value::Uint(value),
            Token::Double(value) => Value::Double(value),
            Token::Text(text) => Value::from(text),
            Token::Bytes(bytes) => Value::Bytes(bytes.into()),
            Token::Sign("(") => {
                self.next += 1;
                let node = self.expression()?;
                self.expect(")")?;
                return Ok(node);
            }
            Token::Sign("[" | "[?") => return self.list(at),
            Token::Sign("{") => return self.map(at),
            // A leading dot means the root namespace, the only one there is.
            Token::Sign(".")
                if matches!(self.tokens.get(self.next + 1), Some((_, Token::Name(_)))) =>
            {
                self.next += 1;
                return self.primary();
            }
            _ => return Err(self.unexpected("an expression")),
        };
        self.next += 1;
        self.make(at, Part::Literal(literal), &[])
    }

    fn named(&mut self, at: usize, name: &str) -> Parsed {
        let literal = match name {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::Null),
            _ => None,
        };
        if literal.is_none() && RESERVED.contains(&name) {
            return Err(self.issue(at, format!("Syntax error: reserved identifier: {name}")));
        }
        self.next += 1;
        if let Some(literal) = literal {
            return self.make(at, Part::Literal(literal), &[]);
        }
        if self.is_sign("(") {
            let call_at = self.at();
            self.next += 1;
            let arguments = self.arguments(")")?;
            if name == "has" {
                return self.has(call_at, arguments);
            }
            return self.call(call_at, name, Style::Function, arguments);
        }
        self.make(at, Part::Name(name.into()), &[])
    }

    fn list(&mut self, at: usize) -> Parsed {
        let mut optional = self.accept("[?");
        if !optional {
            self.expect("[")?;
            optional = self.accept("?");
        }
        let mut items = Vec::new();
        while !self.is_sign("]") {
            let presence = if optional {
                Presence::Optional
            } else {
                Presence::Plain
            };
            items.push((self.expression()?, presence));
            if !self.accept(",") {
                break;
            }
            optional = self.accept("?");
        }
        self.expect("]")?;
        let height = items
            .iter()
            .map(|(node, _)| node.height + 1)
            .max()
            .unwrap_or_default();
        self.sized(at, Part::List(items), height)
    }

    fn map(&mut self, at: usize) -> Parsed {
        self.expect("{")?;
        let mut entries = Vec::new();
        while !self.is_sign("}") {
            let presence = if self.accept("?") {
                Presence::Optional
            } else {
                Presence::Plain
            };
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?, presence));
            if !self.accept(",") {
                break;
            }
        }
        self.expect("}")?;
        let heights = entries
            .iter()
            .map(|(key, value, _)| 1 + key.height.max(value.height));
        let height = heights.max().unwrap_or_default();
        self.sized(at, Part::Map(entries), height)
    }

    fn structure(&mut self, at: usize, name: String) -> Parsed {
        self.expect("{")?;
        let mut fields = Vec::new();
        while !self.is_sign("}") {
            let presence = if self.accept("?") {
                Presence::Optional
            } else {
                Presence::Plain
            };
            let field = match self.peek() {
                Token::Name(name) | Token::Quoted(name) => Arc::from(name.as_str()),
                _ => return Err(self.unexpected("IDENTIFIER")),
            };
            self.next += 1;
            self.expect(":")?;
            fields.push((field, self.expression()?, presence));
            if !self.accept(",") {
                break;
            }
        }
        self.expect("}")?;
        let height = fields
            .iter()
            .map(|(_, node, _)| node.height + 1)
            .max()
            .unwrap_or_default();
        self.sized(at, Part::Struct { name, fields }, height)
    }
}

/// The dotted name that a chain of selections spells.
fn dotted(node: &Node) -> Option<String> {
    match &node.part {
        Part::Name(name) => Some(name.to_string()),
        Part::Select {
            operand,
            field,
            presence: Presence::Plain,
        } => Some(format!("{}.{field}", dotted(operand)?)),
        _ => None,
    }
}
