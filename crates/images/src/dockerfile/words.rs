//! Words, quotes, and the JSON form.

/// The start of a here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeredocMark {
    /// The line that ends it.
    pub(super) delimiter: String,
    /// Whether its body keeps `$` as it is: the delimiter was quoted.
    pub(super) is_literal: bool,
    /// `<<-`: tabs at the start of lines go.
    pub(super) strips_tabs: bool,
}

/// The here-documents that a line begins: words of the form `<<NAME`, `<<-NAME`, `<<"NAME"`, with
/// a file descriptor before them or not.
pub(super) fn heredoc_marks(text: &str) -> Vec<HeredocMark> {
    if text.starts_with('[') && json_list(text).is_some() {
        return Vec::new();
    }
    split_quoted(text, '\\')
        .iter()
        .filter_map(|word| heredoc_mark(word))
        .collect()
}

pub(super) fn heredoc_mark(word: &str) -> Option<HeredocMark> {
    let rest = word
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .strip_prefix("<<")?;
    let (strips_tabs, name) = match rest.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, rest),
    };
    let unquoted = name.replace(['"', '\''], "");
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '-';
    if unquoted.is_empty() || !unquoted.chars().all(is_name) {
        return None;
    }
    Some(HeredocMark {
        is_literal: unquoted != name,
        delimiter: unquoted,
        strips_tabs,
    })
}

/// The strings of a JSON list; `None` where the text is none, so that it is the shell form.
pub(super) fn json_list(text: &str) -> Option<Vec<String>> {
    if !text.starts_with('[') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Words with blanks between them, quotes and escapes kept; a blank inside quotes or behind the
/// escape character does not separate.
pub(super) fn split_quoted(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match quote {
            None if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        word.push(c);
        if c == escape && quote != Some('\'') {
            word.extend(characters.next());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The nearest of `known` words, if it is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let distances = known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate));
    distances
        .min()
        .filter(|(distance, _)| *distance <= if word.len() > 4 { 2 } else { 1 })
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, removed or changed (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
