//! Replies of POP3 servers (RFC 1939 section 3, response codes: RFC 2449 section 8).

use crate::health::Outcome;
use crate::probe::bounds::REPLY_LINES;
use crate::probe::transcript::printable;
use crate::probe::wire::{Ended, Wire, broken};

/// The first line of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// `+OK …`, with what stands behind it.
    Ok(String),
    /// `-ERR …`.
    Err(Refusal),
    /// `+ …`: the server waits for the rest of an AUTH command (RFC 5034 section 4).
    Continue,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The response code in upper case: `SYS/TEMP`.
    code: Option<String>,
    /// The whole line.
    text: String,
}

/// Response codes of trouble that passes by itself (RFC 2449 section 8.1, RFC 3206 section 4); what stands behind a slash
/// says more of the same.
const PASSING: [&str; 3] = ["SYS/TEMP", "LOGIN-DELAY", "IN-USE"];

impl Reply {
    /// Sends `line` and reads the first line of the reply.
    pub(super) async fn to(line: &str, wire: &mut Wire<'_>, waiting_for: &str) -> Result<Self, Ended> {
        wire.say(line, waiting_for).await?;
        Self::read(wire, waiting_for).await
    }

    pub(super) async fn read(wire: &mut Wire<'_>, waiting_for: &str) -> Result<Self, Ended> {
        let line = wire.line(waiting_for).await?;
        parse(&line).ok_or_else(|| broken(format!("{waiting_for} is not a POP3 reply: {}", printable(&line))))
    }

    /// What stands behind `+OK`; otherwise what the refusal of `to` means.
    pub(super) fn expect_ok(self, to: &str) -> Result<String, Ended> {
        match self {
            Self::Ok(text) => Ok(text),
            Self::Err(refusal) => Err(refusal.of(to)),
            Self::Continue => Err(broken(format!("the server waits for more of {to}"))),
        }
    }
}

impl Refusal {
    pub(super) fn of(&self, to: &str) -> Ended {
        let text = format!("{} (to {to})", self.text);
        if self.is_passing() { Outcome::Deferring(text) } else { broken(text) }
    }

    fn is_passing(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        PASSING.iter().any(|passing| {
            code.strip_prefix(passing).is_some_and(|detail| detail.is_empty() || detail.starts_with('/'))
        })
    }
}

/// The further lines of a reply up to the point that ends them (RFC 1939 section 3).
pub(super) async fn further_lines(wire: &mut Wire<'_>, waiting_for: &str) -> Result<Vec<String>, Ended> {
    let mut lines = Vec::new();
    loop {
        let line = wire.line(waiting_for).await?;
        if line == b"." {
            return Ok(lines);
        }
        if lines.len() >= REPLY_LINES {
            return Err(broken(format!("{waiting_for} has more than {REPLY_LINES} lines")));
        }
        lines.push(printable(line.strip_prefix(b".").unwrap_or(&line)));
    }
}

fn parse(line: &[u8]) -> Option<Reply> {
    let text = printable(line);
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    match word {
        "+OK" => Some(Reply::Ok(rest.to_owned())),
        "+" => Some(Reply::Continue),
        "-ERR" => {
            let code = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(code, _)| code);
            let code = code.map(str::to_ascii_uppercase);
            Some(Reply::Err(Refusal { code, text }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies_are_read_as_servers_write_them() {
        assert_eq!(parse(b"+OK"), Some(Reply::Ok(String::new())));
        assert_eq!(parse(b"+OK 2 320"), Some(Reply::Ok("2 320".to_owned())));
        assert_eq!(parse(b"+ "), Some(Reply::Continue));
        let refusal = Refusal { code: Some("IN-USE".to_owned()), text: "-ERR [in-use] wait".to_owned() };
        assert_eq!(parse(b"-ERR [in-use] wait"), Some(Reply::Err(refusal)));
        for wrong in [&b""[..], b"+OKAY", b"-ERROR", b"* OK ready", b"220 mx", b"+ok", b" +OK"] {
            assert_eq!(parse(wrong), None, "{}", printable(wrong));
        }
    }

    #[test]
    fn trouble_that_passes_is_told_by_its_code() {
        for (line, defers) in [
            ("-ERR [SYS/TEMP] x", true),
            ("-ERR [SYS/TEMP/DISK] x", true),
            ("-ERR [LOGIN-DELAY] x", true),
            ("-ERR [IN-USE]", true),
            ("-ERR [SYS/PERM] x", false),
            ("-ERR [SYS/TEMPER] x", false),
            ("-ERR [AUTH] x", false),
            ("-ERR [SYS/TEMP x", false),
            ("-ERR IN-USE", false),
        ] {
            let ended = parse(line.as_bytes()).unwrap().expect_ok("PASS").unwrap_err();
            assert_eq!(matches!(ended, Outcome::Deferring(_)), defers, "{line}");
            assert!(ended.reason().unwrap().contains(line));
        }
    }

    proptest! {
        #[test]
        fn any_line_is_a_reply_or_none(
            start in prop::sample::select(vec!["", "+OK ", "-ERR ", "-ERR [", "+ "]),
            rest in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let line = [start.as_bytes(), &rest].concat();
            match parse(&line) {
                Some(Reply::Ok(text)) => prop_assert!(!text.chars().any(char::is_control)),
                Some(Reply::Err(refusal)) => prop_assert!(!refusal.text.chars().any(char::is_control)),
                Some(Reply::Continue) => prop_assert!(line.starts_with(b"+")),
                None => prop_assert!(start.is_empty()),
            }
        }
    }
}
