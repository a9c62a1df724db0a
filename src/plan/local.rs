//! Orders that one node follows alone, given while the store that the nodes share was out of reach ([`Reach::ThisNode`]):
//! they lie over the orders of all, and are offered to all when the store is back.

use super::demand::Demand;
use super::make::{Inputs, make};
use super::refusal::Refusal;
use super::review::{Order, Pace, Reviewed, review};
use crate::model::{EndpointHealth, Generation, Intent, Reach, Topology};

/// The orders that a node follows: its own in the place of those that all follow for the same scope.
#[must_use]
pub fn effective(shared: &[Intent], local: &[Intent]) -> Vec<Intent> {
    let hidden = |order: &&Intent| local.iter().any(|own| own.scope == order.scope);
    shared.iter().filter(|order| !hidden(order)).chain(local).cloned().collect()
}

/// What becomes of a local order that no rule forbids to all. In either case the node that gave it follows it alone no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// All follow the same already.
    Known,
    /// All follow another one for its scope, which was given without this one in sight and stands.
    Superseded(Box<Intent>),
    /// All are to follow it: to be written in the place of what stands for its scope, under the revision that holds it.
    Everywhere(Box<Intent>),
}

/// What becomes of the `local` order of a node that reaches the store again, where all nodes follow `shared`.
///
/// It is held against the safety rules as if it were given now, to all; only the time between changes is of no matter, as
/// nobody hurries. What was given for the same scope after the orders that its operator had before their eyes
/// ([`Intent::revision`]) takes precedence, whatever the clocks say: more nodes follow that already.
///
/// # Errors
/// The first rule that it breaks: nobody follows it from then on, not even this node, for nodes must not stay apart.
pub fn offer(
    topology: &Topology,
    health: &[EndpointHealth],
    shared: &[Intent],
    local: &Intent,
    demands: &[Demand],
) -> Result<Offer, Refusal> {
    let standing = shared.iter().find(|order| order.scope == local.scope);
    let current = make(Inputs { topology, health, intents: shared, generation: Generation::default() });
    let order = as_order(local);
    match (review(topology, &current, health, shared, &order, Pace::default(), demands), standing) {
        (Ok(Reviewed::Unchanged), _) => Ok(Offer::Known),
        (_, Some(newer)) if newer.revision > local.revision => Ok(Offer::Superseded(Box::new(newer.clone()))),
        (Ok(Reviewed::Accept { overridden, .. }), _) => {
            let forced = local.forced || !overridden.is_empty();
            Ok(Offer::Everywhere(Box::new(Intent { reach: Reach::Everywhere, forced, ..local.clone() })))
        }
        (Err(refusal), _) => Err(refusal),
    }
}

/// A local order as it would be given to all.
fn as_order(local: &Intent) -> Order {
    Order {
        scope: local.scope.clone(),
        kind: local.kind,
        by: local.by.clone(),
        reason: local.reason.clone(),
        lifetime: local.lifetime,
        force: local.forced,
        schedule: local.schedule.clone(),
        reach: Reach::Everywhere,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::super::fixture::{DRAIN, Fixture, LONG_AGO, drain, order};
    use super::*;
    use crate::model::{IntentKind, Standing};

    /// An order of all, under a revision.
    fn shared(scope: &str, kind: IntentKind, revision: u64) -> Intent {
        order(scope, kind).into_intent(Timestamp::UNIX_EPOCH, revision, false)
    }

    /// An order of this node, given when the orders of all were at a revision.
    fn local(scope: &str, kind: IntentKind, known: u64) -> Intent {
        Intent { reach: Reach::ThisNode, ..shared(scope, kind, known) }
    }

    fn offered(world: &Fixture, shared: &[Intent], local: &Intent) -> Result<Offer, &'static str> {
        offer(&world.topology, &world.health, shared, local, &[]).map_err(|refusal| refusal.rule())
    }

    fn everywhere(local: &Intent) -> Result<Offer, &'static str> {
        Ok(Offer::Everywhere(Box::new(Intent { reach: Reach::Everywhere, ..local.clone() })))
    }

    #[test]
    fn a_local_order_takes_the_place_of_the_one_for_its_scope_alone() {
        let all = [shared("s0", DRAIN, 1), shared("s0/mx", IntentKind::Pin, 2), shared("s1", drain(250), 3)];
        let own = [local("s0", IntentKind::Isolate, 3), local("s2", DRAIN, 3)];
        assert_eq!(effective(&all, &own), [all[1].clone(), all[2].clone(), own[0].clone(), own[1].clone()]);
        assert_eq!(effective(&all, &[]), all);
        assert_eq!(effective(&[], &own), own);
    }

    #[test]
    fn what_no_rule_forbids_is_for_all_then() {
        let world = Fixture::new(&[1, 1]);
        let own = local("s0", DRAIN, 4);
        assert_eq!(offered(&world, &[], &own), everywhere(&own));
        // What stood for the scope when it was given, it was meant to replace.
        assert_eq!(offered(&world, &[shared("s0", drain(250), 4)], &own), everywhere(&own));
    }

    #[test]
    fn what_all_were_ordered_meanwhile_takes_precedence() {
        let world = Fixture::new(&[1, 1, 1]);
        let (own, newer) = (local("s0", DRAIN, 4), shared("s0", IntentKind::Isolate, 5));
        let superseded = Ok(Offer::Superseded(Box::new(newer.clone())));
        assert_eq!(offered(&world, std::slice::from_ref(&newer), &own), superseded);
        // Also where the two would not go together.
        let pair = [newer, shared("s1", DRAIN, 6), shared("s2", DRAIN, 7)];
        assert_eq!(offered(&world, &pair, &own), superseded);
        assert_eq!(offered(&world, &[shared("s0", DRAIN, 5)], &own), Ok(Offer::Known));
        assert_eq!(offered(&world, &[shared("s1", drain(250), 5)], &own), everywhere(&own), "another scope");
    }

    #[test]
    fn two_nodes_that_went_different_ways_cannot_together_do_what_neither_may_alone() {
        let world = Fixture::new(&[1, 1]);
        let other = shared("s1", DRAIN, 5);
        assert_eq!(offered(&world, std::slice::from_ref(&other), &local("s0", DRAIN, 4)), Err("min_sites"));
        let forced = Intent { forced: true, reason: "fire".to_owned(), ..local("s0", DRAIN, 4) };
        assert_eq!(offered(&world, &[other], &forced), everywhere(&forced));
        let isolated = shared("s1", IntentKind::Isolate, 5);
        let forced = Intent { kind: IntentKind::Isolate, ..forced };
        assert_eq!(offered(&world, &[isolated], &forced), Err("last_site"), "not even by force");
    }

    #[test]
    fn what_this_node_follows_alone_is_not_what_all_are_ordered() {
        let mut world = Fixture::new(&[1, 1]);
        let review = |world: &Fixture, reach: Reach| {
            let order = Order { reach, ..order("s0", DRAIN) };
            review(&world.topology, &world.plan(), &world.health, &world.intents, &order, LONG_AGO, &[]).unwrap()
        };
        world.intents = vec![local("s0", DRAIN, 1)];
        assert_eq!(review(&world, Reach::ThisNode), Reviewed::Unchanged);
        assert_ne!(review(&world, Reach::Everywhere), Reviewed::Unchanged);
        world.intents = vec![shared("s0", DRAIN, 1)];
        assert_eq!(review(&world, Reach::ThisNode), Reviewed::Unchanged, "there is nothing to add to it");
    }

    fn any_orders() -> impl Strategy<Value = Vec<(usize, usize)>> {
        prop::collection::vec((0_usize..4, 0_usize..4), 0..4)
    }

    proptest! {
        /// Whatever two nodes followed alone, one after the other has all nodes follow orders that leave a site in service,
        /// and nothing is left that one follows alone.
        #[test]
        fn offers_one_after_the_other_never_empty_a_service(
            all in any_orders(), own in any_orders(), other in any_orders(),
        ) {
            let mut world = Fixture::new(&[1, 1, 1, 1]);
            let kind = |kind: usize| [DRAIN, drain(250), IntentKind::Isolate, IntentKind::Pin][kind];
            let scope = |site: usize| format!("s{site}");
            let mut standing: Vec<Intent> = Vec::new();
            let newest = |standing: &[Intent]| standing.iter().map(|order| order.revision).max().unwrap_or_default();
            let put = |standing: &mut Vec<Intent>, intent: Intent| {
                let revision = newest(standing) + 1;
                standing.retain(|order| order.scope != intent.scope);
                standing.push(Intent { revision, ..intent });
            };
            for (site, what) in all {
                put(&mut standing, shared(&scope(site), kind(what), 0));
            }
            let known = newest(&standing);
            world.intents.clone_from(&standing);
            let before = world.plan();
            for (site, what) in own.into_iter().chain(other) {
                if let Ok(Offer::Everywhere(intent)) = offered(&world, &standing, &local(&scope(site), kind(what), known)) {
                    prop_assert!(intent.reach.is_everywhere());
                    put(&mut standing, *intent);
                }
            }
            world.intents = standing;
            let after = world.plan();
            prop_assert!(before.services[0].in_service.is_empty() || !after.services[0].in_service.is_empty());
            let is_isolated = |site: &crate::model::SitePlan| site.standing == Standing::Isolated;
            prop_assert!(!after.services[0].sites.iter().all(is_isolated) || before.services[0].sites.iter().all(is_isolated));
        }
    }
}
