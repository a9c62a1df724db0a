//! The commons of nodes that share an etcd cluster, each with a copy in its own store.
//!
//! What the cluster holds decides, as long as it continues what this node knows: versions never go back, and a history that
//! forked from the known one is refused until an operator accepts it. What was taken over is in this node's copy, so that
//! it starts with it when the cluster is out of reach.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::bounds::{DOCUMENT_OCTETS, LISTS_KEPT};
use super::commons::{Commons, Comparison, Kept, News, OrderChange, Traffic};
use super::document::{Document, Next};
use super::etcd::{Entry, Etcd, Listing, Notice, Swap, Version, Watch};
use super::out_of_reach::OutOfReach;
use super::{Changed, Store, StoreError};
use crate::model::{EndpointList, EtcdSettings, Event, NodeReport, OrdersVersion, SharedOrders};

/// The key of the orders, and the name of their copy.
const ORDERS: &str = "orders";
/// Where the nodes' reports are.
const NODES: &str = "nodes/";
/// Where the lists are that the letters of reports follow.
const ENDPOINTS: &str = "endpoints/";

/// See the module.
pub struct Replicated {
    etcd: Etcd,
    local: Arc<dyn Store>,
    known: Mutex<Known>,
    /// Changes and adoptions of orders come one after the other.
    turn: tokio::sync::Mutex<()>,
    watch: tokio::sync::Mutex<Watch>,
    /// News that nobody has taken yet.
    pending: Mutex<VecDeque<News>>,
    more: Notify,
}

/// What is known of the store.
#[derive(Default)]
struct Known {
    orders: Document,
    /// Why what it holds does not continue that.
    went_back: Option<String>,
    nodes: BTreeSet<String>,
    lists: HashMap<String, Arc<EndpointList>>,
}

impl Replicated {
    /// The commons over `etcd`, known from the copy in `local`. A copy that cannot be read is as good as none: the second
    /// value says why.
    #[must_use]
    pub fn new(etcd: Etcd, local: Arc<dyn Store>) -> (Self, Option<StoreError>) {
        let (orders, trouble) = match copied(&*local) {
            Ok(document) => (document, None),
            Err(error) => (Document::default(), Some(error)),
        };
        let replicated = Self {
            watch: tokio::sync::Mutex::new(etcd.watch("")),
            etcd,
            local,
            known: Mutex::new(Known { orders, ..Known::default() }),
            turn: tokio::sync::Mutex::default(),
            pending: Mutex::default(),
            more: Notify::new(),
        };
        (replicated, trouble)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing panics between two changes that belong together.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn orders(&self) -> Document {
        self.lock().orders.clone()
    }

    fn tell(&self, news: News) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).push_back(news);
        self.more.notify_one();
    }

    /// What the store holds, with the version of the entry; nothing is no orders.
    async fn found(&self) -> Result<(Document, Option<Version>), StoreError> {
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
            self.tell(news);
        }
        verdict.map_err(|detail| StoreError::WentBack { detail })
    }

    /// Takes over what the store holds, if it continues what is known. Only in [`Self::turn`].
    async fn adopt(&self, found: Document) -> Result<(), StoreError> {
        self.check(&found)?;
        let known = self.orders().version();
        if found.version() == known {
            return Ok(());
        }
        let (text, events) = (found.text()?, found.since(known));
        self.tell(News::Orders(found.shared()));
        self.lock().orders = found;
        let news = match self.keep(text, events.clone()).await {
            Ok(kept) if kept.is_empty() => return Ok(()),
            Ok(kept) => News::Journalled(kept),
            Err(error) => News::NotKept(events, error),
        };
        self.tell(news);
        Ok(())
    }

    /// Puts the orders into this node's copy and the events into its journal.
    async fn keep(&self, text: String, events: Vec<Event>) -> Result<Vec<Event>, StoreError> {
        let local = Arc::clone(&self.local);
        let ended = |error: tokio::task::JoinError| StoreError::Io { file: ORDERS.into(), detail: error.to_string() };
        tokio::task::spawn_blocking(move || local.keep_copy(ORDERS, &text, events)).await.map_err(ended)?
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

    async fn take(&self, notice: Notice) {
        match notice {
            Notice::All(listing) => self.take_all(listing).await,
            Notice::Put(entry) => self.take_entry(entry).await,
            Notice::Gone(key) => match key.strip_prefix(NODES) {
                Some(node) => {
                    self.lock().nodes.remove(node);
                    self.tell(News::Gone(node.to_owned()));
                }
                None if key == ORDERS => self.take_orders(Ok(Document::default())).await,
                None => {}
            },
            Notice::Trouble(error) => self.tell(News::Trouble(error)),
        }
    }

    async fn take_all(&self, listing: Listing) {
        let holds_orders = listing.entries.iter().any(|entry| entry.key == ORDERS);
        let named = listing.entries.iter().filter_map(|entry| entry.key.strip_prefix(NODES).map(str::to_owned));
        let named: BTreeSet<String> = named.collect();
        let gone: Vec<String> = self.lock().nodes.difference(&named).cloned().collect();
        // Lists before the reports that follow them.
        let (lists, others): (Vec<Entry>, Vec<Entry>) =
            listing.entries.into_iter().partition(|entry| entry.key.starts_with(ENDPOINTS));
        for entry in lists.into_iter().chain(others) {
            self.take_entry(entry).await;
        }
        for node in gone {
            self.lock().nodes.remove(&node);
            self.tell(News::Gone(node));
        }
        if !holds_orders {
            self.take_orders(Ok(Document::default())).await;
        }
    }

    async fn take_entry(&self, entry: Entry) {
        if entry.key == ORDERS {
            return self.take_orders(Document::read(ORDERS, &entry.value)).await;
        }
        if let Some(node) = entry.key.strip_prefix(NODES) {
            match serde_json::from_slice::<NodeReport>(&entry.value) {
                Ok(report) if report.node == node => self.take_report(report).await,
                Ok(report) => tracing::warn!(key = node, says = report.node, "a node's report is under another name"),
                // Of a version to come, or damaged: the others go on without its votes.
                Err(error) => tracing::warn!(node, %error, "the report of a node cannot be read"),
            }
        } else if let Some(fingerprint) = entry.key.strip_prefix(ENDPOINTS) {
            self.take_list(fingerprint, &entry.value);
        }
    }

    async fn take_orders(&self, found: Result<Document, StoreError>) {
        let _turn = self.turn.lock().await;
        let taken = match found {
            Ok(found) => self.adopt(found).await,
            Err(error) => Err(error),
        };
        match taken {
            // Told already.
            Ok(()) | Err(StoreError::WentBack { .. }) => {}
            Err(error) => self.tell(News::Trouble(error)),
        }
    }

    async fn take_report(&self, report: NodeReport) {
        self.lock().nodes.insert(report.node.clone());
        let known = self.lock().lists.get(&report.endpoints).cloned();
        let list = match known {
            Some(list) => Some(list),
            None => match self.etcd.get(&format!("{ENDPOINTS}{}", report.endpoints)).await {
                Ok(Some(entry)) => self.take_list(&report.endpoints, &entry.value),
                // It comes again in two seconds.
                Ok(None) | Err(_) => None,
            },
        };
        if let Some(list) = list {
            self.tell(News::Report(Box::new(report), list));
        }
    }

    fn take_list(&self, fingerprint: &str, octets: &[u8]) -> Option<Arc<EndpointList>> {
        let list: EndpointList = serde_json::from_slice(octets).ok()?;
        if list.fingerprint() != fingerprint {
            tracing::warn!(fingerprint, "a list of endpoints is not the one that its name says");
            return None;
        }
        let list = Arc::new(list);
        let mut known = self.lock();
        if known.lists.len() >= LISTS_KEPT {
            known.lists.clear();
        }
        known.lists.insert(fingerprint.to_owned(), Arc::clone(&list));
        Some(list)
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
    let detail = format!("the orders would take {} octets; at most {DOCUMENT_OCTETS} are kept", text.len());
    Err(StoreError::Unreadable { detail })
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
        self.adopt(found).await?;
        Ok(self.known())
    }

    async fn change(&self, change: OrderChange) -> Result<Changed, StoreError> {
        let OrderChange { seen, put, clear, event } = change;
        let id = super::secret::random_id()?;
        let _turn = self.turn.lock().await;
        let (found, version) = self.found().await?;
        self.check(&found)?;
        let stale = |found: OrdersVersion| StoreError::Conflict { expected: seen.revision, found: found.revision };
        if found.version() != seen {
            let conflict = stale(found.version());
            self.adopt(found).await?;
            return Err(conflict);
        }
        let Next { document, intent, event } = found.changed(put, clear.as_ref(), event, id.clone())?;
        let text = document.text()?;
        fits(&text)?;
        if self.swap(version, &text, &id).await? == Swap::Stale {
            let (found, _) = self.found().await?;
            let conflict = stale(found.version());
            self.adopt(found).await?;
            return Err(conflict);
        }
        let revision = document.version().revision;
        self.lock().orders = document;
        // The order stands, whatever this node's disk says; without an id the journal tries again.
        let kept = self.keep(text, vec![event.clone()]).await;
        let kept = kept.inspect_err(|error| tracing::warn!(%error, "the copy of the orders was not kept"));
        let event = kept.ok().and_then(|mut events| events.pop()).unwrap_or(event);
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
        self.adopt(document).await?;
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
        Ok(entry.and_then(|entry| serde_json::from_slice(&entry.value).ok()))
    }

    async fn declare(&self, list: &EndpointList) -> Result<(), StoreError> {
        let unreadable = |error: serde_json::Error| StoreError::Unreadable { detail: error.to_string() };
        let octets = serde_json::to_vec(list).map_err(unreadable)?;
        self.etcd.put(&format!("{ENDPOINTS}{}", list.fingerprint()), &octets).await
    }

    async fn forget(&self, node: &str) -> Result<(), StoreError> {
        self.etcd.remove(&format!("{NODES}{node}")).await
    }

    async fn news(&self) -> News {
        loop {
            let next = self.pending.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            if let Some(news) = next {
                return news;
            }
            let mut watch = self.watch.lock().await;
            tokio::select! {
                notice = watch.next() => self.take(notice).await,
                () = self.more.notified() => {}
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
