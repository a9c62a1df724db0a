//! Transcripts: what was said, for the operator who asks why.

use super::bounds::TRANSCRIPT;
use super::secret::{Secret, Veil};
use crate::health::Outcome;

/// Who said a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    /// The probe.
    Us,
    /// The endpoint.
    Them,
    /// Neither: what happened.
    Note,
}

/// A conversation as text, bounded and without control characters: what a server says ends up in journals and pages.
#[derive(Clone, Debug, Default)]
pub(super) struct Transcript {
    text: String,
    full: bool,
    veil: Veil,
    reading: Option<String>,
}

impl Transcript {
    const CUT: &str = "...\n";

    /// Adds a line.
    pub(super) fn push(&mut self, speaker: Speaker, line: &[u8]) {
        if self.full {
            return;
        }
        let prefix = match speaker {
            Speaker::Us => "> ",
            Speaker::Them => "< ",
            Speaker::Note => "* ",
        };
        let line = printable(&self.drawn_over(line));
        if self.text.len() + prefix.len() + line.len() + 1 > TRANSCRIPT - Self::CUT.len() {
            self.text.push_str(Self::CUT);
            self.full = true;
            return;
        }
        self.text.push_str(prefix);
        self.text.push_str(&line);
        self.text.push('\n');
    }

    /// Adds what was read, `queue is 812`, and keeps it apart too.
    pub(super) fn read(&mut self, said: &str) {
        let said = printable(&self.drawn_over(said.as_bytes()));
        self.push(Speaker::Note, said.as_bytes());
        self.reading = Some(said);
    }

    /// What was read, where anything was.
    pub(super) fn reading(&self) -> Option<&str> {
        self.reading.as_deref()
    }

    /// Whatever is added from here on, `secret` is not shown: neither as it is nor as [`printable`] has it.
    pub(super) fn cover(&mut self, secret: &Secret) {
        self.veil.cover(secret);
        self.veil.cover(&Secret::new(printable(secret.reveal())));
    }

    /// `words` without the secrets that are covered.
    pub(super) fn drawn_over(&self, words: &[u8]) -> Vec<u8> {
        self.veil.drawn_over(words.to_vec())
    }

    /// `outcome` with a reason that shows none of the secrets that are covered.
    pub(super) fn discreet(&self, outcome: Outcome) -> Outcome {
        let shown = |reason: String| printable(&self.drawn_over(reason.as_bytes()));
        match outcome {
            Outcome::Ok => Outcome::Ok,
            Outcome::Deferring(reason) => Outcome::Deferring(shown(reason)),
            Outcome::Unchecked(reason) => Outcome::Unchecked(shown(reason)),
            Outcome::Inconclusive(reason) => Outcome::Inconclusive(shown(reason)),
            Outcome::Failed { kind, reason } => Outcome::Failed { kind, reason: shown(reason) },
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// `bytes` as one line of text: control characters escaped, octets that are no UTF-8 replaced.
pub(super) fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for character in String::from_utf8_lossy(bytes).chars() {
        // Direction overrides could make a page or a terminal show something else than was said.
        if character.is_control()
            || matches!(character, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable(b"220 \x1b[31mred\r\n\xff"), "220 \\u{1b}[31mred\\r\\n\u{fffd}");
    }

    #[test]
    fn a_covered_secret_is_shown_in_no_shape() {
        let secret = b"p\xffss\xe2\x80\xaeword";
        let mut transcript = Transcript::default();
        transcript.cover(&Secret::new(&secret[..]));
        transcript.push(Speaker::Them, &[&b"raw "[..], secret].concat());
        transcript.push(Speaker::Them, printable(secret).as_bytes());
        let outcome = transcript.discreet(Outcome::Deferring(format!("denied: {}", printable(secret))));
        assert_eq!(outcome, Outcome::Deferring("denied: ***".into()));
        assert_eq!(transcript.into_text(), "< raw ***\n< ***\n");
    }

    proptest! {
        #[test]
        fn a_transcript_is_bounded(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..20)) {
            let mut transcript = Transcript::default();
            for line in &lines {
                transcript.push(Speaker::Them, line);
            }
            let text = transcript.into_text();
            prop_assert!(text.len() <= TRANSCRIPT);
            prop_assert!(!text.chars().any(|character| character.is_control() && character != '\n'));
        }
    }
}
