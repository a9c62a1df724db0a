//! The orders that stand at a node: those that all nodes follow, and over them those of this node alone.
//!
//! What lies under an order of this node alone goes on standing unseen, with its own end, so that it is there when that order
//! ends, however it ends.

use std::sync::Arc;

use super::picture::StandingOrder;
use crate::model::{Intent, Reach, Scope};

/// See the module. At most one order of each reach stands for a scope.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    shared: Vec<StandingOrder>,
    own: Vec<StandingOrder>,
}

impl Standing {
    /// The orders that answers follow.
    #[must_use]
    pub fn effective(&self) -> Arc<[StandingOrder]> {
        let is_covered = |order: &&StandingOrder| self.own.iter().any(|own| own.intent.scope == order.intent.scope);
        self.shared.iter().filter(|order| !is_covered(order)).chain(&self.own).cloned().collect()
    }

    /// All of them, also those that others lie over.
    pub fn all(&self) -> impl Iterator<Item = &StandingOrder> {
        self.shared.iter().chain(&self.own)
    }

    /// Those that all nodes follow, or this node alone.
    #[must_use]
    pub fn of(&self, reach: Reach) -> &[StandingOrder] {
        match reach {
            Reach::Everywhere => &self.shared,
            Reach::ThisNode => &self.own,
        }
    }

    fn of_mut(&mut self, reach: Reach) -> &mut Vec<StandingOrder> {
        match reach {
            Reach::Everywhere => &mut self.shared,
            Reach::ThisNode => &mut self.own,
        }
    }

    /// The order that `intent` is, as it stands.
    #[must_use]
    pub fn same(&self, intent: &Intent) -> Option<&StandingOrder> {
        self.of(intent.reach).iter().find(|order| order.intent.is_same_order(intent))
    }

    /// Puts `order` in the place of the one of its scope.
    pub fn put(&mut self, order: StandingOrder) {
        let (reach, scope) = (order.intent.reach, order.intent.scope.clone());
        self.take_out(reach, &scope);
        self.of_mut(reach).push(order);
    }

    /// Takes the order of `scope` out.
    pub fn take_out(&mut self, reach: Reach, scope: &Scope) {
        self.of_mut(reach).retain(|order| order.intent.scope != *scope);
    }

    /// Puts `orders` in the place of all that all nodes follow.
    pub fn replace_shared(&mut self, orders: Vec<StandingOrder>) {
        self.shared = orders;
    }

    /// Takes out those that are `over`, and gives what they were.
    pub fn take_out_if(&mut self, over: impl Fn(&StandingOrder) -> bool) -> Vec<Intent> {
        let gone = self.all().filter(|order| over(order)).map(|order| order.intent.clone()).collect();
        self.shared.retain(|order| !over(order));
        self.own.retain(|order| !over(order));
        gone
    }

    /// Changes the order that `intent` is, where it stands.
    pub fn change(&mut self, intent: &Intent, change: impl Fn(StandingOrder) -> StandingOrder) {
        let same = self.of_mut(intent.reach).iter_mut().find(|order| order.intent.is_same_order(intent));
        if let Some(order) = same {
            *order = change(order.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{IntentKind, Lifetime, Mono, Share};

    fn order(site: &str, by: &str, reach: Reach, kind: IntentKind) -> StandingOrder {
        let intent = Intent {
            scope: Scope { site: site.into(), service: None },
            kind,
            by: by.into(),
            reason: String::new(),
            since: Timestamp::UNIX_EPOCH,
            lifetime: Lifetime::UntilCleared,
            revision: 1,
            forced: false,
            reach,
            schedule: None,
            drill: None,
        };
        StandingOrder { intent, deadline: None, due: None, held: None }
    }

    const DRAIN: IntentKind = IntentKind::Drain { share: Share::ALL };

    fn followed(standing: &Standing) -> Vec<String> {
        standing.effective().iter().map(|order| format!("{} {}", order.intent.kind.as_str(), order.intent.by)).collect()
    }

    #[test]
    fn what_lies_under_an_order_of_this_node_is_there_when_that_ends() {
        let mut standing = Standing::default();
        standing.put(order("fra", "all", Reach::Everywhere, IntentKind::Isolate));
        standing.put(order("iad", "all", Reach::Everywhere, DRAIN));
        standing.put(order("fra", "here", Reach::ThisNode, DRAIN));
        assert_eq!(followed(&standing), ["drain all", "drain here"]);
        assert_eq!(standing.all().count(), 3);
        let lifted = Scope { site: "fra".into(), service: None };
        let mut again = standing.clone();
        again.take_out(Reach::ThisNode, &lifted);
        assert_eq!(followed(&again), ["isolate all", "drain all"]);
        // The same where it ends by itself.
        let ended = standing.take_out_if(|order| order.intent.by == "here");
        assert_eq!(ended.len(), 1);
        assert_eq!(followed(&standing), ["isolate all", "drain all"]);
    }

    #[test]
    fn an_order_ends_unseen_under_another() {
        let mut standing = Standing::default();
        let shared = order("fra", "all", Reach::Everywhere, IntentKind::Isolate);
        standing.put(StandingOrder { deadline: Some(Mono::from_millis(10)), ..shared });
        standing.put(order("fra", "here", Reach::ThisNode, DRAIN));
        let ended = standing.take_out_if(|order| order.is_over(Mono::from_millis(20)));
        assert_eq!(ended[0].by, "all");
        assert_eq!(followed(&standing), ["drain here"]);
    }

    #[test]
    fn one_order_of_each_reach_stands_for_a_scope() {
        let mut standing = Standing::default();
        standing.put(order("fra", "first", Reach::Everywhere, DRAIN));
        standing.put(order("fra", "second", Reach::Everywhere, IntentKind::Pin));
        assert_eq!(followed(&standing), ["pin second"]);
        let present = standing.of(Reach::Everywhere)[0].intent.clone();
        assert!(standing.same(&present).is_some());
        standing.change(&present, |order| StandingOrder { due: Some(Mono::START), ..order });
        assert_eq!(standing.effective()[0].due, Some(Mono::START));
    }
}
