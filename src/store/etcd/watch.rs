//! Following a folder: a listing, the changes since, and both anew whenever the watch is lost.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use reqwest::Response;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::bounds::{LISTING, PAUSE_LEAST, PAUSE_MOST, REPLY_OCTETS, SILENCE};
use super::failure::{Cause, Failure, Outcome};
use super::ledger::{Change, Ledger};
use super::members::{Care, Kind, Request};
use super::wire::{Event, EventKind, Frame, Frames, Octets, WatchRequest};
use super::{Etcd, Listing, Notice, Version};
use crate::store::StoreError;

/// Everything below a folder, and how it changes. It goes on only while [`Watch::next`] is waited for.
pub struct Watch {
    notices: BoxStream<'static, Notice>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    pub(super) fn new(etcd: Etcd, range: Range<Vec<u8>>) -> Self {
        let follower = Follower::new(etcd, range);
        // The stream keeps the step that is under way: nothing is lost when `next` is no longer waited for.
        let step = |mut follower: Follower| async move { Some((follower.next().await, follower)) };
        Self { notices: stream::unfold(follower, step).boxed() }
    }

    /// What is to be said next: first [`Notice::All`], then what changed, in order. Nothing is said after something
    /// newer. May be dropped and called again at any time.
    pub async fn next(&mut self) -> Notice {
        match self.notices.next().await {
            Some(notice) => notice,
            // It has no end.
            None => std::future::pending().await,
        }
    }
}

struct Follower {
    etcd: Etcd,
    /// The keys that are followed, as etcd knows them.
    range: Range<Vec<u8>>,
    ledger: Ledger,
    /// What is still to be said.
    ready: VecDeque<Notice>,
    stage: Stage,
    /// The member that gets the next watch.
    member: usize,
    /// Before the next attempt, should this one fail.
    pause: Duration,
}

/// How far an attempt has come.
enum Stage {
    /// It begins then.
    Waiting(Instant),
    /// Everything up to this version was said.
    Listed(Version),
    Open(Box<Open>),
}

/// Why an attempt ended.
enum Lost {
    /// The member that has the watch.
    Member(Failure),
    /// No member gave a listing, or one gave what cannot be said.
    Listing(StoreError),
}

impl<F: Into<Failure>> From<F> for Lost {
    fn from(failure: F) -> Self {
        Self::Member(failure.into())
    }
}

impl Follower {
    fn new(etcd: Etcd, range: Range<Vec<u8>>) -> Self {
        Self {
            ledger: Ledger::new(etcd.members.count()),
            member: etcd.members.first(),
            etcd,
            range,
            ready: VecDeque::new(),
            stage: Stage::Waiting(Instant::now()),
            pause: PAUSE_LEAST,
        }
    }

    async fn next(&mut self) -> Notice {
        loop {
            if let Some(notice) = self.ready.pop_front() {
                return notice;
            }
            if let Err(lost) = self.advance().await {
                self.begin_anew(lost);
            }
        }
    }

    /// After a pause the next member gets the watch.
    fn begin_anew(&mut self, lost: Lost) {
        let members = &self.etcd.members;
        members.tally.reconnects();
        let trouble = match lost {
            Lost::Listing(error) => error,
            Lost::Member(failure) => {
                if failure.cause == Cause::Login {
                    members.forget_token();
                }
                members.failed(self.member, &failure)
            }
        };
        if matches!(trouble, StoreError::WentBack { .. }) {
            members.turn();
        }
        self.member = (self.member + 1) % members.count().max(1);
        self.ready.push_back(Notice::Trouble(trouble));
        self.stage = Stage::Waiting(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MOST);
    }

    async fn advance(&mut self) -> Result<(), Lost> {
        match &mut self.stage {
            Stage::Waiting(until) => {
                sleep_until(*until).await;
                self.ledger.ask();
                let listing = self.etcd.list_range(self.range.clone()).await.map_err(Lost::Listing)?;
                let version = listing.version;
                self.say_all(listing)?;
                self.stage = Stage::Listed(version);
            }
            Stage::Listed(version) => {
                let version = *version;
                self.stage = Stage::Open(Box::new(self.open(version).await?));
            }
            Stage::Open(open) => match open.hear().await? {
                Heard::Frames(frames) => self.say(frames)?,
                Heard::Due => {
                    self.ledger.ask();
                    let (etcd, range) = (self.etcd.clone(), self.range.clone());
                    open.listing = Relisting::Asked(Box::pin(async move { etcd.list_range(range).await }));
                }
                Heard::Listing(listing) => self.say_all(listing.map_err(Lost::Listing)?)?,
            },
        }
        Ok(())
    }

    /// A watch for what happened after `version`.
    async fn open(&mut self, version: Version) -> Result<Open, Lost> {
        let range = self.range.clone();
        let body = WatchRequest::from(version.0 + 1, Octets(range.start), Octets(range.end));
        let request = Request::new("/v3/watch", &body, Care::Repeat, Kind::Watch).map_err(Lost::Listing)?;
        let response = self.etcd.members.open(self.member, &request).await?;
        let now = Instant::now();
        Ok(Open { response, frames: Frames::default(), heard: now, listing: Relisting::Due(now + LISTING) })
    }

    fn say_all(&mut self, listing: Listing) -> Result<(), Lost> {
        self.etcd.members.tally.listed();
        self.ready.push_back(self.ledger.list(listing).map_err(Lost::Listing)?);
        Ok(())
    }

    fn say(&mut self, frames: Vec<Frame>) -> Result<(), Lost> {
        for frame in frames {
            match frame {
                Frame::Opened => {}
                Frame::Changes(events) => {
                    if !events.is_empty() {
                        self.pause = PAUSE_LEAST;
                    }
                    let changes = events.into_iter().filter_map(|event| self.change(event)).collect::<Vec<_>>();
                    self.ready.extend(changes.into_iter().filter_map(|change| self.ledger.change(change)));
                }
                Frame::Ended(fault) => return Err(fault.into()),
            }
        }
        Ok(())
    }

    /// `None` for a key that no node writes.
    fn change(&self, event: Event) -> Option<Change> {
        let entry = self.etcd.entry(event.kv)?;
        Some(match event.kind {
            EventKind::Put => Change::Put(entry),
            EventKind::Delete => Change::Gone(entry.key, entry.version),
        })
    }
}

/// A watch that stands.
struct Open {
    response: Response,
    frames: Frames,
    /// When something came last.
    heard: Instant,
    listing: Relisting,
}

/// The listing beside the changes.
enum Relisting {
    Due(Instant),
    Asked(BoxFuture<'static, Result<Listing, StoreError>>),
}

/// What came first.
enum Heard {
    Frames(Vec<Frame>),
    /// It is time for a listing.
    Due,
    Listing(Result<Listing, StoreError>),
}

impl Open {
    /// May be dropped and called again at any time.
    async fn hear(&mut self) -> Result<Heard, Failure> {
        let lost = |said: &str| Failure::new(said, Outcome::Unsure, Cause::Member);
        tokio::select! {
            chunk = timeout_at(self.heard + SILENCE, self.response.chunk()) => match chunk {
                Ok(Ok(Some(chunk))) => {
                    self.heard = Instant::now();
                    Ok(Heard::Frames(self.frames.push(&chunk, REPLY_OCTETS)?))
                }
                // Why it ended stands in the last line, if anywhere.
                Ok(Ok(None)) => match self.frames.end()? {
                    frames if frames.is_empty() => Err(lost("the watch ended")),
                    frames => Ok(Heard::Frames(frames)),
                },
                Ok(Err(error)) => Err(Failure::of_http(&error)),
                Err(_) => Err(lost(&format!("the watch was silent for {} s", SILENCE.as_secs()))),
            },
            heard = self.listing.next() => Ok(heard),
        }
    }
}

impl Relisting {
    /// May be dropped and called again at any time.
    async fn next(&mut self) -> Heard {
        match self {
            Self::Due(at) => {
                sleep_until(*at).await;
                Heard::Due
            }
            Self::Asked(listing) => {
                let listing = listing.await;
                *self = Self::Due(Instant::now() + LISTING);
                Heard::Listing(listing)
            }
        }
    }
}
