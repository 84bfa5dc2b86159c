//! One calm screen: a line for each thing that happened, and one line for what happens now.

use std::time::Duration;

use console::{Term, style};
use tokio::time::Instant;

use crate::arguments::Output;

/// Where the story is told.
pub(crate) struct Screen {
    term: Option<Term>,
    begun: Instant,
    live: bool,
    pub(crate) timeline: Vec<(Duration, String, String)>,
}

impl Screen {
    pub(crate) fn new(output: Output) -> Self {
        let term = (output == Output::Text).then(Term::stdout);
        Self {
            term,
            begun: Instant::now(),
            live: false,
            timeline: Vec::new(),
        }
    }

    fn clear(&mut self) {
        if let Some(term) = self.term.as_ref().filter(|_| self.live) {
            // A terminal that is gone is no reason to end the story.
            let _ = term.clear_line();
        }
        self.live = false;
    }

    fn line(&mut self, text: &str) {
        self.clear();
        if let Some(term) = &self.term {
            let _ = term.write_line(text);
        }
    }

    /// A new chapter.
    pub(crate) fn begin(&mut self, title: &str) {
        self.line("");
        self.line(&style(title).bold().to_string());
    }

    /// Something happened.
    pub(crate) fn event(&mut self, what: &str, text: &str) {
        let at = self.begun.elapsed();
        self.timeline.push((at, what.to_owned(), text.to_owned()));
        let time = style(format!("{:>6.1}s", at.as_secs_f64())).dim();
        self.line(&format!("{time}  {what:<12} {text}"));
    }

    /// What happens now; only where a person looks.
    pub(crate) fn now(&mut self, text: &str) {
        let Some(term) = self.term.clone().filter(Term::is_term) else {
            return;
        };
        self.clear();
        let width = usize::from(term.size().1).saturating_sub(1);
        let text: String = text.chars().take(width).collect();
        let _ = term.write_str(&style(text).dim().to_string());
        self.live = true;
    }

    /// The story is over.
    pub(crate) fn done(&mut self) {
        self.clear();
    }
}
