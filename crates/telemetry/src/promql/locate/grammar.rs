//! The grammar, as far as it takes to find the first token out of place.

use super::tokens::{Kind, Token, Wrong};

const AGGREGATIONS: [&str; 14] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
    "limitk",
    "limit_ratio",
];
const OPERATORS: [&str; 16] = [
    "+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">=", "and", "or", "unless", "atan2",
];

pub(super) struct Grammar<'t> {
    text: &'t str,
    tokens: Vec<Token<'t>>,
    next: usize,
}

impl<'t> Grammar<'t> {
    pub(super) fn new(text: &'t str, tokens: Vec<Token<'t>>) -> Self {
        Self {
            text,
            tokens,
            next: 0,
        }
    }

    pub(super) fn check(mut self) -> Result<(), Wrong> {
        self.expression()?;
        if self.peek().kind == Kind::End {
            Ok(())
        } else {
            Err(self.unexpected("an operator or the end"))
        }
    }

    fn peek(&self) -> Token<'t> {
        // The last token is the end, which is never passed.
        self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn is(&self, text: &str) -> bool {
        let token = self.peek();
        match token.kind {
            Kind::Symbol => token.text == text,
            Kind::Word => token.text.eq_ignore_ascii_case(text),
            Kind::Number | Kind::Text | Kind::End => false,
        }
    }

    fn accept(&mut self, text: &str) -> bool {
        let found = self.is(text);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, text: &str, context: &str) -> Result<(), Wrong> {
        if self.accept(text) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("{text:?} {context}")))
        }
    }

    fn unexpected(&self, expected: &str) -> Wrong {
        let token = self.peek();
        let what = match token.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Text => format!("string {}", token.text),
            Kind::Number => format!("number {:?}", token.text),
            Kind::Word => format!("identifier {:?}", token.text),
            Kind::Symbol => format!("{:?}", token.text),
        };
        (
            token.position,
            format!("unexpected {what}, expected {expected}"),
        )
    }

    fn expression(&mut self) -> Result<(), Wrong> {
        self.operand()?;
        while OPERATORS.iter().any(|operator| self.is(operator)) {
            self.next += 1;
            self.accept("bool");
            if self.accept("on") || self.accept("ignoring") {
                self.label_list()?;
                if (self.accept("group_left") || self.accept("group_right")) && self.is("(") {
                    self.label_list()?;
                }
            }
            self.operand()?;
        }
        Ok(())
    }

    fn operand(&mut self) -> Result<(), Wrong> {
        while self.accept("+") || self.accept("-") {}
        self.primary()?;
        loop {
            if self.accept("[") {
                self.range()?;
            } else if self.accept("offset") {
                self.accept("-");
                self.number("a duration after offset")?;
            } else if self.accept("@") {
                self.accept("-");
                if self.accept("start") || self.accept("end") {
                    self.expect("(", "after start or end")?;
                    self.expect(")", "after '('")?;
                } else {
                    self.number("a timestamp after @")?;
                }
            } else {
                return Ok(());
            }
        }
    }

    fn number(&mut self, expected: &str) -> Result<(), Wrong> {
        if self.peek().kind != Kind::Number {
            return Err(self.unexpected(expected));
        }
        self.next += 1;
        Ok(())
    }

    fn range(&mut self) -> Result<(), Wrong> {
        self.number("a duration such as 5m")?;
        if self.accept(":") && self.peek().kind == Kind::Number {
            self.next += 1;
        }
        self.expect("]", "at the end of the range")
    }

    fn primary(&mut self) -> Result<(), Wrong> {
        let token = self.peek();
        match token.kind {
            Kind::Number | Kind::Text => self.next += 1,
            Kind::Word
                if AGGREGATIONS.iter().any(|name| self.is(name)) && self.is_aggregation() =>
            {
                return self.aggregation();
            }
            Kind::Word => return self.named(token),
            Kind::Symbol if token.text == "(" => {
                self.next += 1;
                self.expression()?;
                return self.close(token);
            }
            Kind::Symbol if token.text == "{" => return self.matchers(),
            Kind::Symbol | Kind::End => {
                return Err(self.unexpected("a number, metric, function or '('"));
            }
        }
        Ok(())
    }

    fn close(&mut self, open: Token<'t>) -> Result<(), Wrong> {
        if self.peek().kind == Kind::End {
            return Err((open.position, "unclosed left parenthesis".to_owned()));
        }
        self.expect(")", "or an operator")
    }

    /// `sum` may also be the name of a metric.
    fn is_aggregation(&self) -> bool {
        let follower = self.tokens.get(self.next + 1);
        follower.is_some_and(|token| {
            matches!(
                token.text.to_ascii_lowercase().as_str(),
                "(" | "by" | "without"
            )
        })
    }

    fn aggregation(&mut self) -> Result<(), Wrong> {
        self.next += 1;
        if self.accept("by") || self.accept("without") {
            self.label_list()?;
        }
        self.arguments()?;
        if self.accept("by") || self.accept("without") {
            self.label_list()?;
        }
        Ok(())
    }

    fn named(&mut self, token: Token<'t>) -> Result<(), Wrong> {
        self.next += 1;
        if self.is("(") {
            if !crate::promql::functions::is_known(token.text) {
                return Err((
                    token.position,
                    format!("unknown function with name {:?}", token.text),
                ));
            }
            return self.arguments();
        }
        if self.is("{") {
            self.matchers()
        } else {
            Ok(())
        }
    }

    fn arguments(&mut self) -> Result<(), Wrong> {
        let open = self.peek();
        self.expect("(", "before the arguments")?;
        if self.accept(")") {
            return Ok(());
        }
        loop {
            self.expression()?;
            if !self.accept(",") {
                return self.close(open);
            }
        }
    }

    fn label_list(&mut self) -> Result<(), Wrong> {
        self.expect("(", "before the labels")?;
        while !self.accept(")") {
            if !matches!(self.peek().kind, Kind::Word | Kind::Text) {
                return Err(self.unexpected("a label name or ')'"));
            }
            self.next += 1;
            if !self.accept(",") && !self.is(")") {
                return Err(self.unexpected("',' or ')' in the labels"));
            }
        }
        Ok(())
    }

    fn matchers(&mut self) -> Result<(), Wrong> {
        let open = self.peek();
        self.next += 1;
        while !self.accept("}") {
            if self.peek().kind == Kind::End {
                return Err((open.position, "unclosed left brace".to_owned()));
            }
            self.matcher()?;
            if !self.accept(",")
                && !self.accept("or")
                && !self.is("}")
                && self.peek().kind != Kind::End
            {
                return Err(self.unexpected("',' or '}' in the label matchers"));
            }
        }
        Ok(())
    }

    fn matcher(&mut self) -> Result<(), Wrong> {
        if !matches!(self.peek().kind, Kind::Word | Kind::Text) {
            return Err(self.unexpected("a label name"));
        }
        let is_quoted_name = self.peek().kind == Kind::Text;
        self.next += 1;
        let is_operator = ["=", "!=", "=~", "!~"]
            .iter()
            .any(|operator| self.is(operator));
        if !is_operator && is_quoted_name {
            return Ok(());
        }
        if !is_operator {
            return Err(self.unexpected("one of '=', '!=', '=~' and '!~'"));
        }
        let is_regex = self.is("=~") || self.is("!~");
        self.next += 1;
        let value = self.peek();
        if value.kind != Kind::Text {
            return Err(self.unexpected("a quoted label value"));
        }
        self.next += 1;
        let inner = &self.text[value.position + 1..value.position + value.text.len() - 1];
        match regex::Regex::new(&inner.replace("\\\\", "\\")) {
            Err(error) if is_regex => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim().to_owned();
                Err((
                    value.position,
                    format!("invalid regular expression {}: {reason}", value.text),
                ))
            }
            _ => Ok(()),
        }
    }
}
