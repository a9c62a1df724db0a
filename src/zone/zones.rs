//! The forest of all zones.

use std::any::Any;
use std::collections::HashSet;
use std::hash::RandomState;
use std::sync::Arc;

use super::table::{Table, hash_of};
use super::tree::Zone;
use crate::model::Name;

/// All zones of the node. A clone shares everything with the original until one of them is changed.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    /// Zones of templates, of which there may be a million. Apart, because zones of their own change one by one: who
    /// copies the zones to change one of those has nothing to do with these.
    listed: Arc<Table>,
    /// Zones with names of their own.
    own: Arc<Table>,
    /// The apexes of zones that are configured and could not be loaded.
    unavailable: HashSet<Box<[u8]>>,
    hasher: RandomState,
}

/// A zone's position among all: those of templates first. Good until a zone is added or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ZoneIx(usize);

impl Zones {
    /// The deepest zone at or above a lower-cased name in wire format; `None` also where that zone is unavailable.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<&Zone> {
        self.deepest(key).flatten()
    }

    /// Whether the deepest zone at or above a lower-cased name in wire format is configured and could not be loaded.
    /// Nobody may answer in its place: its parent would deny what it holds.
    #[must_use]
    pub fn is_unavailable(&self, key: &[u8]) -> bool {
        matches!(self.deepest(key), Some(None))
    }

    /// The deepest zone at or above `key`, if it is available; `None` where there is none.
    fn deepest(&self, key: &[u8]) -> Option<Option<&Zone>> {
        let mut rest = key;
        loop {
            if let Some(zone) = self.at_apex(rest) {
                return Some(Some(zone));
            }
            if self.unavailable.contains(rest) {
                return Some(None);
            }
            let (&length, after) = rest.split_first()?;
            if length == 0 {
                return None;
            }
            rest = after.get(usize::from(length)..)?;
        }
    }

    /// The keys of the apexes of zones that are configured and could not be loaded.
    pub fn unavailable(&self) -> impl Iterator<Item = &[u8]> {
        self.unavailable.iter().map(|key| &**key)
    }

    /// The zone whose apex is `key`, a name in wire format in whatever case.
    pub(super) fn at_apex(&self, key: &[u8]) -> Option<&Zone> {
        let hash = hash_of(&self.hasher, key);
        self.own.get(hash, key).or_else(|| self.listed.get(hash, key))
    }

    /// Takes a zone away that is configured and must not be served as it is.
    pub fn withdraw(&mut self, origin: &Name) {
        self.remove(origin);
        self.insert_unavailable(origin);
    }

    /// Notes that the zone with this apex is configured and could not be loaded.
    pub fn insert_unavailable(&mut self, origin: &Name) {
        self.unavailable.insert(origin.key());
    }

    /// Whether the zone whose apex is `origin` is configured and could not be loaded.
    #[must_use]
    pub fn is_unavailable_apex(&self, origin: &Name) -> bool {
        self.at_apex(origin.as_wire()).is_none() && self.unavailable.contains(&origin.key())
    }

    /// Takes a zone away, available or not. Gives it if it was available.
    pub fn remove(&mut self, origin: &Name) -> Option<Zone> {
        if !self.unavailable.is_empty() {
            self.unavailable.remove(&origin.key());
        }
        let (key, hasher) = (origin.as_wire(), &self.hasher);
        let hash = hash_of(hasher, key);
        // Looked at first: others may hold the table, and it is not copied for nothing.
        let table = [&mut self.own, &mut self.listed].into_iter().find(|table| table.position(hash, key).is_some())?;
        Arc::make_mut(table).remove(hash, key, hasher)
    }

    /// The zone whose apex is `origin`.
    #[must_use]
    pub fn get(&self, origin: &Name) -> Option<&Zone> {
        self.at_apex(origin.as_wire())
    }

    /// Makes room for so many zones of templates.
    pub fn reserve_listed(&mut self, more: usize) {
        Arc::make_mut(&mut self.listed).reserve(more, &self.hasher);
    }

    /// Adds a zone, or replaces the one with the same apex.
    pub fn insert(&mut self, zone: Zone) {
        if !self.unavailable.is_empty() {
            self.unavailable.remove(&zone.origin().key());
        }
        let hasher = &self.hasher;
        let hash = hash_of(hasher, zone.origin().as_wire());
        let (table, other) =
            if zone.is_shared() { (&mut self.listed, &mut self.own) } else { (&mut self.own, &mut self.listed) };
        if other.position(hash, zone.origin().as_wire()).is_some() {
            Arc::make_mut(other).remove(hash, zone.origin().as_wire(), hasher);
        }
        Arc::make_mut(table).insert(hash, zone, hasher);
    }

    /// All zones, those with names of their own first, and otherwise in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Zone> {
        self.own.zones().iter().chain(self.listed.zones())
    }

    /// What clones share for as long as none of them is changed: all that takes long to be freed.
    #[must_use]
    pub fn shared(&self) -> [Arc<dyn Any + Send + Sync>; 2] {
        let (listed, own) = (Arc::clone(&self.listed), Arc::clone(&self.own));
        [listed, own]
    }

    /// The zones of templates without the others.
    #[must_use]
    pub fn of_templates(&self) -> Self {
        Self { listed: Arc::clone(&self.listed), hasher: self.hasher.clone(), ..Self::default() }
    }

    /// Whether the zones of templates are those of `other`, none of them changed since one was cloned from the other.
    #[must_use]
    pub fn has_same_templates(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.listed, &other.listed)
    }

    /// Zones that `before` does not hold as they are here: other ones, or changed in whatever way.
    pub fn not_in<'z>(&'z self, before: &'z Self) -> impl Iterator<Item = &'z Zone> {
        let tables = [(&self.listed, &before.listed), (&self.own, &before.own)];
        let changed = tables.into_iter().filter(|(now, before)| !Arc::ptr_eq(now, before));
        changed
            .flat_map(|(now, _)| now.zones())
            .filter(|zone| before.get(zone.origin()).is_none_or(|before| !Arc::ptr_eq(before.body(), zone.body())))
    }

    /// Zones with names of their own, with their positions.
    pub(super) fn own(&self) -> impl Iterator<Item = (ZoneIx, &Zone)> {
        let before = self.listed.zones().len();
        self.own.zones().iter().enumerate().map(move |(ix, zone)| (ZoneIx(before + ix), zone))
    }

    /// Zones of templates, with their positions.
    pub(super) fn listed(&self) -> impl Iterator<Item = (ZoneIx, &Zone)> {
        self.listed.zones().iter().enumerate().map(|(ix, zone)| (ZoneIx(ix), zone))
    }

    /// The zone at a position.
    pub(super) fn at(&self, ZoneIx(ix): ZoneIx) -> Option<&Zone> {
        let listed = self.listed.zones();
        listed.get(ix).or_else(|| self.own.zones().get(ix - listed.len()))
    }

    /// The zone at a position, to attribute it. Its name has to stay.
    pub(super) fn at_mut(&mut self, ZoneIx(ix): ZoneIx) -> Option<&mut Zone> {
        match ix.checked_sub(self.listed.zones().len()) {
            None => Arc::make_mut(&mut self.listed).zones_mut().get_mut(ix),
            Some(ix) => Arc::make_mut(&mut self.own).zones_mut().get_mut(ix),
        }
    }

    /// Gives the zones at `others` what the zone at `leader` has besides its name.
    pub(super) fn share(&mut self, leader: ZoneIx, others: &[ZoneIx]) {
        let Some(body) = self.at(leader).map(|zone| Arc::clone(zone.body())) else { return };
        for ix in others {
            // Looked at first: others may hold the table, and it is not copied for nothing.
            let differs = self.at(*ix).is_some_and(|zone| !Arc::ptr_eq(zone.body(), &body));
            if let Some(zone) = differs.then(|| self.at_mut(*ix)).flatten() {
                zone.share(&body);
            }
        }
    }

    /// How many zones there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.listed.zones().len() + self.own.zones().len()
    }

    /// Whether there is no zone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<Zone> for Zones {
    fn from_iter<T: IntoIterator<Item = Zone>>(zones: T) -> Self {
        let mut all = Self::default();
        zones.into_iter().for_each(|zone| all.insert(zone));
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::zone::{Include, Template, load};

    struct Nothing;

    impl Include for Nothing {
        fn read(&self, _: &Path) -> Result<String, String> {
            Err("nothing is there".to_owned())
        }
    }

    const TEXT: &str = "$TTL 60\n@ SOA ns.invalid. h.invalid. 1 1 1 1 1\n@ NS ns.invalid.\n";

    fn name(number: u8) -> Name {
        // Case says nothing, and some lie below others.
        let texts =
            ["a.Example", "A.example", "b.a.example", "example", "c.example", "B.A.EXAMPLE", "d.test", "D.TEST"];
        texts[usize::from(number) % texts.len()].parse().unwrap()
    }

    fn own(origin: &Name) -> Zone {
        load(origin, Path::new("own"), TEXT, &Nothing).0.unwrap()
    }

    fn listed(origin: &Name) -> Zone {
        Template::load(origin, Path::new("listed"), TEXT, &Nothing).0.unwrap().zone(origin.clone()).unwrap()
    }

    proptest! {
        #[test]
        fn zones_come_and_go_as_in_a_plain_map(steps in prop::collection::vec((0_u8..4, any::<u8>()), 0..40)) {
            let (mut zones, mut plain) = (Zones::default(), BTreeMap::<Box<[u8]>, Option<bool>>::new());
            for (step, number) in steps {
                let origin = name(number);
                match step {
                    0 => {
                        zones.insert(own(&origin));
                        plain.insert(origin.key(), Some(false));
                    }
                    1 => {
                        zones.insert(listed(&origin));
                        plain.insert(origin.key(), Some(true));
                    }
                    2 => {
                        let removed = zones.remove(&origin).map(|zone| zone.is_shared());
                        prop_assert_eq!(removed, plain.remove(&origin.key()).flatten());
                    }
                    _ => {
                        zones.withdraw(&origin);
                        plain.insert(origin.key(), None);
                    }
                }
                let before = zones.clone();
                prop_assert_eq!(zones.not_in(&before).count(), 0);
                prop_assert_eq!(zones.len(), plain.values().flatten().count());
                prop_assert_eq!(zones.iter().count(), zones.len());
                for number in 0..8 {
                    let origin = name(number);
                    let key = origin.key();
                    prop_assert_eq!(zones.get(&origin).map(Zone::is_shared), plain.get(&key).copied().flatten());
                    prop_assert_eq!(zones.is_unavailable_apex(&origin), plain.get(&key) == Some(&None));
                    let deepest = plain.iter().filter(|(apex, _)| key.ends_with(apex)).max_by_key(|(apex, _)| apex.len());
                    let found = zones.find(&key).map(|zone| zone.origin().key());
                    let expected = deepest.and_then(|(apex, kind)| kind.map(|_| apex.clone()));
                    prop_assert_eq!(found, expected);
                    prop_assert_eq!(zones.is_unavailable(&key), deepest.is_some_and(|(_, kind)| kind.is_none()));
                }
                for (ix, zone) in zones.own().chain(zones.listed()) {
                    prop_assert!(zones.at(ix).is_some_and(|same| same.origin() == zone.origin()));
                }
            }
        }
    }
}
