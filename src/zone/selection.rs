//! Selection: which RRsets of all zones the services mean.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::steered::SteeredIx;
use super::tree::{Body, Node, Place, RrSet, Zone};
use super::zones::{ZoneIx, Zones};
use crate::model::{Name, NamePattern, Service, ServiceIx, Settings};

/// An RRset that a service steers.
#[derive(Clone, Copy)]
pub(super) struct Match<'z> {
    pub(super) service: ServiceIx,
    pub(super) zone_ix: ZoneIx,
    pub(super) zone: &'z Zone,
    pub(super) node: &'z Node,
    pub(super) set: &'z RrSet,
    /// The set's position in its node.
    pub(super) set_ix: usize,
    pub(super) place: Place,
}

/// Services with the positions of their patterns.
type Claims = Vec<(ServiceIx, usize)>;

/// Where a mark is to be changed: zone, owner, position of the set, and what it becomes.
pub(super) type Mark = (ZoneIx, Box<[u8]>, usize, Option<SteeredIx>);

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

/// Zones that share all but their names and are steered alike: one is attributed for all of them.
struct Class<'z> {
    zone_ix: ZoneIx,
    zone: &'z Zone,
    others: Vec<ZoneIx>,
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

    /// Zones that take over what another has once that is marked: first the other, then they.
    pub(super) fn followers(self) -> impl Iterator<Item = (ZoneIx, Vec<ZoneIx>)> {
        let with_others = self.classes.into_iter().filter(|class| !class.others.is_empty());
        with_others.map(|class| (class.zone_ix, class.others))
    }
}

/// Finds every RRset that a service steers.
pub(super) fn select<'z>(zones: &'z Zones, settings: &Settings) -> Selection<'z> {
    let patterns = Patterns::of(&settings.services);
    let classes = classes(zones, &patterns);
    let mut selection = Selection { matches: Vec::new(), used: HashSet::new(), stale: Vec::new(), classes: Vec::new() };
    let mut ranked = Vec::new();
    for (rank, class) in classes.iter().enumerate() {
        let (zone_ix, zone) = (class.zone_ix, class.zone);
        for node in zone.nodes().filter(|node| !node.rrsets().is_empty()) {
            let owner = zone.owner(node).key();
            let claims = patterns.of_owner(&owner);
            for (set_ix, (place, set)) in node.placed_rrsets().enumerate() {
                if let Some(service) = service_of(&claims, set, &settings.services, &mut selection.used) {
                    ranked.push((rank, Match { service, zone_ix, zone, node, set, set_ix, place }));
                } else if set.steered.is_some() {
                    selection.stale.push((zone_ix, owner.clone(), set_ix, None));
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
/// Zones that share all but their names are steered alike if the same patterns stand above them, and neither a pattern nor
/// another zone lies within one of them: a mail host below its apex could be another's then.
fn classes<'z>(zones: &'z Zones, patterns: &Patterns) -> Vec<Class<'z>> {
    let parents = parents(zones);
    let own = zones.own().map(|(zone_ix, zone)| Class { zone_ix, zone, others: Vec::new() });
    let mut classes: Vec<Class<'z>> = own.collect();
    let mut known: HashMap<(*const Body, Claims), usize> = HashMap::new();
    for (zone_ix, zone) in zones.listed() {
        let key = zone.origin().key();
        let is_alone = patterns.is_within(&key) || parents.contains(&std::ptr::from_ref(zone));
        let class = (Arc::as_ptr(zone.body()), patterns.above(&key));
        match known.get(&class).filter(|_| !is_alone).and_then(|ix| classes.get_mut(*ix)) {
            Some(class) => {
                // Whatever order tables are in, the same zone speaks for the others.
                if by_key(zone, class.zone).is_lt() {
                    class.others.push(class.zone_ix);
                    (class.zone_ix, class.zone) = (zone_ix, zone);
                } else {
                    class.others.push(zone_ix);
                }
            }
            None => {
                if !is_alone {
                    known.insert(class, classes.len());
                }
                classes.push(Class { zone_ix, zone, others: Vec::new() });
            }
        }
    }
    classes.sort_by_cached_key(|class| class.zone.origin().key());
    classes
}

/// By [`Name::key`], which is not made for it.
fn by_key(one: &Zone, other: &Zone) -> Ordering {
    let [one, other] = [one, other].map(|zone| zone.origin().as_wire().iter().map(u8::to_ascii_lowercase));
    one.cmp(other)
}

/// The zones that others lie below.
fn parents(zones: &Zones) -> HashSet<*const Zone> {
    // Hosted domains are mostly all of as many labels: then none is asked for.
    let depths = zones.iter().fold(Depths::default(), |depths, zone| depths.with(zone.origin().as_wire()));
    let above = zones.iter().flat_map(|zone| {
        let ancestors = ancestors(zone.origin().as_wire()).filter(|ancestor| depths.has(ancestor));
        ancestors.filter_map(|ancestor| zones.at_apex(ancestor))
    });
    above.map(std::ptr::from_ref).collect()
}

/// The numbers of labels that some names have: a name with another number is none of them, and need not be looked up.
#[derive(Clone, Copy, Default)]
struct Depths(u128);

impl Depths {
    fn of(key: &[u8]) -> u128 {
        // At most 127, the root left out (RFC 1035 section 2.3.4).
        1_u128.checked_shl(u32::try_from(ancestors(key).count()).unwrap_or(u32::MAX)).unwrap_or_default()
    }

    fn with(self, key: &[u8]) -> Self {
        Self(self.0 | Self::of(key))
    }

    fn has(self, key: &[u8]) -> bool {
        self.0 & Self::of(key) != 0
    }
}

/// The patterns of all services by name, so that the cost of an owner does not grow with their number.
struct Patterns {
    exact: HashMap<Box<[u8]>, Claims>,
    below: HashMap<Box<[u8]>, Claims>,
    /// Every name that a pattern lies at or below.
    within: HashSet<Box<[u8]>>,
    /// Of the names in `below` and `within`.
    below_depths: Depths,
    within_depths: Depths,
}

impl Patterns {
    fn of(services: &[Service]) -> Self {
        let (mut exact, mut below) = (HashMap::<_, Claims>::new(), HashMap::<_, Claims>::new());
        let mut within: HashSet<Box<[u8]>> = HashSet::new();
        for (service, ix) in services.iter().zip(0_u16..) {
            for (position, pattern) in service.names.iter().enumerate() {
                let (table, name) = match pattern {
                    NamePattern::Exact(name) => (&mut exact, name),
                    NamePattern::Below(suffix) => (&mut below, suffix),
                };
                let key = name.key();
                within.extend(ancestors(&key).map(Into::into));
                within.insert(key.clone());
                table.entry(key).or_default().push((ServiceIx(ix), position));
            }
        }
        let below_depths = below.keys().fold(Depths::default(), |depths, key| depths.with(key));
        let within_depths = within.iter().fold(Depths::default(), |depths, key| depths.with(key));
        Self { exact, below, within, below_depths, within_depths }
    }

    /// Whether a pattern lies at or below a name.
    fn is_within(&self, key: &[u8]) -> bool {
        self.within_depths.has(key) && self.within.contains(key)
    }

    /// The patterns that everything at and below a name matches, its own name left out.
    fn above(&self, key: &[u8]) -> Claims {
        let ancestors = ancestors(key).filter(|ancestor| self.below_depths.has(ancestor));
        ancestors.filter_map(|ancestor| self.below.get(ancestor)).flatten().copied().collect()
    }

    /// The patterns that an owner matches.
    fn of_owner(&self, key: &[u8]) -> Claims {
        self.exact.get(key).into_iter().flatten().copied().chain(self.above(key)).collect()
    }
}

/// The first service of `claims` that steers an RRset; notes its patterns that do.
fn service_of(
    claims: &Claims,
    set: &RrSet,
    services: &[Service],
    used: &mut HashSet<(ServiceIx, usize)>,
) -> Option<ServiceIx> {
    let wanted = |(service, _): &&(ServiceIx, usize)| {
        services.get(service.get()).is_some_and(|service| service.types.contains(&set.rtype))
    };
    let (winner, _) = claims.iter().filter(wanted).min()?;
    used.extend(claims.iter().filter(wanted).filter(|(service, _)| service == winner));
    Some(*winner)
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
