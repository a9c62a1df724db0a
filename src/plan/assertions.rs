//! Assertions: the operator's own named rules about how many of some sites stay in service.

use crate::model::{Assertion, Plan, Service, ServiceIx, SiteIx, SiteSet, Topology};

use super::refusal::{Named, Refusal};
use super::review::Order;

/// By how much an order breaks an assertion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{order} would leave service '{service}' with {left} of at least {at_least} of the sites {of} in service{} (rule \
     assertion '{assertion}'); undrain or repair another of them first, lower at_least, or force it with a reason",
    Named(names)
)]
pub struct Shortfall {
    /// What was ordered: `drain fra`.
    pub order: String,
    /// The assertion's name.
    pub assertion: String,
    /// The service that would be left short.
    pub service: String,
    /// How many of the sites would be left.
    pub left: usize,
    /// How many there must be.
    pub at_least: usize,
    /// The service's sites that the assertion is about, separated by commas.
    pub of: String,
    /// Which would be left, separated by commas.
    pub names: String,
}

/// Rule: an order leaves as many of the named sites in service as an assertion says. Orders that take none of them out of
/// service are not held back by sites that are down already.
///
/// All that the order breaks, in file order. `current` and `preview` are the plans before it and with it.
pub(super) fn assertions(topology: &Topology, current: &Plan, preview: &Plan, order: &Order) -> Vec<Refusal> {
    let mut broken = Vec::new();
    for assertion in &topology.assertions {
        for (ix, service) in held(topology, assertion) {
            let sites: SiteSet = service.sites.iter().copied().filter(|site| assertion.of.contains(site)).collect();
            let left = |plan: &Plan| -> Vec<SiteIx> {
                let in_service = plan.services.get(ix.get()).map_or(SiteSet::EMPTY, |outcome| outcome.in_service);
                sites.iter().filter(|site| in_service.contains(*site)).collect()
            };
            let (before, after) = (left(current), left(preview));
            if after.len() < assertion.at_least && after.len() < before.len() {
                broken.push(Refusal::Assertion(Box::new(Shortfall {
                    order: format!("{} {}", order.kind.as_str(), order.scope),
                    assertion: assertion.name.clone(),
                    service: service.name.clone(),
                    left: after.len(),
                    at_least: assertion.at_least,
                    of: names(topology, sites.iter()),
                    names: names(topology, after.into_iter()),
                })));
            }
        }
    }
    broken
}

/// The services that `assertion` is about: the one that it names, or all that use enough of its sites to be able to keep it.
fn held<'a>(topology: &'a Topology, assertion: &'a Assertion) -> impl Iterator<Item = (ServiceIx, &'a Service)> {
    topology.services().filter(move |(ix, service)| match assertion.service {
        Some(named) => named == *ix,
        None => service.sites.iter().filter(|site| assertion.of.contains(site)).count() >= assertion.at_least,
    })
}

fn names(topology: &Topology, sites: impl Iterator<Item = SiteIx>) -> String {
    sites.map(|site| topology.site_name(site)).collect::<Vec<_>>().join(", ")
}
