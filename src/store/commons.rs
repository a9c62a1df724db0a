//! What a node shares with others: the standing orders, and what each node says of the world.
//!
//! [`Commons`] has two implementations: [`Alone`], for a node whose own store is all there is, and [`Replicated`], for
//! nodes that share an etcd cluster.
//!
//! [`Replicated`]: super::Replicated

use std::sync::Arc;

use async_trait::async_trait;

use super::{Changed, Store, StoreError};
use crate::model::{EndpointList, Event, Intent, NodeReport, OrdersVersion, Scope, SharedOrders};

/// A change of the orders, all of it or nothing.
#[derive(Clone, Debug)]
pub struct OrderChange {
    /// The orders that it was decided on; it is refused where others stand.
    pub seen: OrdersVersion,
    /// The order that is put.
    pub put: Option<Intent>,
    /// The scope whose order is taken out before.
    pub clear: Option<Scope>,
    /// What is journalled of it.
    pub event: Event,
}

/// What of two histories of orders is gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// What the store holds.
    Found,
    /// What this node knows.
    Known,
}

impl Kept {
    /// The word of the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Known => "known",
        }
    }
}

/// What the store holds, beside what this node knows.
#[derive(Debug)]
pub struct Comparison {
    /// The orders that this node knows.
    pub known: SharedOrders,
    /// Those that the store holds, or why they cannot be had.
    pub found: Result<SharedOrders, StoreError>,
    /// Why they do not continue what is known.
    pub went_back: Option<String>,
}

/// What happened in the store.
#[derive(Debug)]
pub enum News {
    /// Other orders stand; told once besides when they were found for the first time since the start, even if they are known
    /// or there are none.
    Orders(SharedOrders),
    /// Changes by other nodes are in this node's journal.
    Journalled(Vec<Event>),
    /// Changes by other nodes could not be put into this node's journal, nor the orders into its copy.
    NotKept(Vec<Event>, StoreError),
    /// After that: the orders are in this node's copy again.
    Kept,
    /// A node spoke. The list is that which its letters follow.
    Report(Box<NodeReport>, Arc<EndpointList>),
    /// The record of a node was removed.
    Gone(String),
    /// It holds orders that do not continue those that are known, which stand.
    WentBack(String),
    /// It does again.
    Continues,
    /// It cannot be followed for now, or holds orders that cannot be read.
    Trouble(StoreError),
    /// All that it holds was taken in; after trouble: that is over.
    Follows,
}

/// How much was asked of the store that the nodes share, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Writes, tried.
    pub writes: u64,
    /// Octets of keys and values in them.
    pub written_octets: u64,
    /// Reads, tried.
    pub reads: u64,
    /// Calls that no member answered as it should.
    pub failures: u64,
    /// Times that the store had to be followed anew.
    pub reconnections: u64,
}

/// What a node shares with others.
#[async_trait]
pub trait Commons: Send + Sync + 'static {
    /// `embedded` or `etcd`.
    fn kind(&self) -> &'static str;

    /// The orders that are known, without asking anyone.
    fn known(&self) -> SharedOrders;

    /// The orders that the store holds now.
    ///
    /// # Errors
    /// If it cannot be read; [`StoreError::WentBack`] where it does not continue what is known.
    async fn read(&self) -> Result<SharedOrders, StoreError>;

    /// Changes the orders; durable when this returns. Where this node's own disk does not journal the event in time, it has
    /// no id, and is the caller's to journal.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if others stand than were seen; [`StoreError::WentBack`]; otherwise if the store does not
    /// acknowledge it in time: then the change may have been made.
    async fn change(&self, change: OrderChange) -> Result<Changed, StoreError>;

    /// What is known and what the store holds, side by side.
    async fn compare(&self) -> Comparison;

    /// Goes on with a store that went back, with the orders that `kept` says; `None` where it did not go back. `event` gives
    /// what is journalled, for the version that stands from then on.
    ///
    /// # Errors
    /// If it cannot be read or written.
    async fn accept(
        &self,
        kept: Kept,
        event: &(dyn Fn(OrdersVersion) -> Event + Send + Sync),
    ) -> Result<Option<SharedOrders>, StoreError>;

    /// Tells the others what this node says.
    ///
    /// # Errors
    /// If a majority of the store has not acknowledged it in time.
    async fn report(&self, report: &NodeReport) -> Result<(), StoreError>;

    /// What a node said last, as the store holds it.
    ///
    /// # Errors
    /// If it cannot be read.
    async fn last_report(&self, node: &str) -> Result<Option<NodeReport>, StoreError>;

    /// Tells the others which list the letters of this node's reports follow.
    ///
    /// # Errors
    /// As for [`Commons::report`].
    async fn declare(&self, list: &EndpointList) -> Result<(), StoreError>;

    /// Takes out the list called `fingerprint`, unless the letters of any node's report follow it.
    ///
    /// # Errors
    /// If the reports cannot be read, or as for [`Commons::report`].
    async fn retire(&self, fingerprint: &str) -> Result<(), StoreError>;

    /// Takes out the record of a node that is there no more.
    ///
    /// # Errors
    /// As for [`Commons::report`].
    async fn forget(&self, node: &str) -> Result<(), StoreError>;

    /// Waits for news. One caller at a time, who waits until some come: what was being taken in would be lost otherwise.
    async fn news(&self) -> News;

    /// How much was asked of the store.
    fn traffic(&self) -> Traffic;
}

/// The commons of a node that shares with nobody: its own store.
pub struct Alone(pub Arc<dyn Store>);

impl Alone {
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(&self.0);
        let ended = |error: tokio::task::JoinError| StoreError::Io { file: "orders".into(), detail: error.to_string() };
        tokio::task::spawn_blocking(move || work(&*store)).await.map_err(ended)?
    }
}

#[async_trait]
impl Commons for Alone {
    fn kind(&self) -> &'static str {
        "embedded"
    }

    fn known(&self) -> SharedOrders {
        self.0.load().map(|snapshot| of_revision(snapshot.revision, snapshot.intents)).unwrap_or_default()
    }

    async fn read(&self) -> Result<SharedOrders, StoreError> {
        let snapshot = self.blocking(|store| store.load()).await?;
        Ok(of_revision(snapshot.revision, snapshot.intents))
    }

    async fn change(&self, change: OrderChange) -> Result<Changed, StoreError> {
        let OrderChange { seen, put, clear, event } = change;
        self.blocking(move |store| store.change_intents(seen.revision, put, clear.as_ref(), event)).await
    }

    async fn compare(&self) -> Comparison {
        let found = self.read().await;
        let known = found.as_ref().cloned().unwrap_or_default();
        Comparison { known, found, went_back: None }
    }

    async fn accept(
        &self,
        _: Kept,
        _: &(dyn Fn(OrdersVersion) -> Event + Send + Sync),
    ) -> Result<Option<SharedOrders>, StoreError> {
        Ok(None)
    }

    async fn report(&self, _: &NodeReport) -> Result<(), StoreError> {
        Ok(())
    }

    async fn last_report(&self, _: &str) -> Result<Option<NodeReport>, StoreError> {
        Ok(None)
    }

    async fn declare(&self, _: &EndpointList) -> Result<(), StoreError> {
        Ok(())
    }

    async fn retire(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn forget(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn news(&self) -> News {
        std::future::pending().await
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

fn of_revision(revision: u64, intents: Vec<Intent>) -> SharedOrders {
    SharedOrders { version: OrdersVersion { epoch: 0, revision }, intents, changes: Vec::new() }
}
