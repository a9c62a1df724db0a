//! Zones by their apexes.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use super::tree::Zone;
use crate::model::Name;

/// Zones by their apexes, without case.
///
/// A zone of a template is hardly more than its name, and there may be a million of them: so the name in the zone is the
/// key, and what finds it takes four octets beside it.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    zones: Vec<Zone>,
    /// Positions in `zones` by the hash of the lower-cased apex.
    positions: HashTable<u32>,
}

/// The hash of an apex; `key` is in wire format, in whatever case.
pub(super) fn hash_of(hasher: &impl BuildHasher, key: &[u8]) -> u64 {
    let mut lowered = [0; Name::MAX_OCTETS];
    // Nothing longer is a name, and nothing is found there.
    let Some(lowered) = lowered.get_mut(..key.len()) else { return hasher.hash_one(key) };
    lowered.copy_from_slice(key);
    lowered.make_ascii_lowercase();
    hasher.hash_one(&*lowered)
}

impl Table {
    /// Makes room for so many zones more.
    pub(super) fn reserve(&mut self, more: usize, hasher: &impl BuildHasher) {
        let zones = &mut self.zones;
        zones.reserve_exact(more);
        self.positions.reserve(more, |ix| hash_at(zones, *ix, hasher));
    }

    pub(super) fn zones(&self) -> &[Zone] {
        &self.zones
    }

    pub(super) fn zones_mut(&mut self) -> &mut [Zone] {
        &mut self.zones
    }

    /// Where the zone with this apex stands.
    pub(super) fn position(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let found = self.positions.find(hash, |ix| is_of(&self.zones, *ix, key));
        found.and_then(|ix| usize::try_from(*ix).ok())
    }

    /// The zone with this apex.
    pub(super) fn get(&self, hash: u64, key: &[u8]) -> Option<&Zone> {
        self.position(hash, key).and_then(|ix| self.zones.get(ix))
    }

    /// Adds a zone, or replaces the one with the same apex.
    pub(super) fn insert(&mut self, hash: u64, zone: Zone, hasher: &impl BuildHasher) {
        let position = self.position(hash, zone.origin().as_wire());
        if let Some(present) = position.and_then(|ix| self.zones.get_mut(ix)) {
            *present = zone;
            return;
        }
        // A table cannot hold more: memory ends first.
        let Ok(ix) = u32::try_from(self.zones.len()) else { return };
        self.zones.push(zone);
        let zones = &self.zones;
        self.positions.insert_unique(hash, ix, |ix| hash_at(zones, *ix, hasher));
    }

    /// Takes a zone away.
    pub(super) fn remove(&mut self, hash: u64, key: &[u8], hasher: &impl BuildHasher) -> Option<Zone> {
        let zones = &self.zones;
        let (ix, _) = self.positions.find_entry(hash, |ix| is_of(zones, *ix, key)).ok()?.remove();
        // The last one takes its place.
        let last = u32::try_from(self.zones.len()).ok()?.checked_sub(1)?;
        if last != ix {
            let hash = hash_at(&self.zones, last, hasher);
            if let Some(moved) = self.positions.find_mut(hash, |ix| *ix == last) {
                *moved = ix;
            }
        }
        usize::try_from(ix).ok().filter(|ix| *ix < self.zones.len()).map(|ix| self.zones.swap_remove(ix))
    }
}

fn wire_at(zones: &[Zone], ix: u32) -> &[u8] {
    usize::try_from(ix).ok().and_then(|ix| zones.get(ix)).map(|zone| zone.origin().as_wire()).unwrap_or_default()
}

fn hash_at(zones: &[Zone], ix: u32, hasher: &impl BuildHasher) -> u64 {
    hash_of(hasher, wire_at(zones, ix))
}

fn is_of(zones: &[Zone], ix: u32, key: &[u8]) -> bool {
    wire_at(zones, ix).eq_ignore_ascii_case(key)
}
