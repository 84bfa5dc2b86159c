//! Where a query is wrong.
//!
//! The parser says what is wrong with types and arguments, but of a syntax error only that there is
//! one. So when it refuses a query, this walks the grammar once more, only to find the first token
//! that cannot stand where it stands.

mod grammar;
mod tokens;

use self::grammar::Grammar;
use super::error::ParseError;

/// Finds the position for the parser's message, or a better message with its position.
pub(super) fn locate(text: &str, message: &str) -> ParseError {
    let found = tokens::tokens(text).and_then(|tokens| Grammar::new(text, tokens).check());
    if let Err((position, syntax)) = found {
        return ParseError::at(text, position, syntax);
    }
    // A message about a function names it in quotes: that is the place.
    let named = message.split('\'').nth(1).and_then(|name| text.find(name));
    ParseError::at(text, named.unwrap_or(0), message)
}
