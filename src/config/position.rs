//! Positions: octet offsets of the parser as lines and columns for people.

use std::ops::Range;

/// Octets between two places up to which the characters are counted once.
const STRIDE: usize = 256;

/// Where each line of a text starts, and how many characters stand before each place: found once, so that a line with
/// thousands of mistakes is not gone through for each of them.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
    /// How many characters start before every [`STRIDE`]th octet.
    characters: Vec<usize>,
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
        let mut before = 0;
        let characters = text.as_bytes().chunks(STRIDE).map(|octets| {
            let here = before;
            before += characters_in(octets);
            here
        });
        Self { text, starts, characters: characters.chain([text.chars().count()]).collect() }
    }

    /// How many characters start before an octet; all of them beyond the end.
    fn characters_before(&self, octet: usize) -> usize {
        let (stride, octet) = (octet.min(self.text.len()) / STRIDE, octet.min(self.text.len()));
        let counted = self.characters.get(stride).copied().unwrap_or_default();
        counted + characters_in(self.text.as_bytes().get(stride * STRIDE..octet).unwrap_or_default())
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
        let end = self.starts.get(line).copied().unwrap_or(self.text.len());
        // Its end is known: a line as long as the file is not looked through for it again for every mistake in it.
        let whole = start.and_then(|start| self.text.get(*start..end)).unwrap_or_default();
        whole.strip_suffix('\n').map_or(whole, |line| line.strip_suffix('\r').unwrap_or(line))
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
        let column = match self.text.get(start..span.start) {
            Some(_) => self.characters_before(span.start) - self.characters_before(start) + 1,
            None => 1,
        };
        // What of the span lies in its first line.
        let end = self.starts.get(line).map_or(span.end, |next| span.end.min(*next));
        let inside = match self.text.get(span.start..end) {
            Some(inside) => inside.strip_suffix('\n').map_or(inside, |line| line.strip_suffix('\r').unwrap_or(line)),
            None => "",
        };
        let length = self.characters_before(span.start + inside.len()) - self.characters_before(span.start);
        Position { line, column, length }
    }
}

/// How many characters start in a part of a text.
fn characters_in(octets: &[u8]) -> usize {
    octets.iter().filter(|octet| **octet & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    proptest! {
        #[test]
        fn places_are_those_of_a_count_from_the_start(
            text in "([a\u{e4}\u{20ac}]{0,300}[\r\n]{0,3}){0,6}",
            from in 0_usize..2000,
            length in 0_usize..2000,
        ) {
            let boundary = |octet: usize| (octet..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
            let span = boundary(from)..boundary(from + length);
            let before = &text[..span.start];
            let start = before.rfind('\n').map_or(0, |at| at + 1);
            let expected = Position {
                line: before.matches('\n').count() + 1,
                column: before[start..].chars().count() + 1,
                length: text[span.clone()].lines().next().unwrap_or_default().chars().count(),
            };
            prop_assert_eq!(Lines::new(&text).position(&span), expected);
        }
    }
}
