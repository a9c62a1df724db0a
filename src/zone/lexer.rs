//! Master file text to logical entries (RFC 1035 section 5.1): quotes, escapes, comments and parentheses.
//!
//! A mistake never ends the file early where it can be helped: it belongs to its entry, and the next one is read as if
//! nothing had happened, so that one run reports every mistake.

use super::bounds::MAX_ENTRY_TOKENS;

/// A stretch of one line of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// Line, from 1.
    pub(super) line: usize,
    /// Where the line starts, in octets from the start of the text.
    pub(super) line_start: usize,
    /// Where the stretch starts, in octets from the start of the text.
    pub(super) start: usize,
    /// Where the stretch ends, in octets from the start of the text.
    pub(super) end: usize,
}

/// A word of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// As written, without the quotes, escapes kept.
    pub(super) raw: &'t str,
    /// It stood in quotes.
    pub(super) quoted: bool,
    /// No space stands between it and the token before, as in `key="value"`.
    pub(super) joined: bool,
    /// Where it stands.
    pub(super) spot: Spot,
}

/// What is wrong with the shape of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A quote that is not closed on its line.
    OpenQuote,
    /// A `(` that is never closed; swallows the rest of the file.
    OpenParenthesis,
    /// A `)` without its `(`.
    StrayParenthesis,
    /// A backslash at the end of a line.
    TrailingBackslash,
    /// More tokens than any record has.
    TooManyTokens,
}

/// One logical entry: a record or a directive.
#[derive(Debug)]
pub(super) struct Entry {
    /// It starts with a space: the owner is the one above.
    pub(super) indented: bool,
    /// The first mistake in its shape, and where.
    pub(super) fault: Option<(Fault, Spot)>,
}

/// Cuts a text into entries.
pub(super) struct Lexer<'t> {
    text: &'t str,
    position: usize,
    line: usize,
    line_start: usize,
}

impl<'t> Lexer<'t> {
    /// A lexer at the start of `text`.
    pub(super) fn new(text: &'t str) -> Self {
        // Some editors put a byte order mark in front; it is no part of the first owner.
        let position = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, position, line: 1, line_start: position }
    }

    /// The next entry that has tokens, which replace those in `tokens`; `None` at the end of the text.
    pub(super) fn next_entry(&mut self, tokens: &mut Vec<Token<'t>>) -> Option<Entry> {
        tokens.clear();
        let mut entry = Entry { indented: self.at_space(), fault: None };
        let mut open: Vec<Spot> = Vec::new();
        loop {
            let Some(octet) = self.peek() else {
                if let Some(spot) = open.first() {
                    entry.fault.get_or_insert((Fault::OpenParenthesis, *spot));
                }
                return (!tokens.is_empty() || entry.fault.is_some()).then_some(entry);
            };
            match octet {
                b'\n' => {
                    self.newline();
                    if open.is_empty() {
                        if !tokens.is_empty() || entry.fault.is_some() {
                            return Some(entry);
                        }
                        entry.indented = self.at_space();
                    }
                }
                b' ' | b'\t' | b'\r' => self.position += 1,
                b';' => self.skip_comment(),
                b'(' => {
                    open.push(self.spot(self.position, 1));
                    self.position += 1;
                }
                b')' => {
                    if open.pop().is_none() {
                        entry.fault.get_or_insert((Fault::StrayParenthesis, self.spot(self.position, 1)));
                    }
                    self.position += 1;
                }
                _ => {
                    let token = self.token(octet == b'"', &mut entry.fault);
                    if tokens.len() < MAX_ENTRY_TOKENS {
                        let joined = tokens.last().is_some_and(|before| before.spot.end == token.spot.start);
                        tokens.push(Token { joined, ..token });
                    } else {
                        entry.fault.get_or_insert((Fault::TooManyTokens, token.spot));
                    }
                }
            }
        }
    }

    /// Reads the token at the position, which is on its first octet.
    fn token(&mut self, quoted: bool, fault: &mut Option<(Fault, Spot)>) -> Token<'t> {
        let start = self.position;
        if quoted {
            self.position += 1;
        }
        let inner_start = self.position;
        let inner_end = loop {
            match self.peek() {
                Some(b'"') if quoted => {
                    self.position += 1;
                    break self.position - 1;
                }
                None | Some(b'\n') => {
                    if quoted {
                        fault.get_or_insert((Fault::OpenQuote, self.spot(start, 1)));
                    }
                    break self.position;
                }
                Some(b'\\') => {
                    self.position += 1;
                    match self.text.get(self.position..).and_then(|rest| rest.chars().next()) {
                        None | Some('\n' | '\r') => {
                            fault.get_or_insert((Fault::TrailingBackslash, self.spot(self.position - 1, 1)));
                        }
                        Some(escaped) => self.position += escaped.len_utf8(),
                    }
                }
                Some(b' ' | b'\t' | b'\r' | b'"' | b'(' | b')' | b';') if !quoted => break self.position,
                Some(_) => self.position += 1,
            }
        };
        let raw = self.text.get(inner_start..inner_end).unwrap_or_default();
        Token { raw, quoted, joined: false, spot: self.spot(start, self.position - start) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn at_space(&self) -> bool {
        matches!(self.peek(), Some(b' ' | b'\t'))
    }

    const fn newline(&mut self) {
        self.position += 1;
        self.line += 1;
        self.line_start = self.position;
    }

    fn skip_comment(&mut self) {
        let rest = self.text.as_bytes().get(self.position..).unwrap_or_default();
        self.position += rest.iter().position(|octet| *octet == b'\n').unwrap_or(rest.len());
    }

    const fn spot(&self, start: usize, octets: usize) -> Spot {
        Spot { line: self.line, line_start: self.line_start, start, end: start + octets }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(text: &str) -> Vec<(bool, Vec<String>, Option<(Fault, usize)>)> {
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::new();
        let mut all = Vec::new();
        while let Some(entry) = lexer.next_entry(&mut tokens) {
            let words = tokens.iter().map(|token| token.raw.to_owned()).collect();
            all.push((entry.indented, words, entry.fault.map(|(fault, spot)| (fault, spot.line))));
        }
        all
    }

    #[test]
    fn parentheses_join_lines_and_comments_end_at_the_line() {
        let text = "a SOA ( 1 ; one (\n  2 ) ; two\n\n ; nothing\n b \"x;y\" c\\;d\n";
        assert_eq!(
            entries(text),
            [
                (false, vec!["a".into(), "SOA".into(), "1".into(), "2".into()], None),
                (true, vec!["b".into(), "x;y".into(), "c\\;d".into()], None),
            ]
        );
    }

    #[test]
    fn a_fault_stays_with_its_entry() {
        let text = "a \"x\nb ) y\nc z\\\nd e\nf ( g\n h\n";
        let faults: Vec<_> = entries(text).into_iter().map(|(_, words, fault)| (words[0].clone(), fault)).collect();
        assert_eq!(
            faults,
            [
                ("a".into(), Some((Fault::OpenQuote, 1))),
                ("b".into(), Some((Fault::StrayParenthesis, 2))),
                ("c".into(), Some((Fault::TrailingBackslash, 3))),
                ("d".into(), None),
                ("f".into(), Some((Fault::OpenParenthesis, 5))),
            ]
        );
    }

    #[test]
    fn a_value_in_quotes_is_joined_to_its_key() {
        let mut tokens = Vec::new();
        Lexer::new("a alpn=\"h2\" \"b\"").next_entry(&mut tokens);
        assert_eq!(tokens.iter().map(|token| token.joined).collect::<Vec<_>>(), [false, false, true, false]);
    }

    proptest! {
        #[test]
        fn any_text_is_cut_within_its_bounds(text in "[a\\\\\"(); \t\r\n\u{e9}$]{0,60}") {
            let mut lexer = Lexer::new(&text);
            let mut tokens = Vec::new();
            while lexer.next_entry(&mut tokens).is_some() {
                for token in &tokens {
                    prop_assert!(text.get(token.spot.start..token.spot.end).is_some());
                }
            }
            prop_assert_eq!(lexer.position, text.len());
        }
    }
}
