//! The text that Prometheus reads (version 0.0.4).

use std::fmt::{Display, Write as _};

/// What the values of a family mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// They only grow.
    Counter,
    /// They come and go.
    Gauge,
    /// Counts of what was at most so large.
    Histogram,
}

/// A page of figures that is being written.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    /// Begins a family; the samples that follow are its own.
    pub fn family(&mut self, kind: Family, name: &'static str, help: &str) {
        let kind = match kind {
            Family::Counter => "counter",
            Family::Gauge => "gauge",
            Family::Histogram => "histogram",
        };
        self.name = name;
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// One value of the family.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let mut text = String::new();
        for (name, value) in labels {
            if !text.is_empty() {
                text.push(',');
            }
            label(&mut text, name, value);
        }
        self.sample_of("", &text, value);
    }

    /// One value of a part of the family, such as `_bucket`, with labels that are text already.
    pub(super) fn sample_of(&mut self, part: &str, labels: &str, value: impl Display) {
        let name = self.name;
        if labels.is_empty() {
            self.write(format_args!("{name}{part} {value}\n"));
        } else {
            self.write(format_args!("{name}{part}{{{labels}}} {value}\n"));
        }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into a string cannot fail.
        let _ = self.text.write_fmt(text);
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// Adds `name="value"`.
pub(super) fn label(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push_str("=\"");
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            letter => text.push(letter),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn text_is_what_prometheus_reads() {
        let mut page = Page::default();
        page.family(Family::Gauge, "a", "One line\nand a \\ in it.");
        page.sample(&[], 1.5);
        page.sample(&[("path", "a\"b\\c\nd"), ("x", "")], 2);
        page.family(Family::Histogram, "b", "Bars.");
        page.sample_of("_bucket", "le=\"+Inf\"", 3);
        expect![[r##"
            # HELP a One line\nand a \\ in it.
            # TYPE a gauge
            a 1.5
            a{path="a\"b\\c\nd",x=""} 2
            # HELP b Bars.
            # TYPE b histogram
            b_bucket{le="+Inf"} 3
        "##]]
        .assert_eq(&page.into_text());
    }
}
