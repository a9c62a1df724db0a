//! The journal: in pages, and as a stream of server-sent events that resumes where it broke off.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{self, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

use super::access::{Peer, may_still};
use super::api::Events;
use super::bounds::{
    EVENTS_DEFAULT, EVENTS_LONGEST, STREAM_BEAT, STREAM_LOOK, STREAM_RETRY, STREAM_STILL, STREAMS, STREAMS_OF_ONE,
};
use super::crowd::{Full, Place};
use super::entrance_control::Count;
use super::router::Shared;
use super::span::{Read, Span};
use super::{Beat, Caller, Control, Problem, ProblemKind};
use crate::model::{Event, Generation};

/// What of the journal is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct EventsQuery {
    /// Events above this id, the oldest of them first; default: the newest `limit`.
    after: Option<u64>,
    /// Events below this id.
    before: Option<u64>,
    /// Events from this time on.
    since: Option<Timestamp>,
    /// Events before this time.
    until: Option<Timestamp>,
    /// At most so many, 1 to 1000; default 100. Of a stream: how many of the past come first, default none.
    limit: Option<usize>,
    /// `1` for a stream.
    follow: Option<u8>,
}

/// `GET /api/v1/events`
pub(super) async fn events(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let EventsQuery { after, limit, follow, since, .. } = query;
    if limit.is_some_and(|limit| !(1..=EVENTS_LONGEST).contains(&limit)) {
        return Err(Problem::new(ProblemKind::Invalid, format!("limit is a number from 1 to {EVENTS_LONGEST}")));
    }
    if follow.is_some_and(|follow| follow > 1) {
        return Err(Problem::new(ProblemKind::Invalid, "follow is 1 for a stream, or 0"));
    }
    if follow == Some(1) {
        let resume = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse().ok());
        let newest = || shared.control.last_event().saturating_sub(limit.unwrap_or(0) as u64);
        let seen = match (resume.or(after), since) {
            (Some(seen), _) => seen,
            (None, Some(since)) => shared.control.first_since(since).await?.saturating_sub(1),
            (None, None) => newest(),
        };
        let place = place(&shared, &caller)?;
        return Ok(streamed(Follower::new(&shared, (peer, headers, caller), place, seen)).into_response());
    }
    page(&*shared.control, &query, &caller).await
}

/// A place for a stream.
fn place(shared: &Shared, caller: &Caller) -> Result<Place<Option<String>>, Problem> {
    shared.streams.enter(caller.role.map(|_| caller.name.clone())).map_err(|full| {
        shared.control.tally().count(Count::Crowded);
        let most = match full {
            Full::All => format!("all {STREAMS} event streams of this node are taken"),
            Full::Own => {
                let name = caller.role.map_or("without a token or session", |_| caller.name.as_str());
                format!("{name}: {STREAMS_OF_ONE} event streams are open, as many as one may have")
            }
        };
        Problem::new(ProblemKind::Unavailable, most)
            .with_remedy("close pages or programs that follow the journal, or read it in pages (without follow=1)")
    })
}

/// A page, and how to read on to both sides.
async fn page(control: &dyn Control, query: &EventsQuery, caller: &Caller) -> Result<Response, Problem> {
    control.journalled().await;
    let limit = query.limit.unwrap_or(EVENTS_DEFAULT);
    // Bounds by id, both exclusive.
    let mut above = query.after.unwrap_or(0);
    if let Some(since) = query.since {
        above = above.max(control.first_since(since).await?.saturating_sub(1));
    }
    let mut below = query.before.unwrap_or(u64::MAX).min(control.last_event().saturating_add(1));
    if let Some(until) = query.until {
        below = below.min(control.first_since(until).await?);
    }
    let forwards = query.after.is_some() || (query.since.is_some() && query.before.is_none());
    let span = Span { above, below, limit };
    let Read { events, next_after, first } =
        if forwards { span.forwards(control, caller).await? } else { span.backwards(control, caller).await? };
    let prev_before = first.filter(|first| *first > 1);
    let mut links = Vec::new();
    if next_after.saturating_add(1) < below {
        links.push(query.link("next", &format!("after={next_after}"), limit));
    }
    if let Some(before) = prev_before {
        links.push(query.link("prev", &format!("before={before}"), limit));
    }
    let document = Events { schema: Events::SCHEMA.to_owned(), events, next_after, prev_before };
    let mut response = Json(document).into_response();
    if let Ok(links) = HeaderValue::from_str(&links.join(", "))
        && !links.is_empty()
    {
        response.headers_mut().insert(header::LINK, links);
    }
    Ok(response)
}

impl EventsQuery {
    /// A link to the page that starts elsewhere within the same times (RFC 8288).
    fn link(&self, relation: &str, start: &str, limit: usize) -> String {
        let time = |name: &str, time: Option<Timestamp>| time.map(|time| format!("&{name}={time}")).unwrap_or_default();
        let (since, until) = (time("since", self.since), time("until", self.until));
        format!("</api/v1/events?{start}&limit={limit}{since}{until}>; rel=\"{relation}\"")
    }
}

/// A follower of the journal.
struct Follower {
    control: Arc<dyn Control>,
    live: broadcast::Receiver<Arc<Event>>,
    stopping: watch::Receiver<()>,
    /// The id of the last event sent.
    seen: u64,
    /// Read from the journal and not sent yet.
    ready: VecDeque<Event>,
    /// Whether the journal may hold events after `seen` that have not been read.
    behind: bool,
    /// Who follows: looked at again now and then.
    who: (Shared, Peer, HeaderMap),
    /// As whom they began.
    caller: Caller,
    /// When it was last asked whether they may.
    asked: Instant,
    /// When it is looked whether a beat is due.
    look: Instant,
    /// The generation that the last beat told of, and when.
    beaten: Option<(Generation, Instant)>,
    _place: Place<Option<String>>,
}

/// What a follower is told.
enum Told {
    /// An event.
    Event(Box<Event>),
    /// That the node is there, and how far it is.
    Beat(Beat),
}

fn streamed(follower: Follower) -> impl IntoResponse + use<> {
    let events = stream::unfold(follower, |mut follower| async move {
        let told = follower.hear().await?;
        Some((Ok::<_, Infallible>(message(&told)), follower))
    });
    Sse::new(events)
}

impl Follower {
    fn new(
        shared: &Shared,
        (peer, headers, caller): (Peer, HeaderMap, Caller),
        place: Place<Option<String>>,
        seen: u64,
    ) -> Self {
        // Subscribed before the journal is read, so that nothing falls between the two.
        Self {
            control: Arc::clone(&shared.control),
            live: shared.control.subscribe(),
            stopping: shared.stopping.clone(),
            // The journal may have begun anew since the follower last read it.
            seen: seen.min(shared.control.last_event()),
            ready: VecDeque::new(),
            behind: true,
            who: (shared.clone(), peer, headers),
            caller,
            asked: Instant::now(),
            look: Instant::now(),
            beaten: None,
            _place: place,
        }
    }

    /// The next event, or a beat where one is due; `None` as [`Follower::next`], and where who follows no longer may.
    async fn hear(&mut self) -> Option<Told> {
        loop {
            // Before each event: one who is behind has the next ready at once, for as long as the journal is.
            if !self.may_still() {
                return None;
            }
            let look = self.look;
            tokio::select! {
                biased;
                event = self.next() => return event.map(|event| Told::Event(Box::new(event))),
                () = sleep_until(look) => {}
            }
            self.look = Instant::now() + STREAM_LOOK;
            if let Some(beat) = self.beat() {
                return Some(Told::Beat(beat));
            }
        }
    }

    /// Whether who follows may go on as whom they began; asked again every [`STREAM_STILL`].
    fn may_still(&mut self) -> bool {
        if self.asked.elapsed() < STREAM_STILL {
            return true;
        }
        self.asked = Instant::now();
        let (shared, peer, headers) = &self.who;
        may_still(shared, peer, headers).is_some_and(|now| now.role == self.caller.role && now.name == self.caller.name)
    }

    /// A beat, where the plan is another than the last one told of, or [`STREAM_BEAT`] has passed.
    fn beat(&mut self) -> Option<Beat> {
        let generation = self.control.generation();
        let is_known = |(known, at): &(Generation, Instant)| *known == generation && at.elapsed() < STREAM_BEAT;
        if self.beaten.as_ref().is_some_and(is_known) {
            return None;
        }
        self.beaten = Some((generation, Instant::now()));
        Some(Beat {
            time: jiff::Timestamp::now(),
            generation: generation.to_string(),
            last_event: self.control.last_event(),
        })
    }

    /// The next event that is theirs to read; `None` when the node stops or the journal cannot be read, after which the client
    /// resumes.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let event = self.next_of_all().await?;
            if self.caller.reads(&event) {
                return Some(event);
            }
        }
    }

    async fn next_of_all(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.seen = event.id;
                return Some(event);
            }
            if self.behind {
                let events = self.control.events(self.seen, EVENTS_LONGEST).await.ok()?;
                self.behind = events.len() == EVENTS_LONGEST;
                self.ready = events.into();
                continue;
            }
            let received = tokio::select! {
                received = self.live.recv() => received,
                _ = self.stopping.changed() => return None,
            };
            match received {
                // It could not be journalled: told now, or never.
                Ok(event) if event.id == 0 => return Some(Event::clone(&event)),
                Ok(event) if event.id <= self.seen => {}
                Ok(event) if event.id == self.seen.saturating_add(1) => {
                    self.seen = event.id;
                    return Some(Event::clone(&event));
                }
                // Missed some: the journal has them.
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => self.behind = true,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

fn message(told: &Told) -> sse::Event {
    let data = |text: serde_json::Result<String>| sse::Event::default().data(text.unwrap_or_default());
    match told {
        Told::Event(event) if event.id == 0 => data(serde_json::to_string(event)),
        Told::Event(event) => data(serde_json::to_string(event)).id(event.id.to_string()),
        Told::Beat(beat) => data(serde_json::to_string(beat)).event("beat").retry(STREAM_RETRY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::access::Line;
    use crate::admin::tests::Fake;
    use crate::admin::{Channel, Entrance};
    use crate::model::Role;

    fn follower(fake: &Arc<Fake>, token: Option<&str>) -> (Follower, watch::Sender<()>) {
        let (running, stopping) = watch::channel(());
        let shared = Shared::new(Arc::clone(fake) as Arc<dyn Control>, None, stopping);
        let peer = Peer { channel: Channel::Tcp { peer: [127, 0, 0, 1].into() }, line: Line::Plain, shown: None };
        let bearer = token.map(|token| (header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap()));
        let headers: HeaderMap = bearer.into_iter().collect();
        let caller = may_still(&shared, &peer, &headers).unwrap();
        let place = place(&shared, &caller).ok().unwrap();
        (Follower::new(&shared, (peer, headers, caller), place, 0), running)
    }

    fn asked_long_ago(follower: &mut Follower) {
        follower.asked = Instant::now().checked_sub(STREAM_STILL).unwrap();
    }

    #[tokio::test]
    async fn a_revoked_token_reads_no_backlog() {
        let fake = Fake::new();
        for _ in 0..3 * EVENTS_LONGEST {
            fake.happens("store");
        }
        let (mut follower, _running) = follower(&fake, Some("wp_viewer"));
        assert!(matches!(follower.hear().await, Some(Told::Event(event)) if event.id == 1));
        *fake.door.revoked.lock().unwrap() = true;
        assert!(fake.authenticate("wp_viewer").is_none());
        asked_long_ago(&mut follower);
        assert!(follower.hear().await.is_none());
    }

    #[tokio::test]
    async fn one_who_was_somebody_does_not_read_on_as_nobody() {
        let fake = Fake::new();
        fake.happens("store");
        let (mut follower, _running) = follower(&fake, None);
        assert!(matches!(follower.hear().await, Some(Told::Event(_))));
        // As if a session had been there when the stream was opened, which has ended since.
        follower.caller.role = Some(Role::Viewer);
        asked_long_ago(&mut follower);
        assert!(follower.hear().await.is_none());
    }
}
