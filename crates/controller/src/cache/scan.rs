//! Finding a member of an object in its text without reading the others.
//!
//! What a text is made of is only looked at as far as the way there needs: whoever decodes what was
//! found, or the whole, sees what is wrong with it.

use std::ops::Range;

/// Where the value of a member is, in a text that begins with an object. `None` where there is none,
/// or where this is not an object.
pub(super) fn member(text: &[u8], name: &str) -> Option<Range<usize>> {
    let mut at = open(text)?;
    loop {
        at = space(text, at);
        let key = string(text, at)?;
        let found = &text[at + 1..key - 1] == name.as_bytes();
        at = space(text, key);
        if *text.get(at)? != b':' {
            return None;
        }
        at = space(text, at + 1);
        let end = value(text, at)?;
        if found {
            return Some(at..end);
        }
        at = space(text, end);
        if *text.get(at)? != b',' {
            return None;
        }
        at += 1;
    }
}

/// What is behind the brace that opens an object.
fn open(text: &[u8]) -> Option<usize> {
    let at = space(text, 0);
    (*text.get(at)? == b'{').then_some(at + 1)
}

fn space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// What is behind the string that begins here.
fn string(text: &[u8], at: usize) -> Option<usize> {
    if *text.get(at)? != b'"' {
        return None;
    }
    let mut at = at + 1;
    loop {
        match *text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// What is behind the value that begins here.
fn value(text: &[u8], at: usize) -> Option<usize> {
    match *text.get(at)? {
        b'"' => string(text, at),
        b'{' | b'[' => {
            let (mut at, mut depth) = (at, 0_usize);
            loop {
                match *text.get(at)? {
                    b'"' => {
                        at = string(text, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        _ => {
            let rest = text[at..].iter();
            let length = rest.take_while(|byte| {
                !matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r')
            });
            Some(at + length.count()).filter(|end| *end > at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_and_nothing_else() {
        let found = |text: &str, name: &str| {
            member(text.as_bytes(), name)
                .map_or("-", |range| &text[range])
                .to_owned()
        };
        let text =
            r#" { "a\"b":[{"x":"]}"},1] , "n" : -1.5e3, "s":"q\\","o":{"n":null,"t":true} } "#;
        assert_eq!(found(text, "n"), "-1.5e3");
        assert_eq!(found(text, "s"), r#""q\\""#);
        assert_eq!(found(text, "o"), r#"{"n":null,"t":true}"#);
        assert_eq!(found(text, "t"), "-");
        for broken in [
            "",
            "{",
            "[1]",
            r#"{"n"#,
            r#"{"n":"#,
            r#"{"n":["#,
            r#"{"a" "n":1}"#,
            r#"{"a":"x\"#,
        ] {
            assert_eq!(found(broken, "n"), "-", "{broken}");
        }
        for cut in 0..text.len() {
            let _ = member(&text.as_bytes()[..cut], "absent");
        }
    }
}
