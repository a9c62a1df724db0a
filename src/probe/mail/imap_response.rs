//! Responses of IMAP servers (RFC 9051 section 7).

use crate::health::Outcome;
use crate::probe::bounds::CONVERSATION;
use crate::probe::transcript::printable;
use crate::probe::wire::{Ended, Wire, broken};

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// `* OK …`: how things stand, whatever was asked.
    Untagged(Status),
    /// `a1 OK …`: how the command ended.
    Tagged(Status),
    /// `* …`: what was asked for, or what has changed; its literals left out.
    Data(String),
    /// `+ …`: the server waits for the rest of the command.
    Continue,
}

/// A status response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) condition: Condition,
    /// The response code in upper case, without its arguments: `UNAVAILABLE`.
    code: Option<String>,
    /// The response as it was sent, without its tag.
    pub(super) text: String,
}

/// What a status response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

/// Response codes of trouble that passes by itself (RFC 5530 section 3; LIMIT and OVERQUOTA say that there is too much of
/// something, which is no fault of the server).
const PASSING: [&str; 4] = ["UNAVAILABLE", "INUSE", "LIMIT", "OVERQUOTA"];

impl Response {
    /// Reads a response; `tag` is that of the command under way.
    pub(super) async fn read(wire: &mut Wire<'_>, tag: &str, waiting_for: &str) -> Result<Self, Ended> {
        let line = wire.line(waiting_for).await?;
        let response = parse(&line, tag)
            .ok_or_else(|| broken(format!("{waiting_for} is not an IMAP response: {}", printable(&line))))?;
        let Self::Data(mut text) = response else { return Ok(response) };
        let mut line = line;
        while let Some(count) = literal(&line) {
            if count > CONVERSATION {
                return Err(broken(format!("{waiting_for} has a literal of {count} octets")));
            }
            wire.skip(count, waiting_for).await?;
            line = wire.line(waiting_for).await?;
            text.push_str(&printable(&line));
        }
        Ok(Self::Data(text))
    }
}

impl Status {
    /// What the end of a command means: `to` is its name.
    pub(super) fn expect_ok(&self, to: &str) -> Result<(), Ended> {
        let text = format!("{} (to {to})", self.text);
        match self.condition {
            Condition::Ok => Ok(()),
            Condition::No if self.is_passing() => Err(Outcome::Deferring(text)),
            _ => Err(broken(text)),
        }
    }

    fn is_passing(&self) -> bool {
        self.code.as_deref().is_some_and(|code| PASSING.contains(&code))
    }
}

/// The response in `line`, of a server that was asked under `tag`.
fn parse(line: &[u8], tag: &str) -> Option<Response> {
    if line == b"+" || line.starts_with(b"+ ") {
        return Some(Response::Continue);
    }
    if let Some(data) = line.strip_prefix(b"* ") {
        return Some(match status(data) {
            Some(status) => Response::Untagged(status),
            None => Response::Data(printable(data)),
        });
    }
    let rest = line.strip_prefix(tag.as_bytes())?.strip_prefix(b" ")?;
    let status = status(rest).filter(|status| !matches!(status.condition, Condition::Bye | Condition::Preauth))?;
    Some(Response::Tagged(status))
}

fn status(line: &[u8]) -> Option<Status> {
    let text = printable(line);
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let words = [
        ("OK", Condition::Ok),
        ("NO", Condition::No),
        ("BAD", Condition::Bad),
        ("BYE", Condition::Bye),
        ("PREAUTH", Condition::Preauth),
    ];
    let (_, condition) = words.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name))?;
    let code = rest.strip_prefix('[').and_then(|rest| rest.split([' ', ']']).next());
    Some(Status { condition, code: code.map(str::to_ascii_uppercase), text })
}

/// How many octets follow on `line` as a literal (RFC 9051 section 4.3, RFC 3516).
fn literal(line: &[u8]) -> Option<usize> {
    let inner = line.strip_suffix(b"}")?;
    let digits = inner.rsplit(|octet| *octet == b'{').next().filter(|digits| digits.len() < inner.len())?;
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    // More than a number can hold is more than anybody may send.
    all_digits.then(|| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(line: &str) -> Option<Response> {
        parse(line.as_bytes(), "a1")
    }

    fn meant(condition: Condition, code: Option<&str>, text: &str) -> Status {
        Status { condition, code: code.map(str::to_owned), text: text.to_owned() }
    }

    #[test]
    fn responses_are_read_as_servers_write_them() {
        use Condition::{Bad, Bye, No, Ok, Preauth};
        let cases = [
            ("* OK ready", Response::Untagged(meant(Ok, None, "OK ready"))),
            (
                "* ok [CAPABILITY IMAP4rev1] x",
                Response::Untagged(meant(Ok, Some("CAPABILITY"), "ok [CAPABILITY IMAP4rev1] x")),
            ),
            ("* PREAUTH hello", Response::Untagged(meant(Preauth, None, "PREAUTH hello"))),
            ("* BYE", Response::Untagged(meant(Bye, None, "BYE"))),
            ("a1 NO [unavailable] later", Response::Tagged(meant(No, Some("UNAVAILABLE"), "NO [unavailable] later"))),
            ("a1 BAD what?", Response::Tagged(meant(Bad, None, "BAD what?"))),
            ("* CAPABILITY IMAP4rev2", Response::Data("CAPABILITY IMAP4rev2".to_owned())),
            ("* 3 EXISTS", Response::Data("3 EXISTS".to_owned())),
            ("* OKAY", Response::Data("OKAY".to_owned())),
            ("+ idling", Response::Continue),
            ("+", Response::Continue),
        ];
        for (line, expected) in cases {
            assert_eq!(of(line), Some(expected), "{line}");
        }
        for wrong in ["", "*", "a1", "a1 ", "a2 OK done", "a1 BYE", "a1 DONE", "220 mx ESMTP", "+OK ready", "a10 OK"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn trouble_that_passes_is_told_by_its_code() {
        for (line, defers) in [
            ("NO [UNAVAILABLE] x", true),
            ("NO [INUSE] x", true),
            ("NO [LIMIT] x", true),
            ("NO [AUTHENTICATIONFAILED] x", false),
            ("NO UNAVAILABLE", false),
            ("NO [UNAVAILABLES]", false),
            ("BAD [UNAVAILABLE] x", false),
        ] {
            let ended = status(line.as_bytes()).unwrap().expect_ok("LOGIN").unwrap_err();
            assert_eq!(matches!(ended, Outcome::Deferring(_)), defers, "{line}");
            assert!(ended.reason().unwrap().contains(line));
        }
    }

    #[test]
    fn literals_are_announced_at_the_end_of_a_line() {
        assert_eq!(literal(b"* LIST () \"/\" {12}"), Some(12));
        assert_eq!(literal(b"~{0}"), Some(0));
        assert_eq!(literal(b"{99999999999999999999999999}"), Some(usize::MAX));
        for none in [&b"{12"[..], b"12}", b"{}", b"{1x}", b"{12} ", b"{12+}", b""] {
            assert_eq!(literal(none), None, "{}", printable(none));
        }
    }

    proptest! {
        #[test]
        fn any_line_is_a_response_or_none(
            start in prop::sample::select(vec!["", "* ", "+ ", "a1 ", "* OK [", "a1 NO [", "* BYE "]),
            rest in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let line = [start.as_bytes(), &rest].concat();
            let _ = literal(&line);
            match parse(&line, "a1") {
                Some(Response::Untagged(status) | Response::Tagged(status)) => {
                    prop_assert!(!status.text.chars().any(char::is_control));
                }
                Some(Response::Data(text)) => prop_assert!(!text.chars().any(char::is_control)),
                Some(Response::Continue) => prop_assert!(line.starts_with(b"+")),
                None => prop_assert!(!line.starts_with(b"* ")),
            }
        }
    }
}
