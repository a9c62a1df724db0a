//! The way of events: to the log at once, to the store in batches, to followers once they are stored.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tracing::{info, warn};

use super::clock::Clock;
use crate::admin::api::words;
use crate::model::{Connection, Event, EventKind};
use crate::store::{Store, StoreError};

/// Events that may wait for the store; beyond that the oldest are lost and counted. A day of flapping fits.
const BACKLOG: usize = 100_000;
/// Beyond so many waiting events those that follow are kept without transcripts, which are a thousand times as long.
const BACKLOG_IN_FULL: usize = 2_000;
/// Events a follower may lag behind before it is told that it missed some.
const FOLLOWERS: usize = 4_096;
/// How long whoever reads the journal waits for what is being written.
const CATCH_UP: Duration = Duration::from_millis(500);
/// Between two tries to write when the store refuses.
const RETRY: Duration = Duration::from_secs(1);

/// Where events are recorded. Never waits: a store that hangs delays the journal, nothing else.
#[derive(Clone)]
pub struct Journal {
    node: Arc<str>,
    clock: Clock,
    queue: mpsc::UnboundedSender<Event>,
    followers: broadcast::Sender<Arc<Event>>,
    /// Events that were handed to the writer.
    handed: Arc<AtomicU64>,
    /// How many of them are written, or lost.
    settled: Arc<watch::Sender<u64>>,
    lost: Arc<AtomicU64>,
    last_id: Arc<AtomicU64>,
}

/// What the writer says of the store as it goes.
pub enum StoreHealth {
    /// A write was refused.
    Failing(StoreError),
    /// A write went through after one was refused.
    Recovered,
}

impl Journal {
    /// Starts the writer. `health` hears of a store that refuses and of its recovery.
    pub fn start(
        node: &str,
        clock: Clock,
        store: Arc<dyn Store>,
        last_id: u64,
        health: mpsc::UnboundedSender<StoreHealth>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, events) = mpsc::unbounded_channel();
        let (followers, _) = broadcast::channel(FOLLOWERS);
        let journal = Self {
            node: node.into(),
            clock,
            queue,
            followers,
            handed: Arc::default(),
            settled: Arc::new(watch::Sender::new(0)),
            lost: Arc::default(),
            last_id: Arc::new(AtomicU64::new(last_id)),
        };
        let writer = Writer {
            store,
            health,
            followers: journal.followers.clone(),
            settled: Arc::clone(&journal.settled),
            lost: Arc::clone(&journal.lost),
            last_id: Arc::clone(&journal.last_id),
            backlog: VecDeque::new(),
            shown: 0,
        };
        let task = tokio::spawn(writer.run(events));
        (journal, task)
    }

    /// An event of this node, now.
    #[must_use]
    pub fn event(&self, kind: EventKind) -> Event {
        Event { id: 0, time: self.clock.wall(), node: self.node.to_string(), kind }
    }

    /// Logs an event and hands it to the writer.
    pub fn record(&self, kind: EventKind) {
        self.pass_on(self.event(kind));
    }

    /// Logs an event as it is, of whichever node, and hands it to the writer.
    pub fn pass_on(&self, event: Event) {
        log(&event);
        self.handed.fetch_add(1, Ordering::Relaxed);
        // The writer ends only after every sender is gone, so this cannot fail while a journal exists.
        let _ = self.queue.send(event);
    }

    /// Announces an event that is in the store already, written together with the order it tells of.
    pub fn announce(&self, event: Event) {
        log(&event);
        self.last_id.fetch_max(event.id, Ordering::Relaxed);
        let _ = self.followers.send(Arc::new(event));
    }

    /// Follows events from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.followers.subscribe()
    }

    /// The id of the newest stored event; 0 before the first.
    #[must_use]
    pub fn last_id(&self) -> u64 {
        self.last_id.load(Ordering::Relaxed)
    }

    /// Events that wait to be stored.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.handed.load(Ordering::Relaxed).saturating_sub(*self.settled.borrow())
    }

    /// Waits until what was recorded before is stored, so that whoever acts and then reads finds it. A store that refuses is
    /// not waited for longer than a moment.
    pub async fn caught_up(&self) {
        let handed = self.handed.load(Ordering::Relaxed);
        let mut settled = self.settled.subscribe();
        let _ = tokio::time::timeout(CATCH_UP, settled.wait_for(|settled| *settled >= handed)).await;
    }

    /// Events that were lost because the store refused them for too long.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

struct Writer {
    store: Arc<dyn Store>,
    health: mpsc::UnboundedSender<StoreHealth>,
    followers: broadcast::Sender<Arc<Event>>,
    settled: Arc<watch::Sender<u64>>,
    lost: Arc<AtomicU64>,
    last_id: Arc<AtomicU64>,
    backlog: VecDeque<Event>,
    /// How many events at the front of the backlog followers have seen already, without an id, while the store refused.
    shown: usize,
}

impl Writer {
    async fn run(mut self, mut events: mpsc::UnboundedReceiver<Event>) {
        let mut failing = false;
        loop {
            if self.backlog.is_empty() {
                match events.recv().await {
                    Some(event) => self.keep(event),
                    None => return,
                }
            }
            while let Ok(event) = events.try_recv() {
                self.keep(event);
            }
            match self.write().await {
                Ok(()) if failing => {
                    failing = false;
                    let _ = self.health.send(StoreHealth::Recovered);
                }
                Ok(()) => {}
                Err(error) => {
                    self.show();
                    if !failing {
                        failing = true;
                        let _ = self.health.send(StoreHealth::Failing(error));
                    }
                    if events.is_closed() && events.is_empty() {
                        return;
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    fn keep(&mut self, mut event: Event) {
        if self.backlog.len() >= BACKLOG_IN_FULL
            && let EventKind::Verdict { transcript, .. } = &mut event.kind
        {
            *transcript = None;
        }
        if self.backlog.len() >= BACKLOG {
            self.backlog.pop_front();
            self.shown = self.shown.saturating_sub(1);
            self.settled.send_modify(|settled| *settled += 1);
            if self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
                warn!("the journal loses its oldest unwritten events: the store has refused them for too long");
            }
        }
        self.backlog.push_back(event);
    }

    async fn write(&mut self) -> Result<(), StoreError> {
        let store = Arc::clone(&self.store);
        let batch: Vec<Event> = self.backlog.iter().cloned().collect();
        let (result, batch) =
            tokio::task::spawn_blocking(move || (store.append(&batch), batch)).await.unwrap_or_else(|error| {
                (Err(StoreError::Io { file: "journal".into(), detail: error.to_string() }), Vec::new())
            });
        let ids = result?;
        self.backlog.drain(..batch.len());
        self.last_id.fetch_max(ids.last().copied().unwrap_or(0), Ordering::Relaxed);
        self.settled.send_modify(|settled| *settled += batch.len() as u64);
        for (id, event) in ids.into_iter().zip(batch).skip(std::mem::take(&mut self.shown)) {
            let _ = self.followers.send(Arc::new(Event { id, ..event }));
        }
        Ok(())
    }

    /// Lets followers see what the store refuses: at 3 a.m. an event without an id is better than none.
    fn show(&mut self) {
        for event in self.backlog.iter().skip(self.shown) {
            let _ = self.followers.send(Arc::new(event.clone()));
        }
        self.shown = self.backlog.len();
    }
}

/// One line an event. Levels follow what an operator must do: warnings want an eye.
fn log(event: &Event) {
    let (kind, text) = (words::event_word(&event.kind), words::plain(&words::event(event)));
    match &event.kind {
        EventKind::ReloadFailed { .. }
        | EventKind::Degraded { .. }
        | EventKind::Refused { .. }
        | EventKind::Held { .. }
        | EventKind::StoreWentBack { .. }
        | EventKind::PeerLost { .. } => {
            warn!(event = kind, "{text}");
        }
        EventKind::ConnectionChanged { to, .. } if *to != Connection::Connected => warn!(event = kind, "{text}"),
        _ => info!(event = kind, "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;

    #[tokio::test]
    async fn what_was_recorded_is_there_for_whoever_reads_next() {
        let store = Arc::new(Memory::new());
        let (journal, _writer) =
            Journal::start("ns1", Clock::start(), Arc::clone(&store) as _, 0, mpsc::unbounded_channel().0);
        for known in 1..=50 {
            journal.record(EventKind::Stopped);
            journal.caught_up().await;
            assert_eq!(
                (store.events(0, 100).unwrap().len(), journal.last_id(), journal.waiting()),
                (known, known as u64, 0)
            );
        }
    }

    #[tokio::test]
    async fn a_writer_that_is_gone_is_not_waited_for() {
        let (journal, writer) =
            Journal::start("ns1", Clock::start(), Arc::new(Memory::new()), 0, mpsc::unbounded_channel().0);
        writer.abort();
        journal.record(EventKind::Stopped);
        journal.caught_up().await;
        assert_eq!(journal.waiting(), 1);
    }
}
