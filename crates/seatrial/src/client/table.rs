//! Tables as kubectl prints them.

use console::measure_text_width;

/// Rows below a header, columns as wide as they need to be.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(header: &[&str]) -> Self {
        Self {
            header: header.iter().map(|&name| name.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; line breaks in cells become spaces.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        let one_line = |cell: String| cell.replace(['\n', '\r'], " ");
        self.rows
            .push(cells.into_iter().map(Into::into).map(one_line).collect());
    }

    /// Whether there is any row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, three spaces between columns, nothing behind the last cell.
    pub(crate) fn render(&self) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for cells in std::iter::once(&self.header).chain(&self.rows) {
            for (index, cell) in cells.iter().enumerate() {
                let width = measure_text_width(cell);
                match widths.get_mut(index) {
                    Some(known) => *known = (*known).max(width),
                    None => widths.push(width),
                }
            }
        }
        let mut text = String::new();
        for cells in std::iter::once(&self.header).chain(&self.rows) {
            let mut line = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width - measure_text_width(cell) + 3));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_colours() {
        let mut table = Table::new(&["NAME", "SYNC"]);
        table.row(["\x1b[32mshop\x1b[0m", "Synced"]);
        table.row(["a-longer-name", "two\nlines"]);
        assert_eq!(
            table.render(),
            "NAME            SYNC\n\x1b[32mshop\x1b[0m            Synced\na-longer-name   two lines\n"
        );
    }
}
