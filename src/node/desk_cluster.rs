//! The desk among other desks: who has acknowledged an order, and the store that the nodes share.

use std::time::Duration;

use tokio::time::Instant;

use super::cluster_status::{Acknowledgements, Heard, View, acknowledgements, cluster_status};
use super::desk::Desk;
use super::desk_orders::store_problem;
use super::engine::Message;
use super::orders::{Done, Effect};
use super::peers::ClusterView;
use crate::admin::api::{ClusterStatus, StoreAccept, StoreAccepted, StoreStatus};
use crate::admin::{Caller, Problem, ProblemKind, words};
use crate::model::{EventKind, Mono, OrdersVersion, Reach, SharedOrders};
use crate::store::{Comparison, Kept};

/// How long an order waits for the other nodes to follow it before it says who is missing.
const ACKNOWLEDGE: Duration = Duration::from_secs(2);
/// Between two looks at who follows.
const LOOK: Duration = Duration::from_millis(20);

impl ClusterView {
    /// How the nodes stand together at `now`, by the node's monotonic clock.
    pub(super) fn status(&self, now: Mono) -> ClusterStatus {
        let mut heard = Vec::with_capacity(self.others.len());
        let mut silent = Vec::new();
        for (name, other) in &self.others {
            match &other.last {
                Some((report, _, at)) => heard.push(Heard { report, age: now.since(*at) }),
                None => silent.push(name.clone()),
            }
        }
        cluster_status(&View {
            own: &self.own,
            others: &heard,
            silent: &silent,
            connection: self.own.connection,
            since: self.since,
            went_back: self.went_back.as_deref(),
        })
    }
}

impl Desk {
    /// How the nodes stand together; `None` for a node that shares with nobody.
    fn cluster(&self) -> Option<ClusterStatus> {
        self.picture.load().cluster.as_ref().map(|view| view.status(self.clock.mono()))
    }

    /// Who follows what was done.
    pub(super) async fn acknowledged(&self, done: &Done) -> Acknowledgements {
        match done.effect {
            Effect::Rehearsed => Acknowledgements::default(),
            _ if done.reach == Reach::ThisNode => self.this_node(),
            Effect::Changed | Effect::Unchanged => self.acknowledgements(done.version).await,
        }
    }

    fn this_node(&self) -> Acknowledgements {
        let by = vec![self.picture.load().settings.node.name.clone()];
        Acknowledgements { by, missing: Vec::new() }
    }

    /// Who follows the orders `version`, once all do who can be expected to, or after a while.
    async fn acknowledgements(&self, version: OrdersVersion) -> Acknowledgements {
        let end = Instant::now() + ACKNOWLEDGE;
        loop {
            let Some(cluster) = self.cluster() else { return self.this_node() };
            let found = acknowledgements(&cluster, version);
            // Nobody waits for those that have not been heard of.
            let may_come = |name: &str| cluster.nodes.iter().any(|node| node.name == name && node.fresh);
            let is_complete = !found.missing.iter().any(|missing| may_come(&missing.name));
            if is_complete || Instant::now() >= end {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What is known of the orders and what the store holds.
    pub(super) async fn compare_store(&self) -> StoreStatus {
        let Comparison { known, found, went_back } = self.commons.compare().await;
        let trouble = match (&found, &went_back) {
            (Err(error), _) => Some(format!("{error}; {}", error.remedy())),
            (Ok(_), Some(detail)) => Some(detail.clone()),
            _ => None,
        };
        let found = found.ok();
        StoreStatus {
            schema: StoreStatus::SCHEMA.to_owned(),
            kind: self.commons.kind().to_owned(),
            known: known.version,
            known_orders: listed(&known),
            found: found.as_ref().map(|found| found.version),
            found_orders: found.as_ref().map(listed).unwrap_or_default(),
            went_back: went_back.is_some(),
            trouble,
        }
    }

    /// Goes on with a store that went back.
    pub(super) async fn go_on_with_store(
        &self,
        request: StoreAccept,
        caller: Caller,
    ) -> Result<StoreAccepted, Problem> {
        let kept = if request.keep_known { Kept::Known } else { Kept::Found };
        let event = |orders| {
            let kind = EventKind::StoreAccepted { by: caller.name.clone(), orders, kept: kept.as_str().to_owned() };
            self.journal.event(kind)
        };
        let accepted = self.commons.accept(kept, &event).await.map_err(|error| store_problem(&error))?;
        let changed = accepted.is_some();
        let orders = accepted.unwrap_or_else(|| self.commons.known());
        if changed {
            // The engine hears of it from the store as well; whoever looks right after this sees it.
            let _ = self.engine.send(Message::Resync(Ok(orders.clone()))).await;
        }
        Ok(StoreAccepted { schema: StoreAccepted::SCHEMA.to_owned(), changed, orders: orders.version })
    }

    /// Takes a node out of the cluster that is there no more.
    pub(super) async fn forget_peer(&self, name: String, caller: Caller) -> Result<(), Problem> {
        let nodes = self.cluster().map(|cluster| cluster.nodes).unwrap_or_default();
        let Some(node) = nodes.iter().find(|node| node.name == name) else {
            let names = nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
            let problem = Problem::new(ProblemKind::NotFound, format!("there is no node '{name}'"));
            return Err(problem.with_remedy(format!("the nodes are {names}")));
        };
        if node.is_this || node.fresh {
            let problem =
                Problem::new(ProblemKind::Refused, format!("{name} is heard of: it would be known again at once"));
            return Err(problem.with_remedy("stop the node first, and wait until its votes no longer count"));
        }
        self.commons.forget(&name).await.map_err(|error| store_problem(&error))?;
        let detail = format!("taken out of the cluster by {}", caller.name);
        self.journal.record(EventKind::PeerLost { peer: name, detail });
        Ok(())
    }
}

fn listed(orders: &SharedOrders) -> Vec<String> {
    orders.intents.iter().map(words::listed_order).collect()
}
