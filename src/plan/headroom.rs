//! The safety rule `capacity`: the survivors' predicted load fits what they can carry (DESIGN section 7, N+1).

use crate::model::{IntentKind, Plan, Share, Site, SiteIx, SiteSet, Topology};

use super::capacity::{Forecast, SiteLoad, forecast};
use super::demand::Demand;
use super::refusal::Refusal;
use super::review::Order;

/// Rule: an order that sends clients elsewhere leaves no more without a place than before. `demands` are those of the
/// peak. Where no site has a capacity the rule says nothing.
pub(super) fn capacity(
    topology: &Topology,
    current: &Plan,
    preview: &Plan,
    order: &Order,
    demands: &[Demand],
) -> Option<Refusal> {
    let takes_out = match order.kind {
        IntentKind::Isolate => true,
        IntentKind::Drain { share } => share != Share::NONE,
        IntentKind::Pin => false,
    };
    if !takes_out || topology.sites.iter().all(|site| site.capacity.is_none()) {
        return None;
    }
    let before = forecast(topology, current, demands, SiteSet::EMPTY);
    let after = forecast(topology, preview, demands, SiteSet::EMPTY);
    after.is_worse_than(&before).then(|| Refusal::Capacity {
        order: format!("{} {}", order.kind.as_str(), order.scope),
        sites: loads(topology, &order.scope.site, &after),
        missing: amount(after.unplaced()),
        total: amount(after.demand()),
    })
}

/// What every other site would carry: `iad 800 of 800, nrt 700 of 900`.
fn loads(topology: &Topology, ordered: &str, after: &Forecast) -> String {
    let others = topology.sites().zip(&after.sites).filter(|((_, site), _)| site.name != ordered);
    let phrase = |((_, site), load): ((SiteIx, &Site), &SiteLoad)| match load.capacity {
        Some(capacity) => format!("{} {} of {capacity}", site.name, amount(load.load)),
        None => format!("{} {}", site.name, amount(load.load)),
    };
    others.map(phrase).collect::<Vec<_>>().join(", ")
}

/// An amount for people: whole from a hundred on, else with one decimal.
#[must_use]
pub fn amount(amount: f64) -> String {
    // The sum of nothing is a negative zero.
    let rounded = (amount * 10.0).round() / 10.0 + 0.0;
    if rounded >= 100.0 || rounded.fract() == 0.0 { format!("{rounded:.0}") } else { format!("{rounded:.1}") }
}
