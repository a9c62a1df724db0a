//! `events`: the journal, one line an event, and as it happens.

use std::time::Duration;

use futures_util::StreamExt;

use super::arguments::Events as Arguments;
use super::client::Node;
use super::exit::{Exit, Failure};
use super::output::{Format, Output};
use crate::admin::api::Events;
use crate::admin::api::words::{event, event_word, moment, plain, transcript};
use crate::model::Event;

/// In front of each line of a transcript.
pub(super) const INDENT: &str = "        ";

/// What is printed of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// One line.
    Lines,
    /// What was said by its probe as well.
    Transcripts,
}

/// Between two attempts to go on with a broken stream.
const RETRY: Duration = Duration::from_secs(1);

pub(super) async fn events(node: &Node, output: &Output, arguments: Arguments) -> Result<Exit, Failure> {
    let Arguments { follow, after, limit, transcripts } = arguments;
    let detail = if transcripts { Detail::Transcripts } else { Detail::Lines };
    let limit = limit.to_string();
    let after = after.map(|after| after.to_string());
    let query = [("after", after.as_deref()), ("limit", Some(limit.as_str()))];
    let page: Events = node.get("/api/v1/events", &query).await?;
    for event in &page.events {
        print(output, event, detail)?;
    }
    if !follow {
        return Ok(Exit::Done);
    }
    tokio::select! {
        ended = go_on(node, output, page.next_after, detail) => ended,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Done),
    }
}

/// Prints every event after `seen`, for ever; goes on after a break where it stopped.
async fn go_on(node: &Node, output: &Output, mut seen: u64, detail: Detail) -> Result<Exit, Failure> {
    let mut broken = false;
    loop {
        let resume = seen.to_string();
        match node.stream("/api/v1/events", &[("follow", Some("1")), ("after", Some(&resume))]).await {
            Ok(response) => {
                if std::mem::take(&mut broken) {
                    output.progress("connected again");
                }
                let mut stream = response.bytes_stream();
                let mut lines = Lines::default();
                while let Some(Ok(octets)) = stream.next().await {
                    for event in lines.events(&octets) {
                        seen = seen.max(event.id);
                        print(output, &event, detail)?;
                    }
                }
            }
            Err(failure) if failure.is_passing() => {}
            Err(failure) => return Err(failure),
        }
        if !std::mem::replace(&mut broken, true) {
            output.progress(&format!("the node does not answer; trying again after event {seen}"));
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn print(output: &Output, event: &Event, detail: Detail) -> Result<(), Failure> {
    match (output.format(), detail) {
        (Format::Json, _) => {
            output.line(&serde_json::to_string(event).map_err(|error| Failure::Fault(error.to_string()))?)
        }
        (Format::Table, Detail::Lines) => output.line(&line(event)),
        (Format::Table, Detail::Transcripts) => output.line(&line_and_transcript(event)),
    }
}

/// An event on one line, and below it, indented, what its probe heard.
fn line_and_transcript(logged: &Event) -> String {
    let said = transcript(logged).map(|said| format!("\n{INDENT}{}", plain(said)));
    std::iter::once(line(logged)).chain(said).collect()
}

/// An event on one line: id, time, node, kind, what.
pub(super) fn line(logged: &Event) -> String {
    let word = event_word(&logged.kind);
    plain(&format!("{:>6}  {}  {}  {word:<9}  {}", logged.id, moment(logged.time), logged.node, event(logged)))
}

/// Cuts a stream of server-sent events into events. Comments and what this version cannot read are passed over.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn events(&mut self, octets: &[u8]) -> Vec<Event> {
        self.0.extend_from_slice(octets);
        let mut events = Vec::new();
        while let Some(end) = self.0.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            if let Some(data) = line.strip_prefix(b"data: ".as_slice()) {
                events.extend(serde_json::from_slice::<Event>(data).ok());
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventKind, State};

    fn event(id: u64) -> Event {
        let kind = EventKind::Degraded { part: "store".into(), detail: "full\n\u{1b}[2J".into() };
        Event { id, time: "2026-05-01T12:00:00.123Z".parse().unwrap(), node: "ns1".into(), kind }
    }

    #[test]
    fn an_event_is_one_harmless_line() {
        assert_eq!(line(&event(7)), "     7  2026-05-01T12:00:00Z  ns1  degraded   store: full\\u{a}\\u{1b}[2J");
    }

    #[test]
    fn a_transcript_is_a_block_below_its_event() {
        let kind = EventKind::Verdict {
            service: "mx".into(),
            site: "fra".into(),
            address: [192, 0, 2, 1].into(),
            from: State::Up,
            to: State::Down,
            reason: "554 no".into(),
            transcript: Some("< 554 no\n* \u{1b}[2J\n".into()),
            first_failed: None,
        };
        let event = Event { kind, ..event(7) };
        let text = line_and_transcript(&event);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], line(&event));
        assert_eq!(lines[1..], ["        < 554 no", "        * \\u{1b}[2J"]);
    }

    #[test]
    fn a_stream_is_read_wherever_it_is_cut() {
        let mut text = String::from(": comment\n\n");
        for id in 1..4 {
            text.push_str(&format!("data: {}\nid: {id}\n\n", serde_json::to_string(&event(id)).unwrap()));
        }
        text.push_str("data: {\"event\":\"eclipse\"}\n\n");
        for size in [1, 7, 64, 10_000] {
            let mut lines = Lines::default();
            let ids: Vec<_> =
                text.as_bytes().chunks(size).flat_map(|piece| lines.events(piece)).map(|event| event.id).collect();
            assert_eq!(ids, [1, 2, 3], "pieces of {size}");
        }
    }
}
