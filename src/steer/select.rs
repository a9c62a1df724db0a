//! Selection: which of the declared records a view is answered with. Never empty (DESIGN sections 1, 7 and 8).

use hickory_proto::rr::RecordType;

use super::bounds::ADDRESSES;
use super::draws::{is_moved, weighted_order};
use super::ranking::{Order, Place, kept, ranked};
use super::ttl::{Stability, steered_ttl};
use crate::model::{EndpointIx, MxMode, Plan, Policy, Service, ServicePlan, SiteIx, SiteSet, Tier, Topology};
use crate::zone::{Member, SteeredSet};

/// One record of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Its position among the declared records.
    pub member: u16,
    /// The preference (MX) or priority (SRV) to answer with; `None` is as declared.
    pub preference: Option<u16>,
}

/// What a view is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The records in the order of the answer; never empty for a set that is not.
    pub picks: Vec<Pick>,
    /// In seconds.
    pub ttl: u32,
    /// The resort that the answer came from.
    pub tier: Tier,
    /// The sites that the answer names.
    pub sites: SiteSet,
    /// Whether nothing that works is left, so that declared records are answered whatever their health.
    pub last_resort: bool,
}

/// Selects from `set` for clients that see the sites in `order`, at a draw from 0 to 999.
///
/// The answer comes from the first tier that is not empty: serving (for MX and SRV with the deferring behind), deferring,
/// drained, all that is declared and not isolated, and at last the declared RRset.
#[must_use]
pub fn select(set: &SteeredSet, topology: &Topology, plan: &Plan, order: &[SiteIx], draw: u16) -> Selection {
    let (Some(service), Some(outcome)) = (topology.service(set.service), plan.services.get(set.service.get())) else {
        return declared(set, topology, set.ttl);
    };
    let drawn;
    let order = match &service.policy {
        Policy::Weighted(weights) => {
            drawn = weighted_order(service, weights, outcome, draw);
            &drawn
        }
        _ => order,
    };
    let scene = Scene { set, topology, plan, service, outcome, order, draw };
    let ttl = steered_ttl(service.ttl, set.ttl, scene.stability());
    let selection = match set.rtype {
        RecordType::A | RecordType::AAAA => scene.addresses(ttl),
        _ => scene.hosts(ttl),
    };
    selection.filter(|selection| !selection.picks.is_empty()).unwrap_or_else(|| declared(set, topology, ttl))
}

/// Tier 5: the declared RRset as it is.
fn declared(set: &SteeredSet, topology: &Topology, ttl: u32) -> Selection {
    let picks = (0_u16..).take(set.members.len()).map(|member| Pick { member, preference: None }).collect();
    let endpoints = set.members.iter().flat_map(|member| &member.endpoints);
    let sites = endpoints.filter_map(|ix| topology.endpoint(*ix)).map(|endpoint| endpoint.site).collect();
    Selection { picks, ttl, tier: Tier::Isolated, sites, last_resort: true }
}

struct Scene<'a> {
    set: &'a SteeredSet,
    topology: &'a Topology,
    plan: &'a Plan,
    service: &'a Service,
    outcome: &'a ServicePlan,
    order: &'a [SiteIx],
    draw: u16,
}

/// A member as this client sees it.
struct Seen<'a> {
    position: u16,
    member: &'a Member,
    /// Its best tier; `None` at no site.
    tier: Option<Tier>,
    /// The best site in that tier, by position in the view's order.
    site: usize,
}

impl Scene<'_> {
    /// The tier of an endpoint for clients of this draw, and its site.
    fn endpoint(&self, ix: EndpointIx) -> Option<(Tier, SiteIx)> {
        let site = self.topology.endpoint(ix)?.site;
        let plan = self.plan.endpoints.get(ix.get())?;
        let position = self.service.sites.iter().position(|member| *member == site)?;
        let drained = self.outcome.sites.get(position)?.drained;
        let moved = is_moved(&self.service.policy, drained, self.draw);
        Some((if moved { plan.moved_tier } else { plan.tier }, site))
    }

    /// The position of a site in the view's order; under `spread` all are equal.
    fn rank(&self, site: SiteIx) -> usize {
        match self.service.policy {
            Policy::Spread => 0,
            _ => self.order.iter().position(|member| *member == site).unwrap_or(usize::MAX),
        }
    }

    fn seen(&self) -> Vec<Seen<'_>> {
        (0_u16..)
            .zip(&self.set.members)
            .map(|(position, member)| {
                let all = || member.endpoints.iter().filter_map(|ix| self.endpoint(*ix));
                let tier = all().map(|(tier, _)| tier).min();
                let in_tier = all().filter(|(of, _)| Some(*of) == tier);
                let site = in_tier.map(|(_, site)| self.rank(site)).min().unwrap_or(usize::MAX);
                Seen { position, member, tier, site }
            })
            .collect()
    }

    fn stability(&self) -> Stability {
        let mut plans = self
            .set
            .members
            .iter()
            .flat_map(|member| &member.endpoints)
            .filter_map(|ix| self.plan.endpoints.get(ix.get()));
        if plans.any(|endpoint| endpoint.unsettled) { Stability::Unsettled } else { Stability::Settled }
    }

    /// The sites that a member's endpoints in tiers up to `tier` are at.
    fn sites_of(&self, member: &Member, tier: Tier) -> SiteSet {
        member
            .endpoints
            .iter()
            .filter_map(|ix| self.endpoint(*ix))
            .filter(|(of, _)| *of <= tier)
            .map(|(_, site)| site)
            .collect()
    }

    /// A and AAAA: the endpoints of the best site in the first tier that is not empty; under `spread` those of all sites.
    fn addresses(&self, ttl: u32) -> Option<Selection> {
        let mut seen = self.seen();
        let tier = seen.iter().filter_map(|seen| seen.tier).min()?;
        if tier >= Tier::Declared {
            return self.last_resort(seen, ttl);
        }
        seen.retain(|seen| seen.tier == Some(tier));
        let best = seen.iter().map(|seen| seen.site).min()?;
        seen.retain(|seen| seen.site == best);
        seen.truncate(ADDRESSES);
        let sites = seen.iter().fold(SiteSet::EMPTY, |sites, seen| sites.union(self.sites_of(seen.member, tier)));
        let picks = seen.iter().map(|seen| Pick { member: seen.position, preference: None }).collect();
        Some(Selection { picks, ttl, tier, sites, last_resort: false })
    }

    /// MX and SRV: the hosts of every site in service in the view's order, deferring ones behind, hosts at no site last.
    fn hosts(&self, ttl: u32) -> Option<Selection> {
        let mut seen = self.seen();
        let tier = seen.iter().filter_map(|seen| seen.tier).min()?;
        if tier >= Tier::Declared {
            return self.last_resort(seen, ttl);
        }
        // Both kinds of sites in service are answered together.
        let worst = if tier == Tier::Serving { Tier::Deferring } else { tier };
        seen.retain(|seen| seen.tier.is_none_or(|of| of <= worst));
        Some(self.ordered(&seen, ttl, tier, worst))
    }

    /// Tier 4: everything that is declared and not isolated, in the view's order.
    fn last_resort(&self, mut seen: Vec<Seen<'_>>, ttl: u32) -> Option<Selection> {
        seen.retain(|seen| seen.tier.is_none_or(|of| of <= Tier::Declared));
        // What is at no site alone would be an answer that leaves every site out.
        if seen.iter().all(|seen| seen.tier.is_none()) {
            return None;
        }
        let selection = self.ordered(&seen, ttl, Tier::Declared, Tier::Declared);
        Some(Selection { last_resort: true, ..selection })
    }

    fn ordered(&self, seen: &[Seen<'_>], ttl: u32, tier: Tier, worst: Tier) -> Selection {
        let mut places: Vec<Place> = seen
            .iter()
            .map(|seen| Place {
                tier: seen.tier.map_or(Order::Elsewhere, Order::At),
                site: seen.site,
                preference: seen.member.preference,
                member: seen.position,
            })
            .collect();
        places.sort_unstable();
        let preferences = match (self.set.rtype, self.service.mx) {
            (RecordType::MX, MxMode::Rank) => Some(ranked(&places)),
            (RecordType::MX | RecordType::SRV, _) => Some(kept(&places)),
            _ => None,
        };
        let preference = |at: usize| preferences.as_ref().and_then(|all| all.get(at).copied());
        let picks =
            places.iter().enumerate().map(|(at, place)| Pick { member: place.member, preference: preference(at) });
        let sites = seen.iter().fold(SiteSet::EMPTY, |sites, seen| sites.union(self.sites_of(seen.member, worst)));
        Selection { picks: picks.collect(), ttl, tier, sites, last_resort: false }
    }
}
