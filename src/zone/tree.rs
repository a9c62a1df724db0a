//! The immutable tree of a zone, and the forest of all zones.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hickory_proto::rr::{RData, RecordType};

use super::SteeredIx;
use crate::dnssec::{OrderKey, Secure};
use crate::model::{Name, ZonePolicy};

/// All records of one owner and type, in declared order without repetitions (RFC 2181 section 5).
#[derive(Clone, Debug)]
pub struct RrSet {
    /// The type.
    pub rtype: RecordType,
    /// The declared TTL in seconds; the lowest where records of the set differ (RFC 2181 section 5.2).
    pub ttl: u32,
    /// The record data, never empty.
    pub rdata: Vec<RData>,
    /// Set by attribution where a service steers the set.
    pub steered: Option<SteeredIx>,
}

/// Where an RRset was first declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Position in the files of its zone: 0 is the zone file, the others are included.
    pub(super) file: u32,
    /// Line, from 1.
    pub line: u32,
}

/// A name that exists in a zone. One without RRsets is an empty non-terminal (RFC 8020, RFC 4592 section 2.2.2).
#[derive(Clone, Debug)]
pub struct Node {
    /// The owner with the case of its first appearance.
    pub owner: Name,
    rrsets: Vec<RrSet>,
    /// Parallel to `rrsets`.
    places: Vec<Place>,
}

impl Node {
    /// A node without RRsets.
    #[must_use]
    pub const fn empty(owner: Name) -> Self {
        Self { owner, rrsets: Vec::new(), places: Vec::new() }
    }

    /// The RRset of `rtype`.
    #[must_use]
    pub fn rrset(&self, rtype: RecordType) -> Option<&RrSet> {
        self.rrsets.iter().find(|set| set.rtype == rtype)
    }

    /// All RRsets in declared order.
    #[must_use]
    pub fn rrsets(&self) -> &[RrSet] {
        &self.rrsets
    }

    /// All RRsets in declared order, with where each was first declared.
    pub fn placed_rrsets(&self) -> impl Iterator<Item = (Place, &RrSet)> {
        self.places.iter().copied().zip(&self.rrsets)
    }

    /// The RRset of `rtype`, to add to it.
    pub(super) fn rrset_mut(&mut self, rtype: RecordType) -> Option<&mut RrSet> {
        self.rrsets.iter_mut().find(|set| set.rtype == rtype)
    }

    /// All RRsets, to attribute them.
    pub(super) fn rrsets_mut(&mut self) -> &mut [RrSet] {
        &mut self.rrsets
    }

    /// Keeps the RRsets of the types that `keep` says.
    pub(super) fn retain(&mut self, keep: impl Fn(RecordType) -> bool) {
        let placed = std::mem::take(&mut self.places).into_iter().zip(std::mem::take(&mut self.rrsets));
        (self.places, self.rrsets) = placed.filter(|(_, set)| keep(set.rtype)).unzip();
    }

    /// Drops RRsets that have lost all their records.
    pub(super) fn drop_empty(&mut self) {
        let placed = std::mem::take(&mut self.places).into_iter().zip(std::mem::take(&mut self.rrsets));
        (self.places, self.rrsets) = placed.filter(|(_, set)| !set.rdata.is_empty()).unzip();
    }

    /// Adds the RRset of another type.
    pub(super) fn push(&mut self, set: RrSet, place: Place) {
        self.rrsets.push(set);
        self.places.push(place);
    }
}

/// One zone: every name that exists in it, glue and what lies below cuts included.
#[derive(Clone, Debug)]
pub struct Zone {
    origin: Name,
    serial: u32,
    nodes: HashMap<Box<[u8]>, Node>,
    /// The zone file, then the included ones.
    files: Vec<PathBuf>,
    policy: Arc<ZonePolicy>,
    secure: Option<Arc<Secure>>,
}

impl Zone {
    /// A zone of `nodes`, keyed by [`Name::key`]. The loader guarantees an apex with one SOA, and a node for
    /// every empty non-terminal.
    pub(super) fn new(origin: Name, serial: u32, nodes: HashMap<Box<[u8]>, Node>, files: Vec<PathBuf>) -> Self {
        Self { origin, serial, nodes, files, policy: Arc::default(), secure: None }
    }

    /// The zone under `policy`; a zone as loaded has one that allows nothing.
    #[must_use]
    pub fn with_policy(self, policy: Arc<ZonePolicy>) -> Self {
        Self { policy, ..self }
    }

    /// Who may transfer and update the zone, who is told of changes, how it is signed.
    #[must_use]
    pub const fn policy(&self) -> &Arc<ZonePolicy> {
        &self.policy
    }

    /// The apex.
    #[must_use]
    pub const fn origin(&self) -> &Name {
        &self.origin
    }

    /// The keys and the chain of a signed zone.
    #[must_use]
    pub const fn secure(&self) -> Option<&Arc<Secure>> {
        self.secure.as_ref()
    }

    /// The serial of the SOA as declared. A signed zone is served with a higher one: see [`Zone::secured`].
    #[must_use]
    pub const fn serial(&self) -> u32 {
        self.serial
    }

    /// The node of a lower-cased name in wire format.
    #[must_use]
    pub fn node(&self, key: &[u8]) -> Option<&Node> {
        self.nodes.get(key)
    }

    /// The file that `place` is in.
    #[must_use]
    pub fn file(&self, place: Place) -> &Path {
        usize::try_from(place.file).ok().and_then(|ix| self.files.get(ix)).map_or(Path::new(""), PathBuf::as_path)
    }

    /// All nodes, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// All nodes, to change them.
    pub(super) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes.values_mut()
    }

    /// Takes a node away.
    pub(super) fn remove_node(&mut self, key: &[u8]) {
        self.nodes.remove(key);
    }

    /// Marks the zone as signed.
    pub(super) fn set_secure(&mut self, secure: Arc<Secure>) {
        self.secure = Some(secure);
    }

    /// All RRsets with their nodes: owners in the canonical order of RFC 4034 section 6.1, so that the apex comes first,
    /// and at each owner the SOA first, then the others by the number of their type.
    pub fn records(&self) -> impl Iterator<Item = (&Node, &RrSet)> {
        let mut nodes: Vec<&Node> = self.nodes.values().filter(|node| !node.rrsets.is_empty()).collect();
        nodes.sort_by_cached_key(|node| OrderKey::of(&node.owner.key()));
        nodes.into_iter().flat_map(|node| {
            let mut sets: Vec<&RrSet> = node.rrsets.iter().collect();
            sets.sort_by_key(|set| (set.rtype != RecordType::SOA, u16::from(set.rtype)));
            sets.into_iter().map(move |set| (node, set))
        })
    }

    /// The node of a lower-cased name in wire format, to change it.
    pub(super) fn node_mut(&mut self, key: &[u8]) -> Option<&mut Node> {
        self.nodes.get_mut(key)
    }
}

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

    /// Notes that the zone with this apex is configured and could not be loaded.
    pub fn insert_unavailable(&mut self, origin: &Name) {
        self.unavailable.insert(origin.key());
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

    /// Adds a zone, or replaces the one with the same apex.
    pub fn insert(&mut self, zone: Arc<Zone>) {
        self.unavailable.remove(&zone.origin.key());
        self.zones.insert(zone.origin.key(), zone);
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
