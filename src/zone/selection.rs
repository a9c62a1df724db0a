//! Selection: which RRsets of all zones the services mean.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::steered::SteeredIx;
use super::tree::{Node, Place, RrSet, Tree, Zone};
use super::zones::Zones;
use crate::model::{Name, NamePattern, Service, ServiceIx, Settings};

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

/// A lower-cased name in wire format.
type Key = Box<[u8]>;

/// Services with the positions of their patterns.
type Claims = Vec<(ServiceIx, usize)>;

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
    classes: Vec<Class<'z>>,
}

/// Zones that share a tree and are steered alike: one is attributed for all of them.
struct Class<'z> {
    zone: &'z Zone,
    others: Vec<&'z Zone>,
}

impl Match<'_> {
    /// The owner of the RRset.
    pub(super) fn owner(&self) -> Name {
        self.zone.owner(self.node)
    }
}

impl Selection<'_> {
    /// Marks of an earlier attribution that no service stands for any more.
    pub(super) fn stale(&self) -> impl Iterator<Item = Mark> + use<'_> {
        self.stale.iter().cloned()
    }

    /// The apexes of zones that take over the tree of another once that is marked: first the other, then they.
    pub(super) fn followers(&self) -> Vec<(Key, Vec<Key>)> {
        let keys = |zones: &[&Zone]| zones.iter().map(|zone| zone.origin().key()).collect();
        let with_others = self.classes.iter().filter(|class| !class.others.is_empty());
        with_others.map(|class| (class.zone.origin().key(), keys(&class.others))).collect()
    }
}

/// Finds every RRset that a service steers.
pub(super) fn select<'z>(zones: &'z Zones, settings: &Settings) -> Selection<'z> {
    let patterns = Patterns::of(&settings.services);
    let classes = classes(zones, &patterns);
    let mut selection = Selection { matches: Vec::new(), used: HashSet::new(), stale: Vec::new(), classes: Vec::new() };
    let mut ranked = Vec::new();
    for (rank, zone) in classes.iter().map(|class| class.zone).enumerate() {
        for node in zone.nodes() {
            let owner = zone.owner(node).key();
            for (set_ix, (place, set)) in node.placed_rrsets().enumerate() {
                let service = patterns.service_of(&owner, set, &settings.services, &mut selection.used);
                if let Some(service) = service {
                    ranked.push((rank, Match { service, zone, node, set, set_ix, place }));
                } else if set.steered.is_some() {
                    selection.stale.push((zone.origin().key(), owner.clone(), set_ix, None));
                }
            }
        }
    }
    selection.classes = classes;
    ranked.sort_unstable_by_key(|(rank, found)| (found.set.rtype.is_ip_addr(), *rank, found.place));
    selection.matches = ranked.into_iter().map(|(_, found)| found).collect();
    selection
}

/// The zones by what services see of them, in the order of their names.
///
/// Two zones with one tree are steered alike if the same patterns stand above both, and neither a pattern nor another zone
/// lies within one of them: a mail host below its apex could be another's then.
fn classes<'z>(zones: &'z Zones, patterns: &Patterns) -> Vec<Class<'z>> {
    let parents: HashSet<&Name> =
        zones.iter().filter_map(|zone| zones.find(above(&zone.origin().key())?)).map(|zone| zone.origin()).collect();
    let mut classes: Vec<Class<'z>> = Vec::new();
    let mut known: HashMap<(*const Tree, Claims), usize> = HashMap::new();
    for zone in zones.iter().map(AsRef::as_ref) {
        let key = zone.origin().key();
        let is_alone = !zone.is_shared() || patterns.within.contains(&key) || parents.contains(zone.origin());
        let class = (Arc::as_ptr(zone.tree()), patterns.above(&key));
        match known.get(&class).filter(|_| !is_alone).and_then(|ix| classes.get_mut(*ix)) {
            Some(class) => class.others.push(zone),
            None => {
                if !is_alone {
                    known.insert(class, classes.len());
                }
                classes.push(Class { zone, others: Vec::new() });
            }
        }
    }
    for class in &mut classes {
        // Whatever order tables are in, the same zone speaks for the others.
        let first = class.others.iter_mut().min_by_key(|zone| zone.origin().key());
        if let Some(first) = first.filter(|first| first.origin().key() < class.zone.origin().key()) {
            std::mem::swap(first, &mut class.zone);
        }
    }
    classes.sort_by_cached_key(|class| class.zone.origin().key());
    classes
}

/// The name one label up, in wire format.
fn above(key: &[u8]) -> Option<&[u8]> {
    ancestors(key).next()
}

/// The patterns of all services by name, so that the cost of an owner does not grow with their number.
struct Patterns {
    exact: HashMap<Box<[u8]>, Vec<(ServiceIx, usize)>>,
    below: HashMap<Box<[u8]>, Vec<(ServiceIx, usize)>>,
    /// Every name that a pattern lies at or below.
    within: HashSet<Box<[u8]>>,
}

impl Patterns {
    fn of(services: &[Service]) -> Self {
        let mut patterns = Self { exact: HashMap::new(), below: HashMap::new(), within: HashSet::new() };
        for (service, ix) in services.iter().zip(0_u16..) {
            for (position, pattern) in service.names.iter().enumerate() {
                let (table, name) = match pattern {
                    NamePattern::Exact(name) => (&mut patterns.exact, name),
                    NamePattern::Below(suffix) => (&mut patterns.below, suffix),
                };
                let key = name.key();
                patterns.within.extend(ancestors(&key).map(Into::into));
                patterns.within.insert(key.clone());
                table.entry(key).or_default().push((ServiceIx(ix), position));
            }
        }
        patterns
    }

    /// The patterns that everything at and below a name matches.
    fn above(&self, key: &[u8]) -> Claims {
        ancestors(key).filter_map(|ancestor| self.below.get(ancestor)).flatten().copied().collect()
    }

    /// The first service that matches the RRset of an owner; notes its patterns that do.
    fn service_of(
        &self,
        key: &[u8],
        set: &RrSet,
        services: &[Service],
        used: &mut HashSet<(ServiceIx, usize)>,
    ) -> Option<ServiceIx> {
        let exact = self.exact.get(key).into_iter().flatten();
        let below = ancestors(key).filter_map(|ancestor| self.below.get(ancestor)).flatten();
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
