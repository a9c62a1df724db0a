//! Replies of SMTP and LMTP (RFC 5321 section 4.2).

use crate::health::Outcome;
use crate::probe::bounds::REPLY_LINES;
use crate::probe::transcript::printable;
use crate::probe::wire::{Ended, Wire, broken};

/// Three digits and one or more lines of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// The texts behind the code.
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// Sends `line` and reads the reply. `waiting_for` says in a failure what was awaited: `the reply to EHLO`.
    pub(super) async fn to(line: &str, wire: &mut Wire<'_>, waiting_for: &str) -> Result<Self, Ended> {
        wire.say(line, waiting_for).await?;
        Self::read(wire, waiting_for).await
    }

    /// Reads a whole reply.
    pub(super) async fn read(wire: &mut Wire<'_>, waiting_for: &str) -> Result<Self, Ended> {
        let mut lines = Vec::new();
        loop {
            let line = wire.line(waiting_for).await?;
            let (code, last, text) = parse(&line)
                .ok_or_else(|| broken(format!("{waiting_for} is not an SMTP reply: {}", printable(&line))))?;
            lines.push(text);
            if last {
                return Ok(Self { code, lines });
            }
            if lines.len() >= REPLY_LINES {
                return Err(broken(format!("{waiting_for} has more than {REPLY_LINES} lines")));
            }
        }
    }

    /// Whether an EHLO reply offers `keyword`.
    pub(super) fn offers(&self, keyword: &str) -> bool {
        self.parameters(keyword).is_some()
    }

    /// What stands behind `keyword` in an EHLO reply that offers it (RFC 5321 section 4.1.1.1; the first line is the greeting).
    pub(super) fn parameters(&self, keyword: &str) -> Option<Vec<&str>> {
        self.lines.iter().skip(1).find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            words.next().is_some_and(|word| word.eq_ignore_ascii_case(keyword)).then(|| words.collect())
        })
    }

    /// What the reply means where one of `wanted` was expected: 4xx is trouble that passes.
    pub(super) fn expect(&self, wanted: &[u16], to: &str) -> Result<(), Ended> {
        if wanted.contains(&self.code) {
            return Ok(());
        }
        let text = format!("{} (to {to})", self.text());
        Err(if (400..500).contains(&self.code) { Outcome::Deferring(text) } else { broken(text) })
    }

    /// The reply as operators know it: `451 4.3.2 try later`.
    fn text(&self) -> String {
        format!("{} {}", self.code, self.lines.last().map_or("", String::as_str)).trim_end().to_owned()
    }
}

/// Code, whether it is the reply's last line, and text of one line.
fn parse(line: &[u8]) -> Option<(u16, bool, String)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = std::str::from_utf8(digits).ok()?.parse().ok().filter(|code| (200..600).contains(code))?;
    match rest.split_first() {
        None => Some((code, true, String::new())),
        Some((b' ', text)) => Some((code, true, printable(text))),
        Some((b'-', text)) => Some((code, false, printable(text))),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies_are_read_as_servers_write_them() {
        assert_eq!(parse(b"220 mx.example.org ESMTP"), Some((220, true, "mx.example.org ESMTP".into())));
        assert_eq!(parse(b"250-SIZE 1000"), Some((250, false, "SIZE 1000".into())));
        assert_eq!(parse(b"250"), Some((250, true, String::new())));
        for wrong in [&b"25"[..], b"2500 x", b"SSH-2.0-OpenSSH", b"", b"999 no", b"+20 no"] {
            assert_eq!(parse(wrong), None, "{}", printable(wrong));
        }
    }

    #[test]
    fn extensions_are_found_behind_the_greeting() {
        let lines = ["STARTTLS.example", "SIZE 5", "starttls", "AUTH PLAIN  LOGIN", "AUTH=PLAIN"];
        let reply = Reply { code: 250, lines: lines.map(str::to_owned).to_vec() };
        assert!(reply.offers("STARTTLS") && reply.offers("size") && !reply.offers("STARTTLS.example"));
        assert_eq!(reply.parameters("AUTH"), Some(vec!["PLAIN", "LOGIN"]));
        assert_eq!(reply.parameters("CHUNKING"), None);
    }

    proptest! {
        #[test]
        fn any_line_is_a_reply_or_none(line in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some((code, _, text)) = parse(&line) {
                prop_assert!((200..600).contains(&code));
                prop_assert!(!text.chars().any(char::is_control));
            }
        }

        #[test]
        fn any_text_behind_a_code_is_a_reply(code in 200..600_u16, text in prop::collection::vec(any::<u8>(), 0..60)) {
            let line = [format!("{code} ").as_bytes(), &text].concat();
            prop_assert_eq!(parse(&line), Some((code, true, printable(&text))));
        }
    }
}
