//! What was heard of another node: what it said last, and since when it follows which orders.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::{EndpointList, Mono, NodeReport, OrdersVersion};

/// Versions that are remembered of a node. Beyond that an old order counts as followed a little later than it was.
const REMEMBERED: usize = 16;

/// A node that is known.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The number of the report that was found first: it may be from long ago, and counts only for telling a later one.
    pub(super) first: Option<(u64, u64)>,
    /// What it said last; `None` since this node's start.
    pub last: Option<(Arc<NodeReport>, Arc<EndpointList>, Mono)>,
    /// Since when it follows which orders.
    pub followed: Followed,
    /// Whether its silence was told of.
    pub(super) missed: bool,
}

impl Heard {
    /// A node of which the name is known and nothing else.
    pub(super) fn unheard() -> Self {
        Self { first: None, last: None, followed: Followed::default(), missed: true }
    }

    /// It said something.
    pub(super) fn hear(&mut self, report: Arc<NodeReport>, list: Arc<EndpointList>, now: Mono) {
        self.first = Some(report.sequence);
        self.followed.note(report.orders, now);
        self.last = Some((report, list, now));
        self.missed = false;
    }
}

/// Since when a node follows which orders, by what it reported.
#[derive(Clone, Debug, Default)]
pub struct Followed(VecDeque<(OrdersVersion, Mono)>);

impl Followed {
    /// It said at `now` that it follows `version`.
    pub fn note(&mut self, version: OrdersVersion, now: Mono) {
        // Where it went back, it does not follow what it followed before.
        self.0.retain(|(known, _)| *known <= version);
        if self.0.back().is_some_and(|(known, _)| *known == version) {
            return;
        }
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((version, now));
    }

    /// When it was heard first that it follows `version` or a later one.
    #[must_use]
    pub fn since(&self, version: OrdersVersion) -> Option<Mono> {
        self.0.iter().find(|(known, _)| *known >= version).map(|(_, at)| *at)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Connection, Generation};

    /// What a node that is well says of itself.
    pub(in super::super) fn report(node: &str) -> NodeReport {
        NodeReport {
            node: node.into(),
            version: "0.1.0".into(),
            started: None,
            site: Some("fra".into()),
            failure_domain: Some("isp-a".into()),
            sequence: (1, 7),
            endpoints: "e".into(),
            verdicts: "uu".into(),
            agreed: "uu".into(),
            suspects: vec![],
            orders: OrdersVersion { epoch: 3, revision: 17 },
            generation: Generation { epoch: 1, sequence: 4 },
            plan: "77ab".into(),
            connection: Connection::Connected,
            local_orders: vec![],
            failing_targets: vec![],
        }
    }

    #[test]
    fn what_was_said_first_counts_unless_it_was_taken_back() {
        let at = |seconds| Mono::START.after(Duration::from_secs(seconds));
        let version = |revision| OrdersVersion { epoch: 1, revision };
        let mut followed = Followed::default();
        assert_eq!(followed.since(version(0)), None);
        for (revision, second) in [(3, 1), (4, 2), (4, 3), (7, 4)] {
            followed.note(version(revision), at(second));
        }
        let since = |followed: &Followed| [3, 4, 5, 7, 8].map(|revision| followed.since(version(revision)));
        assert_eq!(since(&followed), [Some(at(1)), Some(at(2)), Some(at(4)), Some(at(4)), None]);
        followed.note(version(4), at(5));
        assert_eq!(since(&followed), [Some(at(1)), Some(at(2)), None, None, None]);
        for revision in 10..60 {
            followed.note(version(revision), at(revision));
        }
        assert_eq!(followed.0.len(), REMEMBERED);
        assert!(followed.since(version(3)) > Some(at(1)), "never earlier than it was");
    }
}
