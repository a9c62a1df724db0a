//! `events`: the journal, one line an event, and as it happens.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::Value;

use super::arguments::Events as Arguments;
use super::client::Node;
use super::document::with_schema;
use super::exit::{Exit, Failure};
use super::kinds;
use super::moment::Past;
use super::output::{Format, Output};
use crate::admin::api::words::{event, event_word, moment, plain, transcript};
use crate::admin::api::{Events, Status};
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
        kinds: kind.iter().map(|kind| kinds::known(kind)).collect::<Result<_, _>>()?,
        site,
        since: since.map(|Past(time)| time),
        until: until.map(|Past(time)| time),
        detail: if transcripts { Detail::Transcripts } else { Detail::Lines },
    };
    let (found, seen) = find(node, after, limit.map(usize::from), &wanted).await?;
    if let Some(site) = wanted.site.as_deref().filter(|_| found.events.is_empty()) {
        tell_of_nothing(node, output, site).await?;
    }
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
    kinds: Vec<&'static str>,
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
        let of_kind = self.kinds.is_empty() || self.kinds.contains(&event_word(&event.kind));
        let in_time =
            self.since.is_none_or(|since| event.time >= since) && self.until.is_none_or(|until| event.time <= until);
        of_kind && in_time && self.site.as_deref().is_none_or(|site| is_about(event, site))
    }
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

/// The events that are wanted, and the id after which nothing was looked at: the first after `after`, or else the newest.
async fn find(
    node: &Node,
    after: Option<u64>,
    limit: Option<usize>,
    wanted: &Wanted,
) -> Result<(Events, u64), Failure> {
    let usual = if after.is_none() && wanted.is_narrow() { usize::MAX } else { NEWEST };
    let most = limit.unwrap_or(usual);
    match after {
        Some(after) => oldest(node, after, most, wanted).await,
        None => newest(node, most, wanted).await,
    }
}

/// Says so where nothing was found because no site is called so.
async fn tell_of_nothing(node: &Node, output: &Output, site: &str) -> Result<(), Failure> {
    let status: Status = node.get("/api/v1/status", &[]).await?;
    let sites: BTreeSet<&str> =
        status.services.iter().flat_map(|service| &service.sites).map(|site| site.name.as_str()).collect();
    if !sites.contains(site) {
        let sites = sites.into_iter().collect::<Vec<_>>().join(", ");
        output
            .progress(&plain(&format!("no event is about '{site}', and no site is called so; the sites are {sites}")));
    }
    Ok(())
}

/// The events of one answer: those after an id, or else those below one, or the newest.
async fn page(node: &Node, after: Option<u64>, before: Option<u64>, limit: usize) -> Result<Events, Failure> {
    let said = |id: Option<u64>| id.map(|id| id.to_string());
    let (after, before, limit) = (said(after), said(before), limit.to_string());
    let query = [("after", after.as_deref()), ("before", before.as_deref()), ("limit", Some(limit.as_str()))];
    node.get("/api/v1/events", &query).await
}

fn document(events: Vec<Event>, next_after: u64) -> Events {
    Events { schema: Events::SCHEMA.to_owned(), events, next_after, prev_before: None }
}

/// The newest `most` events that are wanted, in order of time, and the id after which nothing was looked at.
async fn newest(node: &Node, most: usize, wanted: &Wanted) -> Result<(Events, u64), Failure> {
    let limit = if wanted.is_narrow() { PAGE } else { most.min(PAGE) };
    let mut found = VecDeque::new();
    let (mut seen, mut below) = (None, None);
    loop {
        let next = page(node, None, below, limit).await?;
        let seen = *seen.get_or_insert(next.next_after);
        let is_before = |event: &Event| wanted.since.is_some_and(|since| event.time < since);
        let is_over = next.events.first().is_some_and(is_before) || next.prev_before.is_none();
        for event in next.events.into_iter().rev().filter(|event| wanted.takes(event)) {
            if found.len() < most {
                found.push_front(event);
            }
        }
        if is_over || found.len() >= most {
            return Ok((document(found.into(), seen), seen));
        }
        below = next.prev_before;
    }
}

/// The first `most` events after `after` that are wanted, and the id after which nothing was looked at.
async fn oldest(node: &Node, mut after: u64, most: usize, wanted: &Wanted) -> Result<(Events, u64), Failure> {
    let limit = if wanted.is_narrow() { PAGE } else { most.min(PAGE) };
    let mut found = Vec::new();
    loop {
        let next = page(node, Some(after), None, limit).await?;
        // A node may hold back what is not for everybody: a page that is not full is not the last one.
        let is_last = next.next_after <= after;
        let is_over = next.events.last().is_some_and(|event| wanted.until.is_some_and(|until| event.time > until));
        for event in next.events {
            after = event.id;
            if wanted.takes(&event) {
                found.push(event);
            }
            if found.len() == most {
                return Ok((document(found, after), after));
            }
        }
        after = next.next_after.max(after);
        if is_last || is_over {
            return Ok((document(found, after), after));
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
    use axum::Json;
    use axum::extract::Query;

    use super::super::arguments::Arguments as Line;
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

    /// A journal of fifty events, a second apart, page by page as the API has it.
    async fn journal(Query(query): Query<Vec<(String, u64)>>) -> Json<Value> {
        let of = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        let limit = of("limit").unwrap_or(100);
        let below = of("before").unwrap_or(51).min(51);
        let first = of("after").map_or_else(|| below.saturating_sub(limit).max(1), |after| after + 1);
        let ids: Vec<u64> = (first..below).take(usize::try_from(limit).unwrap()).collect();
        let event = |id: &u64| serde_json::json!({ "id": id, "time": time(*id), "node": "ns1", "event": "stopped" });
        let prev_before = ids.first().filter(|first| **first > 1);
        Json(serde_json::json!({
            "schema": Events::SCHEMA, "events": ids.iter().map(event).collect::<Vec<_>>(),
            "next_after": ids.last().unwrap_or(&0), "prev_before": prev_before
        }))
    }

    fn time(id: u64) -> Timestamp {
        Timestamp::from_second(1_777_636_800 + i64::try_from(id).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn of_many_the_newest_are_shown_whatever_is_asked_for() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/api/v1/events", axum::routing::get(journal));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let words = ["waypost", "--node", &url, "status"];
        let node = Node::find(&<Line as clap::Parser>::try_parse_from(words).unwrap().global).unwrap();
        let all = || Wanted { kinds: vec![], site: None, since: None, until: None, detail: Detail::Lines };
        let ids = async |after, limit, wanted: Wanted| {
            let (found, _) = find(&node, after, limit, &wanted).await.unwrap();
            found.events.iter().map(|event| event.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(None, Some(3), all()).await, [48, 49, 50]);
        assert_eq!(ids(None, Some(3), Wanted { since: Some(time(10)), ..all() }).await, [48, 49, 50]);
        assert_eq!(ids(None, None, Wanted { since: Some(time(48)), ..all() }).await, [48, 49, 50]);
        assert_eq!(ids(None, Some(2), Wanted { until: Some(time(20)), ..all() }).await, [19, 20]);
        assert_eq!(ids(None, Some(2), Wanted { kinds: vec!["stopped"], ..all() }).await, [49, 50]);
        assert_eq!(ids(None, None, Wanted { kinds: vec!["stopped"], ..all() }).await.len(), 50);
        assert_eq!(ids(None, None, all()).await.len(), NEWEST);
        assert_eq!(ids(Some(5), Some(2), all()).await, [6, 7], "whoever goes on from there misses nothing");
    }
}
