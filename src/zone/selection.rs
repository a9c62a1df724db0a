//! Selection: which RRsets of all zones the services mean.

use std::collections::{HashMap, HashSet};

use super::steered::SteeredIx;
use super::tree::{Node, Place, RrSet, Zone, Zones};
use crate::model::{NamePattern, Service, ServiceIx, Settings};

/// An RRset that a service steers.
#[derive(Clone, Copy)]
pub(super) struct Match<'z> {
    pub(super) service: ServiceIx,
    pub(super) zone: &'z Zone,
    pub(super) node: &'z Node,
    pub(super) set: &'z RrSet,
    /// The set's position in its node.
    pub(super) set_ix: usize,
    pub(super) place: Place,
}

/// Where a mark is to be changed: apex, owner, position of the set, and what it becomes.
pub(super) type Mark = (Box<[u8]>, Box<[u8]>, usize, Option<SteeredIx>);

/// What the services mean.
pub(super) struct Selection<'z> {
    /// MX and SRV before addresses, then by zone and place, whatever order tables are in: an endpoint is called after
    /// the mail host that leads to it rather than after a name that merely has the address too.
    pub(super) matches: Vec<Match<'z>>,
    /// The patterns that matched, by service and position in [`Service::names`].
    pub(super) used: HashSet<(ServiceIx, usize)>,
    stale: Vec<Mark>,
}

impl Selection<'_> {
    /// Marks of an earlier attribution that no service stands for any more.
    pub(super) fn stale(&self) -> impl Iterator<Item = Mark> + use<'_> {
        self.stale.iter().cloned()
    }
}

/// Finds every RRset that a service steers.
pub(super) fn select<'z>(zones: &'z Zones, settings: &Settings) -> Selection<'z> {
    let patterns = Patterns::of(&settings.services);
    let mut selection = Selection { matches: Vec::new(), used: HashSet::new(), stale: Vec::new() };
    let mut by_name: Vec<&Zone> = zones.iter().map(AsRef::as_ref).collect();
    by_name.sort_by_cached_key(|zone| zone.origin().key());
    let mut ranked = Vec::new();
    for (rank, zone) in by_name.into_iter().enumerate() {
        for node in zone.nodes() {
            for (set_ix, (place, set)) in node.placed_rrsets().enumerate() {
                let service = patterns.service_of(node, set, &settings.services, &mut selection.used);
                if let Some(service) = service {
                    ranked.push((rank, Match { service, zone, node, set, set_ix, place }));
                } else if set.steered.is_some() {
                    selection.stale.push((zone.origin().key(), node.owner.key(), set_ix, None));
                }
            }
        }
    }
    ranked.sort_unstable_by_key(|(rank, found)| (found.set.rtype.is_ip_addr(), *rank, found.place));
    selection.matches = ranked.into_iter().map(|(_, found)| found).collect();
    selection
}

/// The patterns of all services by name, so that the cost of an owner does not grow with their number.
struct Patterns {
    exact: HashMap<Box<[u8]>, Vec<(ServiceIx, usize)>>,
    below: HashMap<Box<[u8]>, Vec<(ServiceIx, usize)>>,
}

impl Patterns {
    fn of(services: &[Service]) -> Self {
        let mut patterns = Self { exact: HashMap::new(), below: HashMap::new() };
        for (service, ix) in services.iter().zip(0_u16..) {
            for (position, pattern) in service.names.iter().enumerate() {
                let (table, name) = match pattern {
                    NamePattern::Exact(name) => (&mut patterns.exact, name),
                    NamePattern::Below(suffix) => (&mut patterns.below, suffix),
                };
                table.entry(name.key()).or_default().push((ServiceIx(ix), position));
            }
        }
        patterns
    }

    /// The first service that matches the RRset; notes its patterns that do.
    fn service_of(
        &self,
        node: &Node,
        set: &RrSet,
        services: &[Service],
        used: &mut HashSet<(ServiceIx, usize)>,
    ) -> Option<ServiceIx> {
        let key = node.owner.key();
        let exact = self.exact.get(&key).into_iter().flatten();
        let below = ancestors(&key).filter_map(|ancestor| self.below.get(ancestor)).flatten();
        let wanted = |(service, _): &&(ServiceIx, usize)| {
            services.get(service.get()).is_some_and(|service| service.types.contains(&set.rtype))
        };
        let candidates: Vec<(ServiceIx, usize)> = exact.chain(below).filter(wanted).copied().collect();
        let (winner, _) = candidates.iter().min().copied()?;
        used.extend(candidates.into_iter().filter(|(service, _)| *service == winner));
        Some(winner)
    }
}

/// The names above a name in wire format, nearest first, the root last.
fn ancestors(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(key), |name| {
        let (length, rest) = name.split_first()?;
        if *length == 0 { None } else { rest.get(usize::from(*length)..) }
    })
    .skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_end_at_the_root() {
        let all: Vec<&[u8]> = ancestors(b"\x02mx\x07example\x00").collect();
        assert_eq!(all, [b"\x07example\x00".as_slice(), b"\x00"]);
        assert_eq!(ancestors(b"\x00").count(), 0);
    }
}
