//! The patterns of `directory.include` and `exclude`.

/// Whether a path fits: `*` and `**` are any text, `?` one character, `{a,b}` a choice. Argo CD gives
/// its pattern library no separators, so `*` crosses folders.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    expand(pattern)
        .iter()
        .any(|one| fits(one.as_bytes(), path.as_bytes()))
}

/// A pattern without choices for each combination of them.
fn expand(pattern: &str) -> Vec<String> {
    let Some(open) = pattern.find('{') else {
        return vec![pattern.to_owned()];
    };
    let Some((choices, rest)) = choices(&pattern[open + 1..]) else {
        return vec![pattern.to_owned()];
    };
    let tails = expand(rest);
    let mut expanded = Vec::new();
    for choice in choices.iter().flat_map(|choice| expand(choice)) {
        for tail in &tails {
            expanded.push(format!("{}{choice}{tail}", &pattern[..open]));
        }
    }
    expanded
}

/// The choices up to the closing brace, and what follows it.
fn choices(text: &str) -> Option<(Vec<&str>, &str)> {
    let (mut depth, mut start, mut found) = (0_usize, 0, Vec::new());
    for (index, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&text[start..index]);
                return Some((found, &text[index + 1..]));
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    None
}

/// Matching with one point to return to: linear in practice, never exponential.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut here, mut star) = (0, 0, None);
    while here < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, here));
                at += 1;
            }
            Some(b'?') => (at, here) = (at + 1, here + 1),
            Some(byte) if *byte == text[here] => (at, here) = (at + 1, here + 1),
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (at, here) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_choose_files() {
        assert!(matches("*.yaml", "web.yaml"));
        assert!(matches("*.yaml", "deep/web.yaml"));
        assert!(matches(
            "{config,env-{staging,production}}/*",
            "env-staging/a.yaml"
        ));
        assert!(!matches(
            "{config,env-{staging,production}}/*",
            "env-test/a.yaml"
        ));
        assert!(matches("we?.yaml", "web.yaml"));
        assert!(!matches("we?.yaml", "we.yaml"));
    }
}
