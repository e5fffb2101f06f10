//! Text for people: wrapped at a width, everything from outside escaped.

use anstyle::{AnsiColor, Style};
use siptls_model::{Status, Verdict, escape_text};
use unicode_width::UnicodeWidthStr as _;

/// A text under construction. Whatever is put on it is escaped; colours are its own.
pub(crate) struct Page {
    width: usize,
    text: String,
}

/// A word that stands out by a colour as well; the word alone says it all.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    word: &'static str,
    style: Style,
}

impl Mark {
    /// What stands out by nothing.
    pub(crate) const fn plain(word: &'static str) -> Self {
        Self {
            word,
            style: Style::new(),
        }
    }

    const fn coloured(word: &'static str, colour: AnsiColor) -> Self {
        Self {
            word,
            style: colour.on_default().bold(),
        }
    }

    /// The mark of a verdict.
    pub(crate) const fn of_verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::coloured("PASS", AnsiColor::Green),
            Verdict::Warn => Self::coloured("WARN", AnsiColor::Yellow),
            Verdict::Fail => Self::coloured("FAIL", AnsiColor::Red),
            Verdict::Inconclusive => Self::coloured("INCONCLUSIVE", AnsiColor::Magenta),
        }
    }

    /// The mark of a check's status.
    pub(crate) const fn of_status(status: Status) -> Self {
        match status {
            Status::Pass => Self::coloured("pass", AnsiColor::Green),
            Status::Warn => Self::coloured("WARN", AnsiColor::Yellow),
            Status::Fail => Self::coloured("FAIL", AnsiColor::Red),
            Status::Skip => Self::plain("skip"),
        }
    }
}

impl Page {
    /// An empty page of so many columns.
    pub(crate) const fn new(width: usize) -> Self {
        Self {
            width,
            text: String::new(),
        }
    }

    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Columns.
    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// An empty line.
    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A line as it is, however long: for what is copied.
    pub(crate) fn line(&mut self, text: &str) {
        self.text.push_str(escape_text(text).trim_end());
        self.text.push('\n');
    }

    /// A paragraph: `indent` columns before every line.
    pub(crate) fn paragraph(&mut self, indent: usize, text: &str) {
        self.marked(indent, Mark::plain(""), indent, text);
    }

    /// A label and what it says: the label begins at `indent`, the text and its further lines at `hang`.
    pub(crate) fn labelled(&mut self, indent: usize, label: &'static str, hang: usize, text: &str) {
        self.marked(indent, Mark::plain(label), hang, text);
    }

    /// As [`labelled`](Self::labelled), with a mark as the label.
    pub(crate) fn marked(&mut self, indent: usize, mark: Mark, hang: usize, text: &str) {
        let style = mark.style;
        // A mark that is wider than its column pushes the first line.
        let ended = indent + mark.word.width();
        let start = if mark.word.is_empty() {
            hang
        } else {
            hang.max(ended + 2)
        };
        let lines = wrap(
            &escape_text(text),
            self.width.saturating_sub(start),
            self.width.saturating_sub(hang),
        );
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(&format!("{style}{}{style:#}", mark.word));
        if !first.is_empty() {
            self.text.push_str(&" ".repeat(start.saturating_sub(ended)));
            self.text.push_str(&first);
        }
        self.text.push('\n');
        for line in lines {
            self.text.push_str(&" ".repeat(hang));
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    /// Rows in columns as wide as their widest cell, the last cell cut where the width ends. `mark` colours a cell of
    /// that column when it is the word of a verdict.
    pub(crate) fn table(&mut self, header: &[&str], rows: &[Vec<String>], mark: &[usize]) {
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| escape_text(cell)).collect())
            .collect();
        let widths: Vec<usize> = header
            .iter()
            .enumerate()
            .map(|(column, title)| {
                let cells = rows
                    .iter()
                    .filter_map(|row| row.get(column))
                    .map(|cell| cell.width());
                cells
                    .chain(std::iter::once(title.width()))
                    .max()
                    .unwrap_or_default()
            })
            .collect();
        let title: Vec<String> = header.iter().map(|title| (*title).to_owned()).collect();
        self.row(&title, &widths, &[]);
        for row in &rows {
            self.row(row, &widths, mark);
        }
    }

    fn row(&mut self, cells: &[String], widths: &[usize], mark: &[usize]) {
        let mut column = 0;
        for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let is_last = index + 1 == cells.len();
            let cell = if is_last {
                cut(cell, self.width.saturating_sub(column))
            } else {
                cell.clone()
            };
            let verdict = Verdict::ALL
                .into_iter()
                .find(|verdict| mark.contains(&index) && verdict.code() == cell);
            match verdict {
                Some(verdict) => {
                    let style = Mark::of_verdict(verdict).style;
                    self.text.push_str(&format!("{style}{cell}{style:#}"));
                }
                None => self.text.push_str(&cell),
            }
            if !is_last {
                let pad = width.saturating_sub(cell.width()) + 2;
                self.text.push_str(&" ".repeat(pad));
            }
            column += width + 2;
        }
        let end = self.text.trim_end_matches(' ').len();
        self.text.truncate(end);
        self.text.push('\n');
    }
}

/// Lines of at most `width` columns, the first of at most `first`, broken between words; a longer word stands on a line
/// of its own, whole, because it is a name or a path that somebody copies.
fn wrap(text: &str, first: usize, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let columns = word.width();
        let room = if lines.is_empty() { first } else { width };
        if used > 0 && used + 1 + columns > room {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += columns;
    }
    lines.push(line);
    lines
}

/// The beginning of a text that fits, with `…` in place of the rest.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if short.width() + 2 > width {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use anstream::adapter::strip_str;

    #[test]
    fn lines_break_between_words_and_hang_under_their_text() {
        let mut page = Page::new(30);
        page.marked(
            2,
            Mark::of_status(Status::Fail),
            8,
            "chain-complete: one two three four five",
        );
        page.labelled(8, "seen", 16, "https://example.test/a/very/long/path and more");
        page.marked(
            0,
            Mark::of_verdict(Verdict::Inconclusive),
            6,
            "a b c d e f g h i j k",
        );
        let text = strip_str(&page.into_text()).to_string();
        assert_eq!(
            text,
            "  FAIL  chain-complete: one\n        two three four five\n        seen    \
             https://example.test/a/very/long/path\n                and more\nINCONCLUSIVE  a b c d e f g h\n      i j k\n"
        );
    }

    #[test]
    fn text_from_outside_cannot_move_the_cursor() {
        let mut page = Page::new(60);
        page.paragraph(0, "red \u{1b}[31m and \u{202e}back");
        page.line("bell\u{7}");
        page.table(&["A"], &[vec!["\u{9b}2J".to_owned()]], &[]);
        let text = page.into_text();
        assert!(text.contains("\\u{1b}[31m and \\u{202e}back"), "{text}");
        assert!(
            text.contains("bell\\u{7}") && text.contains("\\u{9b}2J"),
            "{text}"
        );
    }

    #[test]
    fn the_last_column_of_a_table_is_cut() {
        let mut page = Page::new(20);
        let rows = [
            vec!["pass".to_owned(), "short".to_owned()],
            vec!["fail".to_owned(), "東京".repeat(10)],
        ];
        page.table(&["VERDICT", "WHY"], &rows, &[0]);
        let text = strip_str(&page.into_text()).to_string();
        assert_eq!(text, "VERDICT  WHY\npass     short\nfail     東京東京東…\n");
        assert!(text.lines().all(|line| line.width() <= 20));
    }
}
