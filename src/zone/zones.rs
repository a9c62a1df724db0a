//! The forest of all zones.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::tree::Zone;
use crate::model::Name;

/// All zones of the node.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    zones: HashMap<Box<[u8]>, Arc<Zone>>,
    /// The apexes of zones that are configured and could not be loaded.
    unavailable: HashSet<Box<[u8]>>,
}

impl Zones {
    /// The deepest zone at or above a lower-cased name in wire format; `None` also where that zone is unavailable.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<&Arc<Zone>> {
        self.apex_of(key).and_then(|apex| self.zones.get(apex))
    }

    /// Whether the deepest zone at or above a lower-cased name in wire format is configured and could not be loaded.
    /// Nobody may answer in its place: its parent would deny what it holds.
    #[must_use]
    pub fn is_unavailable(&self, key: &[u8]) -> bool {
        self.apex_of(key).is_some_and(|apex| !self.zones.contains_key(apex))
    }

    /// The longest suffix of `key` that is the apex of a zone, available or not.
    fn apex_of<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        let mut rest = key;
        loop {
            if self.zones.contains_key(rest) || self.unavailable.contains(rest) {
                return Some(rest);
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

    /// Takes a zone away that is configured and must not be served as it is.
    pub fn withdraw(&mut self, origin: &Name) {
        self.zones.remove(&origin.key());
        self.insert_unavailable(origin);
    }

    /// Notes that the zone with this apex is configured and could not be loaded.
    pub fn insert_unavailable(&mut self, origin: &Name) {
        self.unavailable.insert(origin.key());
    }

    /// Whether the zone whose apex is `origin` is configured and could not be loaded.
    #[must_use]
    pub fn is_unavailable_apex(&self, origin: &Name) -> bool {
        self.unavailable.contains(&origin.key())
    }

    /// Takes a zone away, available or not. Gives it if it was available.
    pub fn remove(&mut self, origin: &Name) -> Option<Arc<Zone>> {
        let key = origin.key();
        self.unavailable.remove(&key);
        self.zones.remove(&key)
    }

    /// The zone whose apex is `origin`.
    #[must_use]
    pub fn get(&self, origin: &Name) -> Option<&Arc<Zone>> {
        self.zones.get(&origin.key())
    }

    /// The zone whose apex has this key, to attribute it; copied first where others hold it.
    pub(super) fn zone_mut(&mut self, key: &[u8]) -> Option<&mut Zone> {
        self.zones.get_mut(key).map(Arc::make_mut)
    }

    /// Gives the zones with the apexes `others` the tree of the zone with the apex `leader`.
    pub(super) fn share_tree(&mut self, leader: &[u8], others: &[Box<[u8]>]) {
        let Some(tree) = self.zones.get(leader).map(|zone| Arc::clone(zone.tree())) else { return };
        for key in others {
            if let Some(zone) = self.zones.get_mut(key)
                && !Arc::ptr_eq(zone.tree(), &tree)
            {
                Arc::make_mut(zone).share(&tree);
            }
        }
    }

    /// Adds a zone, or replaces the one with the same apex.
    pub fn insert(&mut self, zone: Arc<Zone>) {
        self.unavailable.remove(&zone.origin().key());
        self.zones.insert(zone.origin().key(), zone);
    }

    /// All zones, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.zones.values()
    }

    /// How many zones there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.zones.len()
    }

    /// Whether there is no zone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }
}

impl FromIterator<Arc<Zone>> for Zones {
    fn from_iter<T: IntoIterator<Item = Arc<Zone>>>(zones: T) -> Self {
        let mut all = Self::default();
        zones.into_iter().for_each(|zone| all.insert(zone));
        all
    }
}
