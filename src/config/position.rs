//! Positions: octet offsets of the parser as lines and columns for people.

use std::ops::Range;

/// Where each line of a text starts.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

/// A stretch of one line, in characters from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) length: usize,
}

impl Position {
    /// The whole file.
    pub(super) const FILE: Self = Self { line: 0, column: 0, length: 0 };
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(octet, _)| octet + 1)).collect();
        Self { text, starts }
    }

    /// The text at `span`.
    pub(super) fn text(&self, span: &Range<usize>) -> &'t str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// How many lines there are.
    pub(super) fn count(&self) -> usize {
        self.starts.len()
    }

    /// The text of line `line`, from 1.
    pub(super) fn line(&self, line: usize) -> &'t str {
        let start = line.checked_sub(1).and_then(|ix| self.starts.get(ix));
        start.and_then(|start| self.text.get(*start..)?.lines().next()).unwrap_or_default()
    }

    /// `span` widened on both sides to what TOML or white space bounds.
    pub(super) fn bare_word(&self, span: &Range<usize>) -> Range<usize> {
        let bound = |letter: char| {
            letter.is_whitespace() || matches!(letter, ',' | '=' | '[' | ']' | '{' | '}' | '#' | '"' | '\'')
        };
        let (Some(before), Some(after)) = (self.text.get(..span.start), self.text.get(span.start..)) else {
            return span.clone();
        };
        let start = span.start - (before.len() - before.trim_end_matches(|letter| !bound(letter)).len());
        let end = span.start + after.find(bound).unwrap_or(after.len());
        start..end
    }

    /// Where `span` starts and how much of that line it covers.
    pub(super) fn position(&self, span: &Range<usize>) -> Position {
        // The first start is 0, so at least one start is at or before every offset.
        let line = self.starts.partition_point(|start| *start <= span.start).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..span.start).unwrap_or_default();
        let inside = self.text(span);
        let inside = inside.lines().next().unwrap_or_default();
        Position { line, column: before.chars().count() + 1, length: inside.chars().count() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_stop_at_the_line_end() {
        let lines = Lines::new("a = 1\nä = \"öö\"\n\nlast");
        let at = |span: Range<usize>| lines.position(&span);
        assert_eq!(at(0..1), Position { line: 1, column: 1, length: 1 });
        assert_eq!(at(11..17), Position { line: 2, column: 5, length: 4 });
        assert_eq!(at(11..22), Position { line: 2, column: 5, length: 4 });
        assert_eq!(at(18..18), Position { line: 3, column: 1, length: 0 });
        assert_eq!(at(23..23), Position { line: 4, column: 5, length: 0 });
        assert_eq!(lines.bare_word(&(21..22)), 19..23);
        assert_eq!(lines.bare_word(&(5..5)), 4..5);
        assert_eq!((lines.count(), lines.line(2), lines.line(5)), (4, "ä = \"öö\"", ""));
        assert_eq!(at(99..120), Position { line: 4, column: 1, length: 0 });
    }
}
