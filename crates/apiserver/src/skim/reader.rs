//! A place in a text of JSON that only moves on.

use std::borrow::Cow;

use serde_json::Value;

use super::Error;

/// How deep lists and objects are entered; what is deeper is no object that was accepted.
const DEEPEST: usize = 128;

pub(super) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The text from a place that was passed to here.
    pub(super) fn since(&self, from: usize) -> &'a [u8] {
        self.text.get(from..self.at).unwrap_or_default()
    }

    fn unexpected<T>(&self) -> Result<T, Error> {
        Err(Error::Structure { at: self.at })
    }

    /// The next byte that means something.
    pub(super) fn peek(&mut self) -> Result<u8, Error> {
        while let Some(&byte) = self.text.get(self.at) {
            if !byte.is_ascii_whitespace() {
                return Ok(byte);
            }
            self.at += 1;
        }
        self.unexpected()
    }

    fn take(&mut self, expected: u8) -> Result<(), Error> {
        if self.peek()? != expected {
            return self.unexpected();
        }
        self.at += 1;
        Ok(())
    }

    /// Goes through an object: `each` is told the name of a field and has to pass its value.
    pub(super) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.within(b'{', b'}', |reader| {
            let name = reader.name()?;
            reader.take(b':')?;
            reader.peek()?;
            each(reader, &name)
        })
    }

    /// Goes through a list: `each` has to pass an element.
    pub(super) fn list(
        &mut self,
        each: impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.within(b'[', b']', each)
    }

    fn within(
        &mut self,
        open: u8,
        close: u8,
        mut each: impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.take(open)?;
        if self.depth == DEEPEST {
            return self.unexpected();
        }
        if self.peek()? == close {
            self.at += 1;
            return Ok(());
        }
        self.depth += 1;
        loop {
            each(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                byte if byte == close => break,
                _ => return self.unexpected(),
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    fn name(&mut self) -> Result<Cow<'a, [u8]>, Error> {
        let from = self.at_next()?;
        let escapes = self.string()?;
        let quoted = self.since(from);
        match escapes {
            Escapes::None => Ok(Cow::Borrowed(&quoted[1..quoted.len() - 1])),
            Escapes::Some => {
                let name: String = serde_json::from_slice(quoted)?;
                Ok(Cow::Owned(name.into_bytes()))
            }
        }
    }

    fn at_next(&mut self) -> Result<usize, Error> {
        self.peek()?;
        Ok(self.at)
    }

    /// Decodes a value.
    pub(super) fn value(&mut self) -> Result<Value, Error> {
        let from = self.at_next()?;
        if self.text[from] == b'"' {
            let escapes = self.string()?;
            let quoted = self.since(from);
            if let (Escapes::None, Ok(text)) = (escapes, str::from_utf8(quoted)) {
                return Ok(Value::String(text[1..text.len() - 1].to_owned()));
            }
            return Ok(serde_json::from_slice(quoted)?);
        }
        self.skip()?;
        Ok(serde_json::from_slice(self.since(from))?)
    }

    /// Passes a value.
    pub(super) fn skip(&mut self) -> Result<(), Error> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' | b'[' => self.skip_nested(),
            b',' | b':' | b'}' | b']' => self.unexpected(),
            _ => {
                self.skip_scalar();
                Ok(())
            }
        }
    }

    fn skip_scalar(&mut self) {
        let rest = &self.text[self.at..];
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
    }

    /// Passes an object or a list without entering it: only how many are open is counted.
    fn skip_nested(&mut self) -> Result<(), Error> {
        let mut open = 0_usize;
        let mut at = self.at;
        while let Some(&byte) = self.text.get(at) {
            at += 1;
            match byte {
                b'"' => {
                    self.at = at - 1;
                    self.string()?;
                    at = self.at;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => {
                    open -= 1;
                    if open == 0 {
                        self.at = at;
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        self.at = at;
        self.unexpected()
    }

    /// Passes a text in quotation marks.
    fn string(&mut self) -> Result<Escapes, Error> {
        self.take(b'"')?;
        let mut escapes = Escapes::None;
        loop {
            self.at += ordinary(self.text.get(self.at..).unwrap_or_default());
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escapes);
                }
                Some(_) => {
                    escapes = Escapes::Some;
                    self.at += 2;
                }
                None => return self.unexpected(),
            }
        }
    }
}

/// How many bytes there are before the first quotation mark or backslash. Eight are looked at together: a
/// byte that is sought becomes zero by its exclusive or, and only a zero (or what comes after one) borrows from its highest bit.
fn ordinary(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHEST: u64 = ONES << 7;
    let found = |word: u64, byte: u8| {
        let word = word ^ (ONES * u64::from(byte));
        word.wrapping_sub(ONES) & !word & HIGHEST
    };
    let (eights, rest) = text.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        let word = u64::from_le_bytes(*eight);
        let found = found(word, b'"') | found(word, b'\\');
        if found != 0 {
            return 8 * index + found.trailing_zeros() as usize / 8;
        }
    }
    let sought = |byte: &u8| matches!(byte, b'"' | b'\\');
    text.len() - rest.len() + rest.iter().position(sought).unwrap_or(rest.len())
}

/// Whether a text has any.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Some,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_bytes_are_counted_wherever_they_end() {
        // Beside what is sought: neighbours of it, and bytes with the highest bit.
        for filler in [b'a', b'!', b'#', b'[', b']', 0, 0x80, 0xa2, 0xdc, 0xff] {
            for length in 0..40 {
                let mut text = vec![filler; 40];
                for sought in [b'"', b'\\'] {
                    text[length] = sought;
                    assert_eq!(ordinary(&text), length, "{filler}");
                    text[length..].fill(sought);
                    assert_eq!(ordinary(&text), length, "{filler}");
                }
                assert_eq!(ordinary(&vec![filler; length]), length, "{filler}");
            }
        }
    }
}
