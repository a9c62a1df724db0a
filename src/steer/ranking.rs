//! MX ranking: which hosts are named, with which preferences (DESIGN section 8). SRV goes by the rules of `keep`.

use hickory_proto::rr::RecordType;

use crate::model::{MxMode, Policy, Service, Tier};

use super::bounds::PREFERENCE_STEP;
use super::select::{Candidate, Pick};

/// The hosts of all in-service sites, deferring ones after the others; where no site is in service, those in `best`, the
/// best tier there is. Hosts that no site holds are always kept.
pub(super) fn ranked(rtype: RecordType, service: Option<&Service>, candidates: &[Candidate], best: Tier) -> Vec<Pick> {
    let worst = best.max(Tier::Deferring);
    let named: Vec<Candidate> = candidates
        .iter()
        .copied()
        .filter(|candidate| candidate.place.is_none_or(|place| place.tier <= worst))
        .collect();
    let mode = service.map_or(MxMode::Keep, |service| service.mx);
    let mut picks = match (rtype, mode) {
        (RecordType::MX, MxMode::Rank) => by_rank(&named, Tie::of(service)),
        _ => as_declared(&named),
    };
    picks.sort_by_key(|(preference, pick)| (*preference, pick.member));
    picks.into_iter().map(|(_, pick)| pick).collect()
}

/// Whether the sites of a tier share one preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tie {
    /// One step a site.
    None,
    /// One step for all: senders choose among equal preferences at random (RFC 5321 section 5.1), which is what
    /// `spread` asks for.
    All,
}

impl Tie {
    fn of(service: Option<&Service>) -> Self {
        if service.is_some_and(|service| service.policy == Policy::Spread) { Self::All } else { Self::None }
    }
}

/// What a preference step is for, in the order of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// A site, by tier and by its rank in the view's order.
    Site(Tier, usize),
    /// Hosts that no site holds, by declared preference.
    Elsewhere(u16),
}

/// `mx = "rank"`: 10, 20, 30 …, one step a site in the view's order, serving before deferring, hosts elsewhere last.
fn by_rank(named: &[Candidate], tie: Tie) -> Vec<(u16, Pick)> {
    let step = |candidate: &Candidate| match (candidate.place, tie) {
        (Some(place), Tie::None) => Step::Site(place.tier, place.rank),
        (Some(place), Tie::All) => Step::Site(place.tier, 0),
        (None, _) => Step::Elsewhere(candidate.declared),
    };
    let mut steps: Vec<Step> = named.iter().map(step).collect();
    steps.sort_unstable();
    steps.dedup();
    let preference = |candidate: &Candidate| {
        let number = steps.partition_point(|other| *other <= step(candidate));
        u16::try_from(number).unwrap_or(u16::MAX).saturating_mul(PREFERENCE_STEP)
    };
    named
        .iter()
        .map(|candidate| (preference(candidate), candidate.member))
        .map(|(preference, member)| (preference, Pick { member, preference: Some(preference) }))
        .collect()
}

/// `mx = "keep"`: declared preferences. Deferring hosts are all raised by the same amount where one of them would not come
/// after the serving ones; near 65535 there is no room to raise and they come last together.
fn as_declared(named: &[Candidate]) -> Vec<(u16, Pick)> {
    let in_tier = |tier: Tier| {
        let here = named.iter().filter(move |candidate| candidate.place.is_some_and(|place| place.tier == tier));
        here.map(|candidate| candidate.declared)
    };
    let raise = match (in_tier(Tier::Serving).max(), in_tier(Tier::Deferring).min()) {
        (Some(serving), Some(deferring)) if deferring <= serving => {
            (serving - deferring).saturating_add(PREFERENCE_STEP)
        }
        _ => 0,
    };
    let pick = |candidate: &Candidate| match candidate.place {
        Some(place) if place.tier == Tier::Deferring && raise > 0 => {
            let preference = candidate.declared.saturating_add(raise);
            (preference, Pick { member: candidate.member, preference: Some(preference) })
        }
        _ => (candidate.declared, Pick::as_declared(candidate.member)),
    };
    named.iter().map(pick).collect()
}
