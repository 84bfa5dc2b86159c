//! Links of a page that is seen through the proxy: what they name from the root of its server is below the proxy's path here.
//!
//! Which attributes hold links is upstream's list (`k8s.io/apimachinery/pkg/util/proxy/transport.go`). Pages that are compressed or
//! too large to be held are left as they are.

/// Elements and their attributes that hold links.
const LINKS: &[(&str, &[&str])] = &[
    ("a", &["href"]),
    ("applet", &["codebase"]),
    ("area", &["href"]),
    ("audio", &["src"]),
    ("base", &["href"]),
    ("blockquote", &["cite"]),
    ("body", &["background"]),
    ("button", &["formaction"]),
    ("command", &["icon"]),
    ("del", &["cite"]),
    ("embed", &["src"]),
    ("form", &["action"]),
    ("frame", &["longdesc", "src"]),
    ("head", &["profile"]),
    ("html", &["manifest"]),
    ("iframe", &["longdesc", "src"]),
    ("img", &["longdesc", "src", "usemap"]),
    ("input", &["formaction", "src", "usemap"]),
    ("ins", &["cite"]),
    ("link", &["href"]),
    ("object", &["classid", "codebase", "data", "usemap"]),
    ("q", &["cite"]),
    ("script", &["src"]),
    ("source", &["src"]),
    ("video", &["poster", "src"]),
];

/// The link as it leads to the same place from here.
pub(super) fn link(link: &str, prefix: &str) -> String {
    let from_root = link.starts_with('/') && !link.starts_with("//");
    if from_root && !link.starts_with(prefix) {
        format!("{prefix}{link}")
    } else {
        link.to_owned()
    }
}

/// The page with its links changed.
pub(super) fn page(text: &str, prefix: &str) -> String {
    let mut done = String::with_capacity(text.len() + 256);
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        done.push_str(before);
        if let Some(comment) = tag.strip_prefix("<!--") {
            let length = comment.find("-->").map_or(tag.len(), |end| 4 + end + 3);
            done.push_str(&tag[..length]);
            rest = &tag[length..];
            continue;
        }
        let length = end_of_tag(tag);
        element(&tag[..length], prefix, &mut done);
        rest = &tag[length..];
    }
    done.push_str(rest);
    done
}

/// Where the tag at the beginning of `tag` ends: quoted values may hold a closing bracket.
fn end_of_tag(tag: &str) -> usize {
    let mut quote = None;
    for (index, letter) in tag.char_indices() {
        match (quote, letter) {
            (None, '>') => return index + 1,
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    tag.len()
}

fn element(tag: &str, prefix: &str, done: &mut String) {
    let inside = &tag[1..];
    let end = inside
        .find(|letter: char| !letter.is_ascii_alphanumeric())
        .unwrap_or(inside.len());
    let name = inside[..end].to_ascii_lowercase();
    let Some((_, attributes)) = LINKS.iter().find(|(element, _)| *element == name) else {
        return done.push_str(tag);
    };
    done.push_str(&tag[..=end]);
    let mut rest = &inside[end..];
    while let Some(equals) = rest.find('=') {
        let (named, value) = rest.split_at(equals + 1);
        done.push_str(named);
        let mut words = named[..equals].split(|it: char| it.is_whitespace() || "\"'".contains(it));
        let attribute = words.rfind(|word| !word.is_empty());
        let attribute = attribute.unwrap_or_default().to_ascii_lowercase();
        let (open, value, after) = value_of(value);
        done.push_str(open);
        if attributes.contains(&&*attribute) {
            done.push_str(&link(value, prefix));
        } else {
            done.push_str(value);
        }
        rest = after;
    }
    done.push_str(rest);
}

/// What stands before the value of an attribute, the value, and the rest with the closing quote.
fn value_of(text: &str) -> (&str, &str, &str) {
    let blank = text.len() - text.trim_start().len();
    let first = text[blank..].chars().next();
    let (start, end) = match first {
        Some(quote @ ('"' | '\'')) => {
            let start = blank + 1;
            (start, text[start..].find(quote))
        }
        _ => {
            let ends = |letter: char| letter.is_whitespace() || letter == '>';
            (blank, text[blank..].find(ends))
        }
    };
    let end = end.map_or(text.len(), |end| start + end);
    (&text[..start], &text[start..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_from_the_root_lead_below_the_proxy() {
        let cases = [
            (r#"<a href="/x">t</a>"#, r#"<a href="/p/x">t</a>"#),
            (
                r#"<A class=b HREF='/x/?a=b'>"#,
                r#"<A class=b HREF='/p/x/?a=b'>"#,
            ),
            (r"<img src=/i.png alt=/no>", r"<img src=/p/i.png alt=/no>"),
            (
                r#"<a href="x"><a href="//h/x"><a href="https://h/x">"#,
                r#"<a href="x"><a href="//h/x"><a href="https://h/x">"#,
            ),
            (r#"<a href="/p/x">"#, r#"<a href="/p/x">"#),
            (
                r#"<p title="a > b"><link href="/c.css"/>"#,
                r#"<p title="a > b"><link href="/p/c.css"/>"#,
            ),
            (
                r#"<!-- <a href="/x"> --> 1 < 2"#,
                r#"<!-- <a href="/x"> --> 1 < 2"#,
            ),
            (r#"<a href="/x"#, r#"<a href="/p/x"#),
            ("<a href=", "<a href="),
            ("<", "<"),
            ("", ""),
        ];
        for (before, after) in cases {
            assert_eq!(page(before, "/p"), after);
        }
    }
}
