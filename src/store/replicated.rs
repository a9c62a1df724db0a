//! The commons of nodes that share an etcd cluster, each with a copy in its own store.
//!
//! What the cluster holds decides, as long as it continues what this node knows: versions never go back, and a history that
//! forked from the known one is refused until an operator accepts it. What was taken over is in this node's copy, so that
//! it starts with it when the cluster is out of reach.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::bounds::DOCUMENT_OCTETS;
use super::commons::{Commons, Comparison, Kept, News, OrderChange, Traffic};
use super::document::{Document, Next};
use super::etcd::{Etcd, Swap, Version, Watch};
use super::following::{Step, read_report};
use super::inbox::Inbox;
use super::keeper::Keeper;
use super::out_of_reach::OutOfReach;
use super::{Changed, Store, StoreError};
use crate::model::{EndpointList, EtcdSettings, Event, NodeReport, OrdersVersion, SharedOrders};

/// The key of the orders, and the name of their copy.
pub(super) const ORDERS: &str = "orders";
/// Where the nodes' reports are.
pub(super) const NODES: &str = "nodes/";
/// Where the lists are that the letters of reports follow.
pub(super) const ENDPOINTS: &str = "endpoints/";
/// The name of the copy that holds the names of the other nodes, as a list.
const NAMES: &str = "nodes";

/// See the module.
pub struct Replicated {
    pub(super) etcd: Etcd,
    keeper: Keeper,
    known: Mutex<Known>,
    /// Changes and adoptions of orders come one after the other.
    pub(super) turn: tokio::sync::Mutex<()>,
    following: tokio::sync::Mutex<Following>,
    pub(super) inbox: Arc<Inbox>,
}

/// What is known of the store.
#[derive(Default)]
pub(super) struct Known {
    orders: Document,
    /// Whether orders were found since the start.
    found: bool,
    /// Why what it holds does not continue what is known.
    went_back: Option<String>,
    /// Whether the orders that it holds could not be taken in.
    pub(super) unread: bool,
    pub(super) nodes: BTreeSet<String>,
    pub(super) lists: HashMap<String, Arc<EndpointList>>,
    /// The keys about which a warning was given.
    pub(super) warned: BTreeSet<String>,
}

/// How far following has come.
struct Following {
    watch: Watch,
    /// What the last notice asks for still.
    steps: VecDeque<Step>,
}

impl Replicated {
    /// The commons over `etcd`, known from the copies in `local`. Orders that cannot be read there are as good as none: the
    /// second value says why.
    #[must_use]
    pub fn new(etcd: Etcd, local: Arc<dyn Store>) -> (Self, Option<StoreError>) {
        let (orders, unread) = match copied(&*local) {
            Ok(document) => (document, None),
            Err(error) => (Document::default(), Some(error)),
        };
        let names = local.copy(NAMES).ok().flatten();
        let nodes = names.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let inbox = Arc::new(Inbox::default());
        let (keeper, started) = Keeper::start(ORDERS, local, Arc::clone(&inbox));
        // Not the lists of endpoints, whose number nothing bounds.
        let watch = etcd.watch_span(NODES, ORDERS);
        let replicated = Self {
            etcd,
            keeper,
            known: Mutex::new(Known { orders, nodes, ..Known::default() }),
            turn: tokio::sync::Mutex::default(),
            following: tokio::sync::Mutex::new(Following { watch, steps: VecDeque::new() }),
            inbox,
        };
        (replicated, unread.or(started.err()))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing panics between two changes that belong together.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn orders(&self) -> Document {
        self.lock().orders.clone()
    }

    /// What the store holds, with the version of the entry; nothing is no orders.
    pub(super) async fn found(&self) -> Result<(Document, Option<Version>), StoreError> {
        match self.etcd.get(ORDERS).await? {
            Some(entry) => Ok((Document::read(ORDERS, &entry.value)?, Some(entry.version))),
            None => Ok((Document::default(), None)),
        }
    }

    /// Holds `found` against what is known, and notes where it went back.
    fn check(&self, found: &Document) -> Result<(), StoreError> {
        let mut known = self.lock();
        let verdict = found.continues(&known.orders);
        let news = match &verdict {
            Err(detail) if known.went_back.as_ref() != Some(detail) => Some(News::WentBack(detail.clone())),
            Ok(()) if known.went_back.is_some() => Some(News::Continues),
            _ => None,
        };
        known.went_back = verdict.as_ref().err().cloned();
        drop(known);
        if let Some(news) = news {
            self.inbox.tell(news);
        }
        verdict.map_err(|detail| StoreError::WentBack { detail })
    }

    /// Takes over what the store holds, if it continues what is known. Only in [`Self::turn`].
    pub(super) fn adopt(&self, found: Document) -> Result<(), StoreError> {
        self.check(&found)?;
        let known = self.orders().version();
        let is_first = !std::mem::replace(&mut self.lock().found, true);
        if found.version() != known {
            let (text, events) = (found.text()?, found.since(known));
            self.inbox.tell(News::Orders(found.shared()));
            self.lock().orders = found;
            self.keeper.keep(text, events);
        } else if is_first {
            self.inbox.tell(News::Orders(found.shared()));
        }
        Ok(())
    }

    /// Puts `text` in the place of the orders at `seen`; `id` is that of the change which it carries.
    async fn swap(&self, seen: Option<Version>, text: &str, id: &str) -> Result<Swap, StoreError> {
        let outcome = self.etcd.swap(ORDERS, seen, text.as_bytes()).await;
        let Err(error) = outcome else { return outcome };
        // It may have been written all the same.
        match self.found().await {
            Ok((found, Some(version))) if found.holds(id) => Ok(Swap::Done(version)),
            _ => Err(error),
        }
    }
}

/// The orders as `local` has them from before.
fn copied(local: &dyn Store) -> Result<Document, StoreError> {
    let text = local.copy(ORDERS)?;
    text.map_or_else(|| Ok(Document::default()), |text| Document::read("the copy of the orders", text.as_bytes()))
}

/// Refuses what etcd would refuse with an error that says nothing.
fn fits(text: &str) -> Result<(), StoreError> {
    if text.len() <= DOCUMENT_OCTETS {
        return Ok(());
    }
    Err(StoreError::TooLarge { octets: text.len(), most: DOCUMENT_OCTETS })
}

#[async_trait]
impl Commons for Replicated {
    fn kind(&self) -> &'static str {
        "etcd"
    }

    fn known(&self) -> SharedOrders {
        self.lock().orders.shared()
    }

    async fn read(&self) -> Result<SharedOrders, StoreError> {
        let _turn = self.turn.lock().await;
        let (found, _) = self.found().await?;
        self.adopt(found)?;
        Ok(self.known())
    }

    async fn change(&self, change: OrderChange) -> Result<Changed, StoreError> {
        let OrderChange { seen, put, clear, event } = change;
        let id = super::secret::random_id()?;
        let turn = self.turn.lock().await;
        let (found, version) = self.found().await?;
        self.check(&found)?;
        let stale = |found: OrdersVersion| StoreError::Conflict { expected: seen.revision, found: found.revision };
        if found.version() != seen {
            let conflict = stale(found.version());
            self.adopt(found)?;
            return Err(conflict);
        }
        let Next { document, intent, event } = found.changed(put, clear.as_ref(), event, id.clone())?;
        let text = document.text()?;
        fits(&text)?;
        if self.swap(version, &text, &id).await? == Swap::Stale {
            let (found, _) = self.found().await?;
            let conflict = stale(found.version());
            self.adopt(found)?;
            return Err(conflict);
        }
        let revision = document.version().revision;
        self.lock().orders = document;
        let kept = self.keeper.keep_own(text, event);
        drop(turn);
        // The order stands, whatever this node's disk says.
        let event = kept.await;
        Ok(Changed { revision, intent, event })
    }

    async fn compare(&self) -> Comparison {
        let found = self.found().await.map(|(found, _)| found);
        let known = self.orders();
        let went_back = found.as_ref().ok().and_then(|found| found.continues(&known).err());
        Comparison { known: known.shared(), found: found.map(|found| found.shared()), went_back }
    }

    async fn accept(
        &self,
        kept: Kept,
        event: &(dyn Fn(OrdersVersion) -> Event + Send + Sync),
    ) -> Result<Option<SharedOrders>, StoreError> {
        let id = super::secret::random_id()?;
        let _turn = self.turn.lock().await;
        let (found, version) = self.found().await?;
        if self.check(&found).is_ok() {
            return Ok(None);
        }
        let known = self.orders();
        let document = match kept {
            Kept::Found => found.accepted(known.version(), event, id.clone()),
            Kept::Known => known.accepted(found.version(), event, id.clone()),
        }?;
        let text = document.text()?;
        fits(&text)?;
        if self.swap(version, &text, &id).await? == Swap::Stale {
            let detail = "it was changed at the same moment; look at it again".to_owned();
            return Err(StoreError::WentBack { detail });
        }
        self.adopt(document)?;
        Ok(Some(self.known()))
    }

    async fn report(&self, report: &NodeReport) -> Result<(), StoreError> {
        let unreadable = |error: serde_json::Error| StoreError::Unreadable { detail: error.to_string() };
        let octets = serde_json::to_vec(report).map_err(unreadable)?;
        self.etcd.put(&format!("{NODES}{}", report.node), &octets).await
    }

    async fn last_report(&self, node: &str) -> Result<Option<NodeReport>, StoreError> {
        let entry = self.etcd.get(&format!("{NODES}{node}")).await?;
        // What cannot be read is as good as nothing: it is about to be overwritten.
        Ok(entry.and_then(|entry| read_report(node, &entry.value).ok()))
    }

    async fn declare(&self, list: &EndpointList) -> Result<(), StoreError> {
        let unreadable = |error: serde_json::Error| StoreError::Unreadable { detail: error.to_string() };
        let octets = serde_json::to_vec(list).map_err(unreadable)?;
        self.etcd.put(&format!("{ENDPOINTS}{}", list.fingerprint()), &octets).await
    }

    async fn retire(&self, fingerprint: &str) -> Result<(), StoreError> {
        let reports = self.etcd.list(NODES).await?;
        let follows = |octets: &[u8]| match serde_json::from_slice::<NodeReport>(octets) {
            Ok(report) => report.endpoints == fingerprint,
            // Who knows.
            Err(_) => true,
        };
        if reports.entries.iter().any(|entry| follows(&entry.value)) {
            return Ok(());
        }
        self.etcd.remove(&format!("{ENDPOINTS}{fingerprint}")).await
    }

    async fn forget(&self, node: &str) -> Result<(), StoreError> {
        self.etcd.remove(&format!("{NODES}{node}")).await
    }

    async fn news(&self) -> News {
        let mut following = self.following.lock().await;
        loop {
            if let Some(news) = self.inbox.next() {
                return news;
            }
            if let Some(step) = following.steps.pop_front() {
                self.take(step).await;
                continue;
            }
            tokio::select! {
                notice = following.watch.next() => following.steps = self.steps(notice).into(),
                () = self.inbox.more() => {}
            }
        }
    }

    fn traffic(&self) -> Traffic {
        let counts = self.etcd.counts();
        Traffic {
            writes: counts.writes,
            written_octets: counts.written_octets,
            reads: counts.reads,
            failures: counts.failures,
            reconnections: counts.reconnections,
        }
    }
}

/// The commons over the etcd cluster that `settings` tell of, with a copy in `local`. Where its files cannot be used, what was
/// known last stands until a restart; the second value says what is wrong.
#[must_use]
pub fn replicated(settings: &EtcdSettings, local: Arc<dyn Store>) -> (Arc<dyn Commons>, Option<StoreError>) {
    match Etcd::new(settings) {
        Ok(etcd) => {
            let (replicated, trouble) = Replicated::new(etcd, local);
            (Arc::new(replicated), trouble)
        }
        Err(error) => {
            let known = copied(&*local).unwrap_or_default().shared();
            (Arc::new(OutOfReach { known, detail: error.to_string() }), Some(error))
        }
    }
}
