//! Ranking: the preferences that steered MX and SRV records are answered with.

use super::bounds::MX_STEP;
use crate::model::Tier;

/// One host in the order it is to be tried, with what its place follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Serving before deferring; `None` is a host at no site, after all others.
    pub(super) tier: Order,
    /// The position of its site in the view's order.
    pub(super) site: usize,
    /// As declared.
    pub(super) preference: u16,
    /// Its position among the declared records.
    pub(super) member: u16,
}

/// Which hosts come before which, whatever their site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// At a site, in this tier.
    At(Tier),
    /// At no site.
    Elsewhere,
}

/// `mx = "rank"`: 10, 20, 30 … one step for each site, and for each declared preference within it, so that hosts that
/// share the load of a site still do.
pub(super) fn ranked(places: &[Place]) -> Vec<u16> {
    let mut preference = 0_u16;
    let mut last = None;
    let step = |place: &Place| {
        let group = (place.tier, place.site, place.preference);
        if last != Some(group) {
            preference = preference.saturating_add(MX_STEP);
            last = Some(group);
        }
        preference
    };
    places.iter().map(step).collect()
}

/// `mx = "keep"`: as declared, but hosts of a later tier are raised above all of an earlier one.
pub(super) fn kept(places: &[Place]) -> Vec<u16> {
    let best = places.iter().map(|place| place.tier).min();
    let highest =
        places.iter().filter(|place| Some(place.tier) == best).map(|place| place.preference).max().unwrap_or(0);
    places
        .iter()
        .map(|place| match place.tier {
            Order::At(_) if Some(place.tier) != best => {
                if place.preference > highest {
                    place.preference
                } else {
                    highest.saturating_add(MX_STEP)
                }
            }
            _ => place.preference,
        })
        .collect()
}
