//! Tables for people: without lines, within the width of the terminal, and never through the middle of a word.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width};

/// Columns of a terminal that does not say how many it has.
const USUAL_COLUMNS: usize = 80;
/// Between a column and the next.
const GAP: usize = 2;
/// What a cell of sentences needs to be read without trouble.
const READABLE: usize = 24;
/// The longest word that is kept whole: an IPv6 address fits.
const LONGEST_WORD: usize = 40;

/// Whether stdout shows colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Palette {
    /// It does.
    Colours,
    /// It is no terminal and the user does not insist (`CLICOLOR_FORCE`), or the user asks for none (`NO_COLOR`).
    Plain,
}

/// What is printed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// Its colours.
    pub(super) palette: Palette,
    /// The columns that it has; `None` is as many as are wanted.
    pub(super) columns: Option<usize>,
}

impl Page {
    /// As wide as need be, without colours.
    pub(super) const PLAIN: Self = Self { palette: Palette::Plain, columns: None };

    /// Stdout, as wide as it is now.
    pub(super) fn of_stdout(palette: Palette) -> Self {
        let columns = io::stdout().is_terminal().then(|| size().0);
        Self { palette, columns }
    }
}

/// Columns and rows of the terminal on stdout.
pub(super) fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        // A serial console, or a terminal that was never told.
        _ => (USUAL_COLUMNS, 24),
    }
}

/// A table without lines, as wide as the page at most if its words allow.
pub(super) fn table(page: Page, header: &[&str], rows: Vec<Vec<Cell>>) -> String {
    table_without(page, header, rows, &[])
}

/// The same; the columns of `spare` are left out, the first of them first, where the page is too narrow for all.
pub(super) fn table_without(page: Page, header: &[&str], rows: Vec<Vec<Cell>>, spare: &[&str]) -> String {
    let mut measures: Vec<Measure> =
        header.iter().enumerate().map(|(at, title)| Measure::of(title, &rows, at)).collect();
    let mut shown = vec![true; header.len()];
    if let Some(columns) = page.columns {
        for name in spare {
            let needed = measures.iter().zip(&shown).filter(|(_, shown)| **shown);
            if needed.map(|(measure, _)| measure.readable() + GAP).sum::<usize>() <= columns + GAP {
                break;
            }
            for (shown, _) in shown.iter_mut().zip(header).filter(|(_, title)| *title == name) {
                *shown = false;
            }
        }
        let mut kept: Vec<&mut Measure> =
            measures.iter_mut().zip(&shown).filter(|(_, shown)| **shown).map(|(measure, _)| measure).collect();
        fit(&mut kept, columns);
    }
    let mut table = Table::new();
    // The width is reckoned here: left to itself, it would cut through words.
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    if page.palette == Palette::Colours {
        table.enforce_styling();
    }
    table.set_header(chosen(header.to_vec(), &shown));
    for row in rows {
        table.add_row(chosen(row, &shown));
    }
    for (column, measure) in table.column_iter_mut().zip(chosen(measures, &shown)) {
        column.set_padding((0, u16::try_from(GAP).unwrap_or(u16::MAX)));
        let width = u16::try_from(measure.width.saturating_add(GAP)).unwrap_or(u16::MAX);
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    let mut text = String::new();
    for line in table.lines() {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "{}", line.trim_end());
    }
    text.truncate(text.trim_end().len());
    text
}

fn chosen<T>(items: Vec<T>, shown: &[bool]) -> Vec<T> {
    items.into_iter().zip(shown).filter(|(_, shown)| **shown).map(|(item, _)| item).collect()
}

/// What a column holds, in characters.
struct Measure {
    /// Its longest word.
    word: usize,
    /// Its longest line.
    line: usize,
    /// What it is given.
    width: usize,
}

impl Measure {
    /// Of the column at position `at`.
    fn of(title: &str, rows: &[Vec<Cell>], at: usize) -> Self {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(Cell::content);
        let (mut word, mut line) = (0, 1);
        for text in cells.chain([title.to_owned()]) {
            word = text.split_whitespace().map(|word| word.chars().count()).max().unwrap_or_default().max(word);
            line = text.lines().map(|line| line.chars().count()).max().unwrap_or_default().max(line);
        }
        Self { word: word.clamp(1, LONGEST_WORD), line, width: line }
    }

    /// What it takes to read it with ease.
    fn readable(&self) -> usize {
        self.line.min(READABLE).max(self.word)
    }
}

/// Gives every column its longest word, and what is left of `columns` to those that have more to say, in equal parts.
fn fit(measures: &mut [&mut Measure], columns: usize) {
    let gaps = measures.len().saturating_sub(1).saturating_mul(GAP);
    let wanted: usize = measures.iter().map(|measure| measure.line).sum();
    if wanted.saturating_add(gaps) <= columns {
        return;
    }
    let words: usize = measures.iter().map(|measure| measure.word.min(measure.line)).sum();
    let mut left = columns.saturating_sub(gaps).saturating_sub(words);
    measures.sort_by_key(|measure| measure.line.saturating_sub(measure.word));
    let mut others = measures.len();
    for measure in measures.iter_mut() {
        let missing = measure.line.saturating_sub(measure.word);
        let more = missing.min(left.checked_div(others).unwrap_or_default());
        measure.width = measure.word.min(measure.line).saturating_add(more);
        left = left.saturating_sub(more);
        others = others.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [&str; 7] = ["ENDPOINT", "HOST", "SERVICE", "SITE", "STATE", "WHY", "SINCE"];

    fn on(columns: Option<usize>) -> String {
        let why = "connection timed out after 3 s; EHLO was never answered";
        let row =
            ["2001:db8:f::10", "mx-fra.example.org.", "mx", "fra", "✕ down", why, "2026-05-01T11:59:00Z (1 min ago)"];
        let rows = vec![row.iter().map(Cell::new).collect()];
        table_without(Page { palette: Palette::Plain, columns }, &HEADER, rows, &["SINCE", "HOST"])
    }

    fn widest(text: &str) -> usize {
        text.lines().map(|line| line.chars().count()).max().unwrap()
    }

    #[test]
    fn a_wide_page_has_every_column_on_one_line() {
        assert_eq!(on(None).lines().count(), 2);
        assert_eq!(on(Some(200)), on(None));
    }

    #[test]
    fn a_narrow_page_leaves_out_what_can_be_spared_and_splits_no_word() {
        let text = on(Some(80));
        assert!(widest(&text) <= 80, "{text}");
        assert!(!text.contains("SINCE") && text.contains("2001:db8:f::10"), "{text}");
        let text = on(Some(60));
        assert!(!text.contains("SINCE") && !text.contains("HOST"), "{text}");
        let words: Vec<&str> = text.split_whitespace().collect();
        for word in ["2001:db8:f::10", "connection", "EHLO", "answered"] {
            assert!(words.contains(&word), "{word} is split in\n{text}");
        }
    }

    #[test]
    fn a_page_that_is_far_too_narrow_still_keeps_words_whole() {
        let text = on(Some(1));
        assert!(text.contains("2001:db8:f::10") && text.contains("connection"), "{text}");
    }

    #[test]
    fn nothing_is_left_out_of_a_table_that_can_spare_nothing() {
        let rows =
            vec![vec![Cell::new("2026-05-01T12:00:00Z (1 min ago)"), Cell::new("drain fra is what was ordered")]];
        let text = table(Page { columns: Some(40), ..Page::PLAIN }, &["WHEN", "WHAT"], rows);
        assert!(widest(&text) <= 40 && text.contains("2026-05-01T12:00:00Z") && text.contains("WHAT"), "{text}");
    }

    #[test]
    fn colours_do_not_change_what_stands_where() {
        let rows = || vec![vec![Cell::new("✕ down").fg(comfy_table::Color::Red), Cell::new("a b c d e f g")]];
        let plain = table(Page { columns: Some(12), ..Page::PLAIN }, &["STATE", "WHY"], rows());
        let coloured = table(Page { columns: Some(12), palette: Palette::Colours }, &["STATE", "WHY"], rows());
        assert!(coloured.contains("\u{1b}["));
        assert_eq!(plain.lines().count(), coloured.lines().count());
    }
}
