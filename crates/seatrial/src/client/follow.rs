//! A part of the screen that is drawn over, without flicker.

use console::truncate_str;

use super::screen::Screen;

/// Draws text over the text drawn before.
#[derive(Debug)]
pub(crate) struct Canvas {
    screen: Screen,
    drawn: Option<String>,
}

impl Canvas {
    /// Nothing is drawn yet.
    pub(crate) fn new(screen: Screen) -> Self {
        Self {
            screen,
            drawn: None,
        }
    }

    /// Draws `text`, if it differs from what stands there.
    pub(crate) fn draw(&mut self, text: &str) {
        let (rows, columns) = Screen::size();
        let text = fitted(text, rows, columns);
        if self.drawn.as_deref() == Some(text.as_str()) {
            return;
        }
        let before = self
            .drawn
            .as_deref()
            .map_or(0, |drawn| drawn.lines().count());
        self.screen.print(&frame(&text, before));
        self.drawn = Some(text);
    }
}

/// The text cut to the terminal: a line that wraps would spoil the count of lines to go back.
fn fitted(text: &str, rows: usize, columns: usize) -> String {
    let room = rows.saturating_sub(1).max(1);
    let all = text.lines().count();
    let kept = if all > room {
        room.saturating_sub(1)
    } else {
        all
    };
    let mut out = String::new();
    for line in text.lines().take(kept) {
        out.push_str(&truncate_str(line, columns.max(1), "…"));
        out.push('\n');
    }
    if kept < all {
        out.push_str(&format!("… {} more lines\n", all - kept));
    }
    out
}

/// One write that goes back, writes each line over the old one and clears what is left below.
/// The terminal shows it at once, where it knows how to (mode 2026).
fn frame(text: &str, before: usize) -> String {
    let mut out = String::from("\x1b[?2026h");
    if before > 0 {
        out.push_str(&format!("\x1b[{before}F"));
    }
    for line in text.lines() {
        out.push_str(line);
        out.push_str("\x1b[K\n");
    }
    out.push_str("\x1b[J\x1b[?2026l");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_the_terminal() {
        assert_eq!(
            fitted("one\ntwo\nthree\nfour\n", 4, 80),
            "one\ntwo\n… 2 more lines\n"
        );
        assert_eq!(fitted("a long line\n", 24, 6), "a lon…\n");
    }

    #[test]
    fn a_frame_goes_back_over_the_last_one_only() {
        assert_eq!(frame("a\n", 0), "\x1b[?2026ha\x1b[K\n\x1b[J\x1b[?2026l");
        assert_eq!(
            frame("b\n", 2),
            "\x1b[?2026h\x1b[2Fb\x1b[K\n\x1b[J\x1b[?2026l"
        );
    }
}
