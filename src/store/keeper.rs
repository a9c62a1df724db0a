//! The keeper: puts the shared orders into this node's own store, beside whoever follows and orders, so that a disk that is
//! slow, hangs or refuses holds up neither.
//!
//! Copies and events are written in the order in which they came. A copy that the disk refuses is tried again every second,
//! and the latest wins.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::bounds::{DISK_PATIENCE, KEEP_AGAIN};
use super::commons::News;
use super::inbox::Inbox;
use super::{Store, StoreError};
use crate::model::Event;

/// See the module. Its thread ends with it, as soon as the disk lets it.
pub(super) struct Keeper {
    desk: Arc<Desk>,
}

/// Where the work lies.
#[derive(Default)]
struct Desk {
    tray: Mutex<Tray>,
    more: Condvar,
}

#[derive(Default)]
struct Tray {
    work: VecDeque<Work>,
    closed: bool,
}

/// A copy and what is journalled with it.
struct Work {
    text: String,
    /// Of other nodes; written with the copy, all or nothing.
    events: Vec<Event>,
    own: Option<Own>,
}

/// The event of a change by this node, which waits for its id.
struct Own {
    /// Whoever takes it out journals it: the thread, or the change that has waited for long enough. So it is journalled once.
    event: Arc<Mutex<Option<Event>>>,
    reply: oneshot::Sender<u64>,
}

impl Own {
    fn is_taken(&self) -> bool {
        locked(&self.event).is_none()
    }
}

impl Work {
    /// Nothing of it waits for itself, so that what comes next may be written with it.
    fn can_wait(&self) -> bool {
        self.own.as_ref().is_none_or(Own::is_taken)
    }
}

impl Keeper {
    /// Keeps the copy called `name` in `store`, and tells `inbox` of it.
    pub(super) fn start(
        name: &'static str,
        store: Arc<dyn Store>,
        inbox: Arc<Inbox>,
    ) -> (Self, Result<(), StoreError>) {
        let desk = Arc::new(Desk::default());
        let thread = Writer { name, store, inbox, desk: Arc::clone(&desk), behind: None };
        let started = thread::Builder::new().name("keeper".to_owned()).spawn(move || thread.run());
        let refused = |error: std::io::Error| StoreError::Io { file: name.into(), detail: error.to_string() };
        (Self { desk }, started.map(drop).map_err(refused))
    }

    /// Has `text` kept, with the `events` of other nodes.
    pub(super) fn keep(&self, text: String, events: Vec<Event>) {
        self.put(Work { text, events, own: None });
    }

    /// Has `text` kept with the event of this node's own change. What is returned waits for it, for 2 s at most: the event,
    /// with its id where the disk took it. Without an id it is the caller's to journal.
    pub(super) fn keep_own(&self, text: String, event: Event) -> impl Future<Output = Event> + Send + 'static {
        let (reply, id) = oneshot::channel();
        let slot = Arc::new(Mutex::new(Some(event.clone())));
        self.put(Work { text, events: Vec::new(), own: Some(Own { event: Arc::clone(&slot), reply }) });
        async move {
            let mut id = id;
            let mut replied = timeout(DISK_PATIENCE, &mut id).await;
            if replied.is_err() && locked(&slot).take().is_none() {
                // It is being written this very moment. Rather twice in the journal, if that takes long, than not at all.
                replied = timeout(DISK_PATIENCE, id).await;
            }
            if let Ok(Ok(id)) = replied {
                return Event { id, ..event };
            }
            tracing::warn!(
                "this node's own disk has not taken an order in time; it stands, and the disk is tried again"
            );
            event
        }
    }

    fn put(&self, work: Work) {
        let mut tray = locked(&self.desk.tray);
        match tray.work.back_mut() {
            Some(last) if last.can_wait() => {
                last.text = work.text;
                last.events.extend(work.events);
                last.own = work.own;
            }
            _ => tray.work.push_back(work),
        }
        drop(tray);
        self.desk.more.notify_one();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        locked(&self.desk.tray).closed = true;
        self.desk.more.notify_one();
    }
}

/// The thread.
struct Writer {
    name: &'static str,
    store: Arc<dyn Store>,
    inbox: Arc<Inbox>,
    desk: Arc<Desk>,
    /// The copy that the disk refused.
    behind: Option<String>,
}

impl Writer {
    fn run(mut self) {
        while let Some(work) = self.next() {
            self.write(work);
        }
    }

    /// What is to be written next; `None` when the keeper is gone and nothing is left.
    fn next(&mut self) -> Option<Work> {
        let mut tray = locked(&self.desk.tray);
        loop {
            if let Some(work) = tray.work.pop_front() {
                return Some(work);
            }
            if tray.closed {
                return None;
            }
            if self.behind.is_none() {
                tray = self.desk.more.wait(tray).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (waited, outcome) =
                self.desk.more.wait_timeout(tray, KEEP_AGAIN).unwrap_or_else(PoisonError::into_inner);
            tray = waited;
            if outcome.timed_out()
                && tray.work.is_empty()
                && let Some(text) = self.behind.clone()
            {
                return Some(Work { text, events: Vec::new(), own: None });
            }
        }
    }

    fn write(&mut self, work: Work) {
        let Work { text, events, own } = work;
        match self.store.keep_copy(self.name, &text, events.clone()) {
            Ok(kept) => {
                if !kept.is_empty() {
                    self.inbox.tell(News::Journalled(kept));
                }
                if self.behind.take().is_some() {
                    self.inbox.tell(News::Kept);
                }
            }
            Err(error) => {
                let is_news = self.behind.replace(text).is_none() || !events.is_empty();
                if is_news {
                    self.inbox.tell(News::NotKept(events, error));
                }
                // The change hears that nobody replies, and has its event to itself.
                return;
            }
        }
        // Only after the copy, so that an event is not taken from its change by a disk that hangs.
        let Some(Own { event, reply }) = own else { return };
        let Some(event) = locked(&event).take() else { return };
        match self.store.append(std::slice::from_ref(&event)) {
            Ok(ids) => {
                if let Some(id) = ids.first() {
                    // Nobody waits any more for what took so long.
                    let _ = reply.send(*id);
                }
            }
            Err(error) => tracing::warn!(%error, "an order was not journalled with its copy; the journal tries again"),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics between two changes that belong together.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
