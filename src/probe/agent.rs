//! Agents: the line that HAProxy's agent check reads, taken as advice.
//!
//! HAProxy changes the administrative state of a server at the word of its agent. Here the word is one monitor's opinion: it
//! gives no order, and standing orders do not depend on it.

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::bounds::AGENT_LINE;
use super::check::{Conversation, Notes, Place};
use super::tcp::{self, failure};
use super::transcript::{Speaker, Transcript, printable};
use crate::health::{FailureKind, Outcome};
use crate::model::AgentCheck;

/// An agent monitor.
#[derive(Debug)]
pub(super) struct AgentProbe {
    send: Option<String>,
}

impl AgentProbe {
    pub(super) fn new(check: &AgentCheck) -> Self {
        Self { send: check.send.clone() }
    }

    async fn converse(&self, place: Place<'_>, notes: &mut Notes) -> Result<Outcome, Outcome> {
        let mut stream = tcp::connect(place.address, place.deadline).await?;
        notes.connected = Some(place.start.elapsed());
        if let Some(line) = &self.send {
            notes.transcript.push(Speaker::Us, line.as_bytes());
            let sent = timeout_at(place.deadline, stream.write_all(format!("{line}\n").as_bytes())).await;
            sent.map_err(|_| silence())?.map_err(|error| failure(&error, "sending to the agent"))?;
        }
        let line = read_line(&mut stream, place.deadline).await?;
        notes.transcript.push(Speaker::Them, &line);
        Ok(judge(&line, &mut notes.transcript))
    }
}

#[async_trait]
impl Conversation for AgentProbe {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        self.converse(place, notes).await.unwrap_or_else(|ended| ended)
    }
}

/// The first line that is not empty; its end is CR, LF or that of the connection.
async fn read_line(stream: &mut TcpStream, deadline: Instant) -> Result<Vec<u8>, Outcome> {
    let (mut line, mut read) = (Vec::new(), 0);
    let mut piece = [0; AGENT_LINE];
    loop {
        let octets = timeout_at(deadline, stream.read(&mut piece)).await;
        let octets = octets.map_err(|_| silence())?.map_err(|error| failure(&error, "waiting for the agent's line"))?;
        for octet in piece.iter().take(octets) {
            match octet {
                b'\r' | b'\n' if line.is_empty() => {}
                b'\r' | b'\n' => return Ok(line),
                octet => line.push(*octet),
            }
            // Empty lines count as well: there may be no end of them.
            read += 1;
            if read > AGENT_LINE {
                let why = format!("the agent sends more than {AGENT_LINE} octets without a line");
                return Err(Outcome::failed(FailureKind::Protocol, why));
            }
        }
        if octets == 0 {
            let closed = || Outcome::failed(FailureKind::Reset, "connection closed before the agent said anything");
            return if line.is_empty() { Err(closed()) } else { Ok(line) };
        }
    }
}

fn silence() -> Outcome {
    Outcome::failed(FailureKind::Timeout, "timed out waiting for the agent's line")
}

/// How bad a word is; the worst of a line counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Advice {
    Well,
    Defer,
    Fail,
}

/// What a line says: words between blanks and commas, and a description behind `#`.
fn judge(line: &[u8], transcript: &mut Transcript) -> Outcome {
    let text = String::from_utf8_lossy(line);
    let (said, description) = text.split_once('#').map_or((&*text, ""), |(said, rest)| (said, rest.trim()));
    let (mut worst, mut decisive) = (None, Vec::new());
    for word in said.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
        let Some(advice) = advice(word) else {
            let ignored = if is_connection_bound(word) { "of no meaning here" } else { "not known" };
            transcript.push(Speaker::Note, format!("'{word}' is {ignored}").as_bytes());
            continue;
        };
        if word.ends_with('%') {
            transcript.push(Speaker::Note, format!("weight {word}").as_bytes());
        }
        if worst.is_none_or(|worst| advice > worst) {
            worst = Some(advice);
            decisive.clear();
        }
        if worst == Some(advice) {
            decisive.push(word);
        }
    }
    let words = decisive.join(" ");
    let why = if description.is_empty() { String::new() } else { format!(": {}", printable(description.as_bytes())) };
    match worst {
        Some(Advice::Well) => Outcome::Ok,
        Some(Advice::Defer) => Outcome::Deferring(format!("the agent says {words}{why}")),
        Some(Advice::Fail) => Outcome::failed(FailureKind::Protocol, format!("the agent says {words}{why}")),
        None => Outcome::failed(FailureKind::Protocol, format!("no agent says '{}'", printable(line))),
    }
}

/// What a word advises; `None` for what says nothing about the state.
fn advice(word: &str) -> Option<Advice> {
    if let Some(weight) = word.strip_suffix('%') {
        let digits = !weight.is_empty() && weight.bytes().all(|digit| digit.is_ascii_digit());
        return digits.then(|| if weight.bytes().all(|digit| digit == b'0') { Advice::Defer } else { Advice::Well });
    }
    Some(match word.to_ascii_lowercase().as_str() {
        "up" | "ready" => Advice::Well,
        "drain" | "maint" => Advice::Defer,
        "down" | "fail" | "stopped" => Advice::Fail,
        _ => return None,
    })
}

/// `maxconn:30`, which HAProxy obeys and nobody else can.
fn is_connection_bound(word: &str) -> bool {
    word.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case("maxconn"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_mean_what_the_documentation_says() {
        let deferring = |words: &str| Outcome::Deferring(format!("the agent says {words}"));
        let failed = |words: &str| Outcome::failed(FailureKind::Protocol, format!("the agent says {words}"));
        for (line, outcome) in [
            ("up", Outcome::Ok),
            ("ready", Outcome::Ok),
            ("75%", Outcome::Ok),
            ("UP ready,100%", Outcome::Ok),
            ("up maxconn:30", Outcome::Ok),
            ("0%", deferring("0%")),
            ("ready up 000%", deferring("000%")),
            ("drain", deferring("drain")),
            ("up drain,maint", deferring("drain maint")),
            ("stopped # kernel update", failed("stopped: kernel update")),
            ("maint # kernel update", deferring("maint: kernel update")),
            ("down#disk full", failed("down: disk full")),
            ("fail", failed("fail")),
            ("drain\tdown 50%", failed("down")),
            ("maxconn:30", Outcome::failed(FailureKind::Protocol, "no agent says 'maxconn:30'")),
            ("SSH-2.0-x", Outcome::failed(FailureKind::Protocol, "no agent says 'SSH-2.0-x'")),
            ("-5%", Outcome::failed(FailureKind::Protocol, "no agent says '-5%'")),
            ("%", Outcome::failed(FailureKind::Protocol, "no agent says '%'")),
        ] {
            assert_eq!(judge(line.as_bytes(), &mut Transcript::default()), outcome, "{line}");
        }
    }

    #[test]
    fn weight_and_unknown_words_are_in_the_transcript() {
        let mut transcript = Transcript::default();
        assert_eq!(judge(b"75% maxconn:9 sideways", &mut transcript), Outcome::Ok);
        assert_eq!(
            transcript.into_text(),
            "* weight 75%\n* 'maxconn:9' is of no meaning here\n* 'sideways' is not known\n"
        );
    }

    proptest! {
        #[test]
        fn any_line_has_a_meaning(line in prop::collection::vec(any::<u8>(), 0..80)) {
            let outcome = judge(&line, &mut Transcript::default());
            prop_assert!(outcome.reason().is_none_or(|reason| !reason.chars().any(char::is_control)));
        }
    }
}
