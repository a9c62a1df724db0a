//! TTLs that step down ahead of an order (DESIGN section 8), so that caches have let go of a site soon after it is taken out.
//!
//! An answer that lives no longer than the time left until the order is out of all caches when the order takes effect. The
//! caps are the service's TTL, half of it, a quarter and so on, so that a plan changes a handful of times and not every second.

use std::time::Duration;

use crate::model::{IntentKind, Plan, Scope, ServiceIx, SiteIx, Topology};

use super::bounds::TTL_FLOOR;

/// Something that an order is about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// What the order is about.
    pub scope: Scope,
    /// What is in effect of it after that.
    pub kind: IntentKind,
    /// How soon.
    pub left: Duration,
}

/// The longest that answers of a service that name a site may live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtlCap {
    /// The service.
    pub service: ServiceIx,
    /// The site.
    pub site: SiteIx,
    /// The bound.
    pub seconds: u32,
}

/// The bounds that follow from what is ahead: at most one for each site of a service, and only where it is lower than the
/// service's TTL.
#[must_use]
pub fn ttl_caps(topology: &Topology, ahead: &[Ahead]) -> Vec<TtlCap> {
    let takes_away = |ahead: &&Ahead| !matches!(ahead.kind, IntentKind::Pin);
    let mut caps = Vec::new();
    for (ix, service) in topology.services() {
        let usual = u32::try_from(service.ttl.as_secs()).unwrap_or(u32::MAX);
        for &site in &service.sites {
            let about = |ahead: &&Ahead| {
                ahead.scope.site == topology.site_name(site)
                    && ahead.scope.service.as_ref().is_none_or(|name| *name == service.name)
            };
            let lowest =
                ahead.iter().filter(takes_away).filter(about).map(|ahead| stepped_down(usual, ahead.left)).min();
            let lower = lowest.filter(|seconds| *seconds < usual);
            caps.extend(lower.map(|seconds| TtlCap { service: ix, site, seconds }));
        }
    }
    caps
}

/// `plan` with answers bounded by `caps`; it must be of `topology`.
#[must_use]
pub fn capped(topology: &Topology, mut plan: Plan, caps: &[TtlCap]) -> Plan {
    for (endpoint, outcome) in topology.endpoints.iter().zip(&mut plan.endpoints) {
        let about = |cap: &&TtlCap| cap.service == endpoint.service && cap.site == endpoint.site;
        outcome.ttl_cap = caps.iter().find(about).map(|cap| cap.seconds);
    }
    plan
}

/// The longest of `usual`, half of it, a quarter and so on that is not longer than `left`; not under the floor, and never
/// more than `usual`.
fn stepped_down(usual: u32, left: Duration) -> u32 {
    let mut cap = usual;
    while cap > TTL_FLOOR && Duration::from_secs(cap.into()) > left {
        cap = (cap / 2).max(TTL_FLOOR);
    }
    cap
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use crate::plan::fixture::{DRAIN, Fixture};

    use super::*;

    fn ahead(scope: &str, kind: IntentKind, left: u64) -> Ahead {
        let (site, service) = scope.split_once('/').map_or((scope, None), |(site, service)| (site, Some(service)));
        let scope = Scope { site: site.to_owned(), service: service.map(str::to_owned) };
        Ahead { scope, kind, left: Duration::from_secs(left) }
    }

    #[test]
    fn the_cap_halves_on_the_way() {
        let at = |left| stepped_down(30, Duration::from_secs(left));
        assert_eq!([100, 30, 29, 15, 14, 7, 6, 1, 0].map(at), [30, 30, 15, 15, 7, 7, 5, 5, 5]);
        assert_eq!(stepped_down(2, Duration::ZERO), 2, "what is under the floor already stays so");
        assert_eq!(stepped_down(0, Duration::ZERO), 0);
    }

    #[test]
    fn only_what_is_about_to_lose_clients_is_capped() {
        let world = Fixture::new(&[2, 1]);
        let caps = |ahead: &[Ahead]| ttl_caps(&world.topology, ahead);
        assert_eq!(caps(&[ahead("s0", DRAIN, 31), ahead("s0", IntentKind::Pin, 1), ahead("s1/imap", DRAIN, 1)]), []);
        let cap = |site, seconds| TtlCap { service: ServiceIx(0), site: SiteIx(site), seconds };
        let both = caps(&[ahead("s0", DRAIN, 20), ahead("s0/mx", IntentKind::Isolate, 9), ahead("s1/mx", DRAIN, 0)]);
        assert_eq!(both, [cap(0, 7), cap(1, 5)]);
        let plan = capped(&world.topology, world.plan(), &both);
        let of_endpoints: Vec<_> = plan.endpoints.iter().map(|endpoint| endpoint.ttl_cap).collect();
        assert_eq!(of_endpoints, [Some(7), Some(7), Some(5)]);
        assert_eq!(capped(&world.topology, plan, &[]), world.plan(), "caps go as they came");
    }

    proptest! {
        #[test]
        fn no_answer_outlives_the_beginning_by_more_than_the_floor(usual in 0_u32..100_000, left in 0_u64..200_000_000) {
            let left = Duration::from_millis(left);
            let lives = Duration::from_secs(stepped_down(usual, left).into());
            prop_assert!(lives <= left + Duration::from_secs(TTL_FLOOR.into()));
            prop_assert!(lives <= Duration::from_secs(usual.into()));
            prop_assert!(lives >= Duration::from_secs(usual.min(TTL_FLOOR).into()));
        }

        #[test]
        fn the_plan_changes_a_handful_of_times(usual in 1_u32..100_000) {
            let caps: BTreeSet<u32> = (0..=usual).map(|left| stepped_down(usual, Duration::from_secs(left.into()))).collect();
            prop_assert!(caps.len() <= 2 + usual.ilog2() as usize);
        }

        #[test]
        fn less_time_never_means_a_longer_life(usual in 0_u32..100_000, left in 0_u64..200_000, more in 0_u64..200_000) {
            let at = |seconds| stepped_down(usual, Duration::from_secs(seconds));
            prop_assert!(at(left) <= at(left + more));
        }
    }
}
