//! Why an order must not be given by mistake: the dialog and the command line ask for the site's name where there is a reason.

use crate::model::{Intent, IntentKind, Plan, ServiceIx, SiteIx, SiteSet, Topology};

use super::capacity::{float, forecast};
use super::demand::Demand;
use super::headroom::amount;

/// What would change, from plan to plan.
#[derive(Clone, Copy, Debug)]
pub struct Shift<'a> {
    /// The topology of both plans.
    pub topology: &'a Topology,
    /// The plan that stands.
    pub before: &'a Plan,
    /// The plan that would.
    pub after: &'a Plan,
}

/// A sentence for each reason; empty for what can be taken back without harm. `order` is what would be given, `None` where one
/// is lifted; `demands` are those of the peak.
#[must_use]
pub fn severe(order: Option<&Intent>, shift: Shift<'_>, demands: &[Demand]) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(order) = order {
        if order.kind == IntentKind::Isolate {
            reasons.push(format!("{} is not used any more, not even as a last resort", order.scope));
        }
        if order.forced {
            reasons.push("safety rules are overridden".to_owned());
        }
    }
    reasons.extend(losses(shift));
    reasons.extend(overloads(shift, demands));
    reasons
}

/// The services that are left with their last site, or with none.
fn losses(Shift { topology, before, after }: Shift<'_>) -> Vec<String> {
    let lost = topology.services().filter_map(|(ix, service)| {
        let (was, left) = (in_service(topology, before, ix), in_service(topology, after, ix));
        match left.as_slice() {
            _ if left.len() >= was.len() => None,
            [] => Some(format!("{} is left without a site in service", service.name)),
            [last] => Some(format!("{} is left as the last site of {}", topology.site_name(*last), service.name)),
            _ => None,
        }
    });
    lost.collect()
}

/// The sites that a service can count on.
fn in_service(topology: &Topology, plan: &Plan, service: ServiceIx) -> Vec<SiteIx> {
    let sites = topology.service(service).map(|service| service.sites.as_slice()).unwrap_or_default();
    let plans = plan.services.get(service.get()).map(|service| service.sites.as_slice()).unwrap_or_default();
    sites.iter().zip(plans).filter(|(_, plan)| plan.helps()).map(|(site, _)| *site).collect()
}

/// The sites that are sent more than before and than they can carry.
fn overloads(Shift { topology, before, after }: Shift<'_>, demands: &[Demand]) -> Vec<String> {
    // A plan of another topology is none that can be compared.
    if topology.sites.iter().all(|site| site.capacity.is_none()) || before.services.len() != after.services.len() {
        return Vec::new();
    }
    let reckoned = |plan| forecast(topology, plan, demands, SiteSet::EMPTY);
    let (before, after) = (reckoned(before), reckoned(after));
    let over = topology.sites.iter().zip(&before.sites).zip(&after.sites).filter_map(|((site, was), would)| {
        let capacity = would.capacity?;
        let is_over = would.sent > float(capacity) && would.sent > was.sent;
        is_over.then(|| format!("{} is sent {} at peak and can carry {capacity}", site.name, amount(would.sent)))
    });
    over.collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::State;
    use crate::plan::fixture::{DRAIN, Fixture, drain, order};

    fn given(scope: &str, kind: IntentKind) -> Intent {
        order(scope, kind).into_intent(Timestamp::UNIX_EPOCH, 1, false)
    }

    fn said(world: &Fixture, intent: &Intent, demands: &[Demand]) -> Vec<String> {
        let mut then = world.clone();
        then.intents.push(intent.clone());
        let (before, after) = (world.plan(), then.plan());
        severe(Some(intent), Shift { topology: &world.topology, before: &before, after: &after }, demands)
    }

    #[test]
    fn one_of_three_sites_may_be_drained_without_ado() {
        let world = Fixture::new(&[1, 1, 1]);
        assert_eq!(said(&world, &given("s0", DRAIN), &[]), Vec::<String>::new());
        assert_eq!(said(&world, &given("s0", IntentKind::Pin), &[]), Vec::<String>::new());
    }

    #[test]
    fn isolating_and_overriding_are_severe_whatever_is_left() {
        let world = Fixture::new(&[1, 1, 1]);
        let isolated = said(&world, &given("s0/mx", IntentKind::Isolate), &[]);
        assert_eq!(isolated, ["s0/mx is not used any more, not even as a last resort"]);
        let forced = Intent { forced: true, ..given("s0", IntentKind::Pin) };
        assert_eq!(said(&world, &forced, &[]), ["safety rules are overridden"]);
    }

    #[test]
    fn the_last_site_of_a_service_is_named() {
        let mut world = Fixture::new(&[1, 1, 1]);
        world.set_site(ServiceIx(0), 1, State::Down, "");
        assert_eq!(said(&world, &given("s0", DRAIN), &[]), ["s2 is left as the last site of mx"]);
        assert_eq!(said(&world, &given("s1", DRAIN), &[]), Vec::<String>::new(), "it is out already");
        assert_eq!(said(&world, &given("s0", drain(250)), &[]), Vec::<String>::new(), "it goes on serving");
        world.set_site(ServiceIx(0), 2, State::Down, "");
        assert_eq!(said(&world, &given("s0", IntentKind::Isolate), &[]).len(), 2);
    }

    #[test]
    fn a_site_that_is_pinned_though_it_is_down_is_none_to_count_on() {
        let mut world = Fixture::new(&[1, 1, 1]);
        for down in [1, 2] {
            world.set_site(ServiceIx(0), down, State::Down, "");
        }
        for pinned in ["s1", "s2"] {
            world.order(pinned, IntentKind::Pin);
        }
        assert_eq!(said(&world, &given("s0", DRAIN), &[]), ["mx is left without a site in service"]);
        // Lifting takes away what helped nobody.
        let before = world.plan();
        world.intents.pop();
        let after = world.plan();
        let shift = Shift { topology: &world.topology, before: &before, after: &after };
        assert_eq!(severe(None, shift, &[]), Vec::<String>::new());
    }

    #[test]
    fn lifting_a_pin_may_take_a_last_site_away() {
        let mut world = Fixture::new(&[1, 1]);
        world.order("s1", DRAIN);
        let after = world.plan();
        world.order("s1/mx", IntentKind::Pin);
        let before = world.plan();
        let shift = Shift { topology: &world.topology, before: &before, after: &after };
        assert_eq!(severe(None, shift, &[]), ["s0 is left as the last site of mx"]);
    }

    #[test]
    fn a_site_that_is_sent_too_much_is_named_and_one_that_was_before_is_not() {
        let mut world = Fixture::new(&[1, 1, 1]);
        for (site, capacity) in world.topology.sites.iter_mut().zip([1000, 500, 100]) {
            site.capacity = Some(capacity);
        }
        let seen = |order: &[u8], amount: f64| {
            let order = order.iter().map(|site| SiteIx(*site)).collect();
            Demand { service: ServiceIx(0), order, amount }
        };
        // s2 is sent twice of what it can carry whatever happens.
        let demands = [seen(&[0, 1], 400.0), seen(&[1], 300.0), seen(&[2], 200.0)];
        assert_eq!(said(&world, &given("s0", DRAIN), &demands), ["s1 is sent 700 at peak and can carry 500"]);
        assert_eq!(said(&world, &given("s1", DRAIN), &demands), Vec::<String>::new());
    }
}
