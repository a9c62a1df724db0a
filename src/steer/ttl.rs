//! How long an answer may be kept.

use crate::model::{Plan, Service};
use crate::plan::TTL_FLOOR;
use crate::zone::SteeredSet;

use super::select::Pick;

/// The TTL of an answer from `set` with `picks` in seconds: the service's or the declared one if lower; half of it while any
/// endpoint of the set is suspect or deferring; bounded while an order is about to take out what it names (DESIGN section 8).
pub(super) fn ttl(set: &SteeredSet, service: Option<&Service>, plan: &Plan, picks: &[Pick]) -> u32 {
    let steered = service.map_or(set.ttl, |service| u32::try_from(service.ttl.as_secs()).unwrap_or(u32::MAX));
    let settled = steered.min(set.ttl);
    let mut endpoints = set.members.iter().flat_map(|member| &member.endpoints);
    let unsettled = endpoints.any(|ix| plan.endpoints.get(ix.get()).is_some_and(|endpoint| endpoint.unsettled));
    let ttl = if unsettled { halved(settled) } else { settled };
    let named = picks.iter().filter_map(|pick| set.members.get(usize::from(pick.member)));
    let caps = named.flat_map(|member| &member.endpoints).filter_map(|ix| plan.endpoints.get(ix.get())?.ttl_cap);
    caps.fold(ttl, u32::min)
}

/// Half, but not under the floor, and never more than it was.
fn halved(ttl: u32) -> u32 {
    (ttl / 2).max(TTL_FLOOR).min(ttl)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hickory_proto::rr::RecordType;

    use proptest::prelude::*;

    use crate::model::{Scope, State};
    use crate::plan::fixture::{DRAIN, Fixture};
    use crate::plan::{Ahead, capped, ttl_caps};

    use super::*;

    #[test]
    fn the_lower_of_declared_and_configured_counts() {
        let mut world = Fixture::new(&[1]);
        let mut set = world.set_of(RecordType::A);
        assert_eq!(ttl(&set, world.topology.services.first(), &world.plan(), &[]), 30);
        set.ttl = 20;
        assert_eq!(ttl(&set, world.topology.services.first(), &world.plan(), &[]), 20);
        world.service().ttl = Duration::ZERO;
        assert_eq!(ttl(&set, world.topology.services.first(), &world.plan(), &[]), 0);
    }

    #[test]
    fn doubt_about_any_endpoint_halves_it_down_to_the_floor() {
        let mut world = Fixture::new(&[1, 1]);
        let mut set = world.set_of(RecordType::A);
        world.health[1].suspect = true;
        assert_eq!(ttl(&set, world.topology.services.first(), &world.plan(), &[]), 15);
        world.health[1].suspect = false;
        world.set(1, State::Deferring, "451 try later");
        assert_eq!(ttl(&set, world.topology.services.first(), &world.plan(), &[]), 15);
        set.ttl = 8;
        assert_eq!(ttl(&set, world.topology.services.first(), &world.plan(), &[]), 5);
        set.ttl = 3;
        assert_eq!(ttl(&set, world.topology.services.first(), &world.plan(), &[]), 3);
    }
    #[test]
    fn what_is_about_to_leave_bounds_only_the_answers_that_name_it() {
        let world = Fixture::new(&[1, 1]);
        let mut set = world.set_of(RecordType::MX);
        let mut plan = world.plan();
        plan.endpoints[1].ttl_cap = Some(7);
        let names = |members: &[u16]| members.iter().map(|member| Pick::as_declared(*member)).collect::<Vec<_>>();
        let service = world.topology.services.first();
        assert_eq!(ttl(&set, service, &plan, &names(&[0])), 30);
        assert_eq!(ttl(&set, service, &plan, &names(&[0, 1])), 7);
        plan.endpoints[0].unsettled = true;
        assert_eq!(ttl(&set, service, &plan, &names(&[1, 0])), 7);
        set.ttl = 3;
        assert_eq!(ttl(&set, service, &plan, &names(&[1])), 3);
    }

    proptest! {
        #[test]
        fn what_names_a_site_is_out_of_caches_a_floor_after_it_leaves(
            usual in 0_u64..4_000,
            declared in 0_u32..4_000,
            left in 0_u64..8_000_000,
            suspect: bool,
        ) {
            let mut world = Fixture::new(&[1, 1]);
            world.service().ttl = Duration::from_secs(usual);
            world.health[1].suspect = suspect;
            let set = SteeredSet { ttl: declared, ..world.set_of(RecordType::MX) };
            let left = Duration::from_millis(left);
            let scope = Scope { site: "s0".into(), service: None };
            let caps = ttl_caps(&world.topology, &[Ahead { scope, kind: DRAIN, left }]);
            let plan = capped(&world.topology, world.plan(), &caps);
            let lives = ttl(&set, world.topology.services.first(), &plan, &[Pick::as_declared(0), Pick::as_declared(1)]);
            prop_assert!(Duration::from_secs(lives.into()) <= left + Duration::from_secs(TTL_FLOOR.into()));
        }
    }
}
