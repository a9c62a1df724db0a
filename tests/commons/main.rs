//! What nodes share through a real etcd: orders by compare-and-swap, histories that may not go back, versions side by side.
//!
//! | file | what it proves |
//! | --- | --- |
//! | `orders.rs` | of two changes one is refused; every node has every change once, in its journal and in its copy |
//! | `history.rs` | a store that was restored, emptied or replaced is not followed until an operator accepts it |
//! | `lists.rs` | lists of endpoints that nobody uses harm nobody and go; reports and orders that cannot be read are told of |
//! | `disk.rs` | a disk that hangs or refuses holds up neither news nor changes, and the journal has each once |
//! | `start.rs` | a node that starts hears that it follows, and who left meanwhile |
//! | `versions.rs` | an earlier and a later version beside this one are understood, and lose nothing |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "../failover/patience.rs"]
mod patience;
#[path = "../failover/ports.rs"]
mod ports;

mod disk;
mod history;
mod lists;
#[allow(dead_code)]
#[path = "../etcd/member.rs"]
mod member;
mod orders;
mod start;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use waypost::model::{
    Event, EventKind, Intent, IntentKind, Lifetime, OrdersVersion, Reach, Scope, Share, SharedOrders,
};
use waypost::store::{Commons, Memory, News, OrderChange, Store, StoreError, replicated};

use member::Cluster;

/// As long as anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node's side of the store, without the node.
struct Side {
    name: &'static str,
    local: Arc<dyn Store>,
    commons: Arc<dyn Commons>,
}

impl Side {
    fn of(cluster: &Cluster, name: &'static str) -> Self {
        Self::with(cluster, name, Arc::new(Memory::new()))
    }

    /// As after a restart, where `local` is from before.
    fn with(cluster: &Cluster, name: &'static str, local: Arc<dyn Store>) -> Self {
        let (commons, trouble) = replicated(&cluster.settings(), Arc::clone(&local));
        assert!(trouble.is_none(), "{trouble:?}");
        Self { name, local, commons }
    }

    fn event(&self, kind: EventKind) -> Event {
        Event { id: 0, time: Timestamp::UNIX_EPOCH, node: self.name.to_owned(), kind }
    }

    /// Drains `site` on the grounds of the orders at `seen`.
    async fn drain(&self, seen: OrdersVersion, site: &str) -> Result<OrdersVersion, StoreError> {
        let put = drain(site);
        let event = self.event(EventKind::Ordered { intent: put.clone() });
        let change = OrderChange { seen, put: Some(put), clear: None, event };
        let changed = self.commons.change(change).await?;
        assert!(changed.event.id > 0, "it is in the journal of who made it");
        Ok(OrdersVersion { revision: changed.revision, ..seen })
    }

    /// What `wanted` makes of the news that come, at last.
    async fn hears<T>(&self, what: &str, mut wanted: impl FnMut(News) -> Option<T>) -> T {
        let heard = async {
            loop {
                if let Some(found) = wanted(self.commons.news().await) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.unwrap_or_else(|_| panic!("{} never hears {what}", self.name))
    }

    async fn hears_orders(&self, version: OrdersVersion) -> SharedOrders {
        let is_it = |news| match news {
            News::Orders(orders) if orders.version >= version => Some(orders),
            _ => None,
        };
        self.hears("of the orders", is_it).await
    }

    /// The scopes of the orders in the order of its journal.
    fn journal(&self) -> Vec<String> {
        let events = self.local.events(0, 1_000).unwrap().into_iter();
        let told = events.map(|event| match event.kind {
            EventKind::Ordered { intent } => format!("{} by {}", intent.scope, event.node),
            kind => format!("{kind:?}"),
        });
        told.collect()
    }
}

fn drain(site: &str) -> Intent {
    Intent {
        scope: Scope { site: site.to_owned(), service: None },
        kind: IntentKind::Drain { share: Share::ALL },
        by: "alice".to_owned(),
        reason: "new power supply".to_owned(),
        since: Timestamp::UNIX_EPOCH,
        lifetime: Lifetime::UntilCleared,
        revision: 0,
        forced: false,
        reach: Reach::Everywhere,
        schedule: None,
        drill: None,
    }
}

fn version(epoch: u64, revision: u64) -> OrdersVersion {
    OrdersVersion { epoch, revision }
}

fn sites(orders: &SharedOrders) -> Vec<&str> {
    orders.intents.iter().map(|intent| intent.scope.site.as_str()).collect()
}
