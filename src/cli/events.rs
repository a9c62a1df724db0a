//! `events`: the journal, one line an event, and as it happens.

use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::Value;

use super::arguments::Events as Arguments;
use super::client::Node;
use super::document::with_schema;
use super::exit::{Exit, Failure};
use super::moment::Past;
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

/// The schema of an event by itself.
const EVENT: &str = "waypost.event/1";
/// Between two attempts to go on with a broken stream.
const RETRY: Duration = Duration::from_secs(1);

/// Events in one answer of the node.
const PAGE: usize = 1000;
/// Events that are shown where nothing says how many.
const NEWEST: usize = 20;

pub(super) async fn events(node: &Node, output: &Output, arguments: Arguments) -> Result<Exit, Failure> {
    let Arguments { follow, after, since, until, kind, site, limit, transcripts } = arguments;
    let wanted = Wanted {
        kinds: kind.iter().map(|kind| spelled(kind)).collect(),
        site,
        since: since.map(|Past(time)| time),
        until: until.map(|Past(time)| time),
        detail: if transcripts { Detail::Transcripts } else { Detail::Lines },
    };
    // Without a place to begin at, the newest are looked at.
    let is_ranged = after.is_some() || wanted.is_narrow();
    let most = limit.map_or(if is_ranged { usize::MAX } else { NEWEST }, usize::from);
    let most = if after.is_some() && limit.is_none() { NEWEST } else { most };
    let from = match (after, wanted.since) {
        (Some(after), _) => Some(after),
        (None, Some(since)) => Some(before(node, since).await?),
        (None, None) if is_ranged => Some(0),
        (None, None) => None,
    };
    let (found, seen) = collect(node, from, most, &wanted).await?;
    match output.format() {
        Format::Json if !follow => output.json(&found)?,
        _ => found.events.iter().try_for_each(|event| print(output, event, wanted.detail))?,
    }
    if !follow {
        return Ok(Exit::Done);
    }
    tokio::select! {
        ended = go_on(node, output, seen, &wanted) => ended,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Done),
    }
}

/// Which events are shown, and what of them.
struct Wanted {
    /// None is all.
    kinds: Vec<String>,
    site: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    detail: Detail,
}

impl Wanted {
    fn is_narrow(&self) -> bool {
        !self.kinds.is_empty() || self.site.is_some() || self.since.is_some() || self.until.is_some()
    }

    fn takes(&self, event: &Event) -> bool {
        let of_kind = self.kinds.is_empty() || self.kinds.contains(&spelled(event_word(&event.kind)));
        let in_time =
            self.since.is_none_or(|since| event.time >= since) && self.until.is_none_or(|until| event.time <= until);
        of_kind && in_time && self.site.as_deref().is_none_or(|site| is_about(event, site))
    }
}

/// A kind as it is compared: `zone updated`, `zone_updated` and `Zone-Updated` are one.
fn spelled(kind: &str) -> String {
    kind.to_ascii_lowercase().replace(['_', '-'], " ")
}

/// Whether an event names `site`: as a member, or in the phrases of a plan.
fn is_about(event: &Event, site: &str) -> bool {
    fn names(value: &Value, site: &str) -> bool {
        match value {
            Value::Object(members) => members.iter().any(|(name, member)| match (name.as_str(), member) {
                ("site", Value::String(named)) => named == site,
                ("changes" | "order", member) => mentions(member, site),
                (_, member) => names(member, site),
            }),
            Value::Array(items) => items.iter().any(|item| names(item, site)),
            _ => false,
        }
    }
    fn mentions(value: &Value, site: &str) -> bool {
        match value {
            Value::String(text) => text.split([' ', '/', ':', ',']).any(|word| word == site),
            Value::Array(items) => items.iter().any(|item| mentions(item, site)),
            _ => false,
        }
    }
    serde_json::to_value(event).is_ok_and(|event| names(&event, site))
}

/// The id of the last event before `time`: events are found by halving, for a journal may be long.
async fn before(node: &Node, time: Timestamp) -> Result<u64, Failure> {
    let newest = page(node, None, 1).await?.next_after;
    let (mut low, mut high) = (0, newest);
    while low < high {
        let middle = low.midpoint(high);
        match page(node, Some(middle), 1).await?.events.first() {
            Some(event) if event.time < time => low = event.id.max(middle.saturating_add(1)),
            _ => high = middle,
        }
    }
    Ok(low)
}

async fn page(node: &Node, after: Option<u64>, limit: usize) -> Result<Events, Failure> {
    let (after, limit) = (after.map(|after| after.to_string()), limit.to_string());
    node.get("/api/v1/events", &[("after", after.as_deref()), ("limit", Some(limit.as_str()))]).await
}

/// The events that are wanted, at most `most` of them: the first after `from`, or without it the newest. Then the id after
/// which nothing was looked at.
async fn collect(node: &Node, from: Option<u64>, most: usize, wanted: &Wanted) -> Result<(Events, u64), Failure> {
    let Some(mut after) = from else {
        let found = page(node, None, most).await?;
        let seen = found.next_after;
        return Ok((found, seen));
    };
    let mut found =
        Events { schema: Events::SCHEMA.to_owned(), events: Vec::new(), next_after: after, prev_before: None };
    loop {
        let next = page(node, Some(after), if wanted.is_narrow() { PAGE } else { most.min(PAGE) }).await?;
        // A node may hold back what is not for everybody: a page that is not full is not the last one.
        let is_last = next.next_after <= after;
        let is_over = next.events.last().is_some_and(|event| wanted.until.is_some_and(|until| event.time > until));
        for event in next.events {
            after = event.id;
            if wanted.takes(&event) {
                found.events.push(event);
            }
            if found.events.len() == most {
                found.next_after = after;
                return Ok((found, after));
            }
        }
        after = next.next_after.max(after);
        found.next_after = after;
        if is_last || is_over {
            return Ok((found, after));
        }
    }
}

/// Prints every event after `seen`, for ever; goes on after a break where it stopped.
async fn go_on(node: &Node, output: &Output, mut seen: u64, wanted: &Wanted) -> Result<Exit, Failure> {
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
                        if wanted.takes(&event) {
                            print(output, &event, wanted.detail)?;
                        }
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
        (Format::Json | Format::Jsonl, _) => {
            let fault = |error: serde_json::Error| Failure::Fault(error.to_string());
            output.compact(&with_schema(serde_json::to_value(event).map_err(fault)?, EVENT))
        }
        (Format::Name, _) => output.line(&event.id.to_string()),
        (Format::Table, Detail::Lines) => output.line(&line(event)),
        (Format::Wide, _) | (Format::Table, Detail::Transcripts) => output.line(&line_and_transcript(event)),
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
