//! The journal: in pages, and as a stream of server-sent events that resumes where it broke off.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{self, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

use super::api::Events;
use super::bounds::{EVENTS_DEFAULT, EVENTS_LONGEST, STREAM_BEAT, STREAM_LOOK, STREAM_RETRY};
use super::router::Shared;
use super::{Beat, Control, Problem, ProblemKind};
use crate::model::{Event, Generation};

/// What of the journal is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct EventsQuery {
    /// Events above this id; default: the newest `limit`.
    after: Option<u64>,
    /// At most so many, 1 to 1000; default 100. Of a stream: how many of the past come first, default none.
    limit: Option<usize>,
    /// `1` for a stream.
    follow: Option<u8>,
}

/// `GET /api/v1/events`
pub(super) async fn events(
    State(shared): State<Shared>,
    headers: HeaderMap,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(EventsQuery { after, limit, follow }) = query?;
    if limit.is_some_and(|limit| !(1..=EVENTS_LONGEST).contains(&limit)) {
        return Err(Problem::new(ProblemKind::Invalid, format!("limit is a number from 1 to {EVENTS_LONGEST}")));
    }
    let newest = |count: usize| shared.control.last_event().saturating_sub(count as u64);
    if follow.is_some_and(|follow| follow != 0) {
        let resume = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
        let seen = resume.or(after).unwrap_or_else(|| newest(limit.unwrap_or(0)));
        return Ok(follow_from(&shared, seen).into_response());
    }
    let limit = limit.unwrap_or(EVENTS_DEFAULT);
    let after = after.unwrap_or_else(|| newest(limit));
    let events = shared.control.events(after, limit).await?;
    let next_after = events.last().map_or(after, |event| event.id);
    Ok(Json(Events { schema: Events::SCHEMA.to_owned(), events, next_after }).into_response())
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
    /// When it is looked whether a beat is due.
    look: Instant,
    /// The generation that the last beat told of, and when.
    beaten: Option<(Generation, Instant)>,
}

/// What a follower is told.
enum Told {
    /// An event.
    Event(Box<Event>),
    /// That the node is there, and how far it is.
    Beat(Beat),
}

fn follow_from(shared: &Shared, seen: u64) -> impl IntoResponse + use<> {
    // Subscribed before the journal is read, so that nothing falls between the two.
    let follower = Follower {
        control: Arc::clone(&shared.control),
        live: shared.control.subscribe(),
        stopping: shared.stopping.clone(),
        // The journal may have begun anew since the follower last read it.
        seen: seen.min(shared.control.last_event()),
        ready: VecDeque::new(),
        behind: true,
        look: Instant::now(),
        beaten: None,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let told = follower.hear().await?;
        Some((Ok::<_, Infallible>(message(&told)), follower))
    });
    Sse::new(events)
}

impl Follower {
    /// The next event, or a beat where one is due; `None` as [`Follower::next`].
    async fn hear(&mut self) -> Option<Told> {
        loop {
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

    /// The next event; `None` when the node stops or the journal cannot be read, after which the client resumes.
    async fn next(&mut self) -> Option<Event> {
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
