//! The immutable tree of a zone, and the forest of all zones.

use std::collections::HashMap;
use std::sync::Arc;

use hickory_proto::rr::{RData, RecordType};

use super::SteeredIx;
use crate::model::Name;

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

/// A name that exists in a zone. One without RRsets is an empty non-terminal (RFC 8020, RFC 4592 section 2.2.2).
#[derive(Clone, Debug)]
pub struct Node {
    /// The owner with the case of its first appearance.
    pub owner: Name,
    rrsets: Vec<RrSet>,
}

impl Node {
    /// A node without RRsets.
    #[must_use]
    pub const fn empty(owner: Name) -> Self {
        Self { owner, rrsets: Vec::new() }
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

    /// All RRsets, to build or attribute them.
    pub(super) const fn rrsets_mut(&mut self) -> &mut Vec<RrSet> {
        &mut self.rrsets
    }
}

/// One zone: every name that exists in it, glue and what lies below cuts included.
#[derive(Clone, Debug)]
pub struct Zone {
    origin: Name,
    serial: u32,
    nodes: HashMap<Box<[u8]>, Node>,
}

impl Zone {
    /// A zone of `nodes`, keyed by [`Name::key`]. The loader guarantees an apex with one SOA, and a node for
    /// every empty non-terminal.
    pub(super) const fn new(origin: Name, serial: u32, nodes: HashMap<Box<[u8]>, Node>) -> Self {
        Self { origin, serial, nodes }
    }

    /// The apex.
    #[must_use]
    pub const fn origin(&self) -> &Name {
        &self.origin
    }

    /// The serial of the SOA.
    #[must_use]
    pub const fn serial(&self) -> u32 {
        self.serial
    }

    /// The node of a lower-cased name in wire format.
    #[must_use]
    pub fn node(&self, key: &[u8]) -> Option<&Node> {
        self.nodes.get(key)
    }

    /// All nodes, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// All nodes, to attribute them.
    pub(super) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes.values_mut()
    }
}

/// All zones of the node.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    zones: HashMap<Box<[u8]>, Arc<Zone>>,
}

impl Zones {
    /// The deepest zone at or above a lower-cased name in wire format.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<&Arc<Zone>> {
        let mut rest = key;
        loop {
            if let Some(zone) = self.zones.get(rest) {
                return Some(zone);
            }
            let (&length, after) = rest.split_first()?;
            if length == 0 {
                return None;
            }
            rest = after.get(usize::from(length)..)?;
        }
    }

    /// The zone whose apex is `origin`.
    #[must_use]
    pub fn get(&self, origin: &Name) -> Option<&Arc<Zone>> {
        self.zones.get(&origin.key())
    }

    /// Adds a zone, or replaces the one with the same apex.
    pub fn insert(&mut self, zone: Arc<Zone>) {
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
