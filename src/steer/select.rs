//! Selection: what is answered of a steered set (DESIGN sections 7 and 8).

use hickory_proto::rr::RecordType;

use crate::model::{Plan, Policy, Service, ServicePlan, SiteIx, SiteSet, Standing, Tier, Topology};
use crate::zone::{Member, SteeredSet};

use super::bounds::MAX_ADDRESSES;
use super::draws::{Seen, seen, weighted_order};
use super::ranking::ranked;
use super::ttl::ttl;

/// One record of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pick {
    /// Its position in [`SteeredSet::members`].
    pub member: u16,
    /// The MX preference or SRV priority to answer with; `None` is the declared one.
    pub preference: Option<u16>,
}

impl Pick {
    /// The member as declared.
    pub(super) const fn as_declared(member: u16) -> Self {
        Self { member, preference: None }
    }
}

/// What is answered of a steered set: never empty unless the set is, and only declared members, each once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selection {
    /// The records, in the order of the answer.
    pub picks: Vec<Pick>,
    /// Seconds.
    pub ttl: u32,
    /// The resort used: the best tier that any member is in, also where a draw leads to a deferring site. [`Tier::Declared`] also where no site holds any member;
    /// [`Tier::Isolated`] where all that is left is isolated and the declared RRset answers whole.
    pub tier: Tier,
    /// The sites that the answer names.
    pub sites: SiteSet,
    /// Whether nothing in service or drained was left.
    pub last_resort: bool,
}

/// A member with what the plan says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Its position in the set.
    pub(super) member: u16,
    /// Its declared preference or priority.
    pub(super) declared: u16,
    /// Where it stands; `None` where no site holds it: it is neither monitored nor withdrawn.
    pub(super) place: Option<Place>,
}

/// Where a member stands: by the best of its endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The best tier of its endpoints.
    pub(super) tier: Tier,
    /// How early the best site with an endpoint in that tier comes in the view's order, from 0.
    pub(super) rank: usize,
    /// The sites with an endpoint in that tier.
    pub(super) sites: SiteSet,
}

/// Selects what is answered of `set` to clients that see the sites in `order` and rolled `draw` (below 1000).
///
/// The answer comes from the first tier that is not empty; where nothing is known or nothing is left it is the declared
/// RRset. `order` is that of the client's view; under policy `weighted` the draw makes its own.
#[must_use]
pub fn select(set: &SteeredSet, topology: &Topology, plan: &Plan, order: &[SiteIx], draw: u16) -> Selection {
    let service = topology.service(set.service);
    let candidates = candidates(set, topology, plan, order, draw);
    let resort = candidates.iter().filter_map(|candidate| candidate.place).map(|place| place.tier).min();
    let picks = match resort {
        Some(tier) if tier <= Tier::Drained => match set.rtype {
            RecordType::MX | RecordType::SRV => ranked(set.rtype, service, &candidates, tier),
            _ => addresses(
                service,
                &candidates,
                tier_drawn(service, plan.services.get(set.service.get()), &candidates, tier),
            ),
        },
        _ => declared(&candidates),
    };
    let sites =
        picks.iter().filter_map(|pick| candidates.get(usize::from(pick.member))).filter_map(|named| named.place);
    Selection {
        sites: sites.fold(SiteSet::EMPTY, |all, place| all.union(place.sites)),
        ttl: ttl(set, service, plan, &picks),
        tier: resort.map_or(Tier::Declared, |tier| left_by_isolation(tier, &candidates)),
        last_resort: resort.is_some_and(|tier| tier >= Tier::Declared),
        picks,
    }
}

/// Where every site is isolated, members that no site holds are still declared and not isolated (tier 4).
fn left_by_isolation(tier: Tier, candidates: &[Candidate]) -> Tier {
    let unattributed = candidates.iter().any(|candidate| candidate.place.is_none());
    if tier == Tier::Isolated && unattributed { Tier::Declared } else { tier }
}

fn candidates(set: &SteeredSet, topology: &Topology, plan: &Plan, order: &[SiteIx], draw: u16) -> Vec<Candidate> {
    let service = topology.service(set.service).zip(plan.services.get(set.service.get()));
    let drawn = service.and_then(|(service, outcome)| match &service.policy {
        Policy::Weighted(weights) => Some(weighted_order(service, weights, outcome, draw)),
        Policy::Nearest | Policy::Geo(_) | Policy::Failover | Policy::Spread => None,
    });
    let order = drawn.as_deref().unwrap_or(order);
    let rank = |site: SiteIx| {
        let known = order.iter().position(|other| *other == site);
        known.unwrap_or_else(|| order.len().saturating_add(site.get()))
    };
    let outcome = |member: &Member| -> Vec<(Tier, SiteIx)> {
        let endpoints = member.endpoints.iter().filter_map(|ix| {
            let (site, outcome) = (topology.endpoint(*ix)?.site, plan.endpoints.get(ix.get())?);
            let tier = match service.map_or(Seen::AsItIs, |(service, plan)| seen(service, plan, site, draw)) {
                Seen::AsItIs => outcome.tier,
                Seen::Full => outcome.tier.max(Tier::Deferring),
                Seen::Drained => outcome.moved_tier,
            };
            Some((tier, site))
        });
        endpoints.collect()
    };
    let place = |member: &Member| {
        let endpoints = outcome(member);
        let tier = endpoints.iter().map(|(tier, _)| *tier).min()?;
        let sites = || endpoints.iter().filter(|(other, _)| *other == tier).map(|(_, site)| *site);
        Some(Place { tier, rank: sites().map(rank).min()?, sites: sites().collect() })
    };
    (0..=u16::MAX)
        .zip(&set.members)
        .map(|(position, member)| Candidate { member: position, declared: member.preference, place: place(member) })
        .collect()
}

/// The tier that addresses are taken from: `best`, the first that is not empty. Under policy `weighted` a draw may lead to a
/// deferring site though others serve; then it is the one of that site.
fn tier_drawn(service: Option<&Service>, outcome: Option<&ServicePlan>, candidates: &[Candidate], best: Tier) -> Tier {
    let (Some(service), Some(outcome), Tier::Serving) = (service, outcome, best) else { return best };
    let defers = |site: SiteIx| {
        let mut sites = service.sites.iter().zip(&outcome.sites);
        sites.any(|(other, plan)| *other == site && plan.standing == Standing::Deferring)
    };
    let is_drawn = |place: &Place| place.rank == 0 && place.tier == Tier::Deferring && place.sites.iter().all(defers);
    let is_weighted = matches!(service.policy, Policy::Weighted(_));
    if is_weighted && candidates.iter().filter_map(|candidate| candidate.place.as_ref()).any(is_drawn) {
        Tier::Deferring
    } else {
        best
    }
}

/// A and AAAA: the addresses in `tier` at the best site, or under policy `spread` at all sites, one of each in turn.
fn addresses(service: Option<&Service>, candidates: &[Candidate], tier: Tier) -> Vec<Pick> {
    let mut usable: Vec<(usize, u16)> = candidates
        .iter()
        .filter_map(|candidate| {
            candidate.place.filter(|place| place.tier == tier).map(|place| (place.rank, candidate.member))
        })
        .collect();
    usable.sort_unstable();
    if service.is_some_and(|service| service.policy == Policy::Spread) {
        usable = in_turn(&usable);
    } else {
        let best = usable.first().map(|(rank, _)| *rank);
        usable.retain(|(rank, _)| Some(*rank) == best);
    }
    usable.truncate(MAX_ADDRESSES);
    usable.into_iter().map(|(_, member)| Pick::as_declared(member)).collect()
}

/// Reorders by turns: the first of every rank, then the second of every rank, and so on, so that a cut at
/// [`MAX_ADDRESSES`] leaves no site out that could be in.
fn in_turn(sorted: &[(usize, u16)]) -> Vec<(usize, u16)> {
    let mut turns: Vec<(usize, (usize, u16))> = Vec::with_capacity(sorted.len());
    for entry in sorted {
        let turn = turns.iter().filter(|(_, other)| other.0 == entry.0).count();
        turns.push((turn, *entry));
    }
    turns.sort_unstable();
    turns.into_iter().map(|(_, entry)| entry).collect()
}

/// Everything declared that is not isolated, as declared; and if that is nothing, everything (tiers 4 and 5).
fn declared(candidates: &[Candidate]) -> Vec<Pick> {
    let isolated = |candidate: &Candidate| candidate.place.is_some_and(|place| place.tier == Tier::Isolated);
    let left: Vec<Pick> = candidates
        .iter()
        .filter(|candidate| !isolated(candidate))
        .map(|candidate| Pick::as_declared(candidate.member))
        .collect();
    if left.is_empty() {
        candidates.iter().map(|candidate| Pick::as_declared(candidate.member)).collect()
    } else {
        left
    }
}
