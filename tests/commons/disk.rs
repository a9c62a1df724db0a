//! Broken, a node whose disk hangs or is full hears of no orders any more, or its journal lacks or repeats some.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use jiff::Timestamp;
use waypost::model::{EndpointKey, Event, EventKind, Intent, Link, Scope, Token, Verdict, ZoneState};
use waypost::store::{ChainState, Changed, Memory, News, OrderChange, Secret, Snapshot, Store, StoreError};

use crate::member::Cluster;
use crate::{Side, drain, sites, version};

const WORKS: u8 = 0;
const REFUSES: u8 = 1;
const HANGS: u8 = 2;

/// A store on a disk that can be told to refuse or to hang.
struct Faulty {
    inner: Memory,
    state: AtomicU8,
    gate: (Mutex<()>, Condvar),
}

impl Faulty {
    fn new() -> Arc<Self> {
        Arc::new(Self { inner: Memory::new(), state: AtomicU8::new(WORKS), gate: Default::default() })
    }

    fn set(&self, state: u8) {
        let _guard = self.gate.0.lock().unwrap();
        self.state.store(state, Ordering::SeqCst);
        self.gate.1.notify_all();
    }

    /// What every write has to pass.
    fn pass(&self) -> Result<(), StoreError> {
        let guard = self.gate.0.lock().unwrap();
        let _guard = self.gate.1.wait_while(guard, |()| self.state.load(Ordering::SeqCst) == HANGS).unwrap();
        match self.state.load(Ordering::SeqCst) {
            REFUSES => Err(StoreError::Full { file: "waypost.redb".into() }),
            _ => Ok(()),
        }
    }
}

impl Store for Faulty {
    fn load(&self) -> Result<Snapshot, StoreError> {
        self.inner.load()
    }
    fn begin_epoch(&self) -> Result<u64, StoreError> {
        self.inner.begin_epoch()
    }
    fn change_intents(
        &self,
        expected: u64,
        put: Option<Intent>,
        clear: Option<&Scope>,
        event: Event,
    ) -> Result<Changed, StoreError> {
        self.pass()?;
        self.inner.change_intents(expected, put, clear, event)
    }
    fn save_verdicts(&self, verdicts: &[(EndpointKey, String, Verdict)]) -> Result<(), StoreError> {
        self.inner.save_verdicts(verdicts)
    }
    fn save_zones(&self, zones: &[ZoneState], event: Option<Event>) -> Result<Option<Event>, StoreError> {
        self.inner.save_zones(zones, event)
    }
    fn keep_copy(&self, name: &str, text: &str, events: Vec<Event>) -> Result<Vec<Event>, StoreError> {
        self.pass()?;
        self.inner.keep_copy(name, text, events)
    }
    fn copy(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.inner.copy(name)
    }
    fn append(&self, events: &[Event]) -> Result<Vec<u64>, StoreError> {
        self.pass()?;
        self.inner.append(events)
    }
    fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.inner.events(after, limit)
    }
    fn chain(&self) -> Result<ChainState, StoreError> {
        self.inner.chain()
    }
    fn links(&self, after: u64, limit: usize) -> Result<Vec<Link>, StoreError> {
        self.inner.links(after, limit)
    }
    fn first_since(&self, time: Timestamp) -> Result<u64, StoreError> {
        self.inner.first_since(time)
    }
    fn cut(&self, below: u64) -> Result<u64, StoreError> {
        self.pass()?;
        self.inner.cut(below)
    }
    fn put_token(&self, token: Token, secret: &Secret, event: Event) -> Result<Event, StoreError> {
        self.inner.put_token(token, secret, event)
    }
    fn revoke_token(&self, name: &str, event: Event) -> Result<Option<Event>, StoreError> {
        self.inner.revoke_token(name, event)
    }
    fn tokens(&self) -> Vec<Token> {
        self.inner.tokens()
    }
    fn verify_token(&self, presented: &str, now: Timestamp) -> Option<Token> {
        self.inner.verify_token(presented, now)
    }
}

/// Drains a site and journals as the engine does: what comes without an id is the caller's.
async fn drain_and_journal(side: &Side, revision: u64, site: &str) -> Option<Event> {
    let put = drain(site);
    let event = side.event(EventKind::Ordered { intent: put.clone() });
    let change = OrderChange { seen: version(0, revision), put: Some(put), clear: None, event };
    let changed = side.commons.change(change).await.unwrap();
    (changed.event.id == 0).then_some(changed.event)
}

fn copied(store: &Faulty) -> String {
    store.copy("orders").unwrap().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_holds_up_neither_news_nor_changes() {
    let cluster = Cluster::start(1);
    let (fra, disk) = (Side::of(&cluster, "fra-ns1"), Faulty::new());
    let iad = Side::with(&cluster, "iad-ns1", Arc::<Faulty>::clone(&disk));
    disk.set(HANGS);
    let mut seen = version(0, 0);
    for site in ["fra", "nrt"] {
        seen = fra.drain(seen, site).await.unwrap();
        iad.hears_orders(seen).await;
    }
    let own = drain_and_journal(&iad, 2, "iad").await;
    let own = own.expect("the disk has not taken it");
    let made = version(0, 3);
    assert_eq!(sites(&fra.hears_orders(made).await), ["fra", "iad", "nrt"]);
    assert!(iad.journal().is_empty());
    disk.set(WORKS);
    disk.append(&[own]).unwrap();
    let mut journalled = 0;
    iad.hears("of its journal", |news| {
        if let News::Journalled(events) = news {
            journalled += events.len();
        }
        (journalled == 2).then_some(())
    })
    .await;
    let last = fra.drain(made, "syd").await.unwrap();
    iad.hears_orders(last).await;
    iad.hears("of its journal", |news| matches!(news, News::Journalled(_)).then_some(())).await;
    let mut journal = iad.journal();
    journal.sort();
    assert_eq!(journal, ["fra by fra-ns1", "iad by iad-ns1", "nrt by fra-ns1", "syd by fra-ns1"]);
    assert!(copied(&disk).contains("\"revision\":4"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_disk_refuses_is_tried_again_and_journalled_once() {
    let cluster = Cluster::start(1);
    let (fra, disk) = (Side::of(&cluster, "fra-ns1"), Faulty::new());
    let iad = Side::with(&cluster, "iad-ns1", Arc::<Faulty>::clone(&disk));
    disk.set(REFUSES);
    let made = fra.drain(version(0, 0), "fra").await.unwrap();
    let refused = iad.hears("that its disk refuses", |news| match news {
        News::NotKept(events, StoreError::Full { .. }) => Some(events),
        _ => None,
    });
    let mut refused = refused.await;
    assert_eq!((refused.len(), iad.commons.known().version), (1, made));
    refused.extend(drain_and_journal(&iad, 1, "iad").await);
    assert_eq!(refused.len(), 2, "its own too is the caller's");
    disk.set(WORKS);
    disk.append(&refused).unwrap();
    iad.hears("that the copy is kept", |news| match news {
        News::NotKept(events, _) => panic!("{events:?} for a second time"),
        News::Kept => Some(()),
        _ => None,
    })
    .await;
    assert_eq!(iad.journal(), ["fra by fra-ns1", "iad by iad-ns1"]);
    assert!(copied(&disk).contains("\"revision\":2"), "the latest");
    // And on it goes as if nothing had been.
    assert!(drain_and_journal(&iad, 2, "nrt").await.is_none());
    assert_eq!(iad.journal().len(), 3);
}
