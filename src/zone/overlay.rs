//! The overlay of a zone: RRsets as updates left them, in place of the declared ones (RFC 2136).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::base::iana::Rtype;
use hickory_proto::rr::{RData, RecordType};

use super::bounds::{MAX_OVERLAY_OCTETS, MAX_OVERLAY_RECORDS, MAX_RECORDS_PER_SET};
use super::draft::stands_beside_cname;
use super::rdata;
use super::tree::{Place, RrSet, Zone};
use crate::model::{DynamicSet, Name, ZonePolicy};

/// A zone that takes updates: as declared, and what updates made of it.
#[derive(Clone, Debug)]
pub(super) struct Dynamic {
    /// The zone as its file says.
    pub(super) declared: Zone,
    /// What is served in place of its RRsets.
    pub(super) overlay: Overlay,
}

/// RRsets by owner and type. Those that the declared zone holds too are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay(BTreeMap<SetKey, OverlaidSet>);

/// Lower-cased owner in wire format, and the number of the type.
type SetKey = (Box<[u8]>, u16);

/// An RRset of an overlay.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OverlaidSet {
    pub(super) owner: Name,
    pub(super) ttl: u32,
    /// Empty where the declared RRset is deleted.
    pub(super) rdata: Vec<RData>,
}

impl Overlay {
    /// The overlay that was written down as `sets`. What is no record data of its type is left out.
    #[must_use]
    pub fn of_sets(sets: &[DynamicSet]) -> Self {
        let overlaid = |set: &DynamicSet| {
            let rdata = set.data.iter().filter_map(|wire| rdata::decode(Rtype::from_int(set.rtype), wire, true));
            let rdata: Vec<RData> = rdata.collect();
            let is_whole = rdata.len() == set.data.len();
            let key = (set.owner.key(), set.rtype);
            is_whole.then(|| (key, OverlaidSet { owner: set.owner.clone(), ttl: set.ttl, rdata }))
        };
        Self(sets.iter().filter_map(overlaid).collect())
    }

    /// The overlay to write down.
    #[must_use]
    pub fn to_sets(&self) -> Vec<DynamicSet> {
        let dynamic = |((_, rtype), set): (&SetKey, &OverlaidSet)| DynamicSet {
            owner: set.owner.clone(),
            rtype: *rtype,
            ttl: set.ttl,
            data: set.rdata.iter().filter_map(rdata::wire).collect(),
        };
        self.0.iter().map(dynamic).collect()
    }

    /// Whether the zone is served as declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, owner: &Name, rtype: RecordType) -> Option<&OverlaidSet> {
        self.0.get(&(owner.key(), u16::from(rtype)))
    }

    pub(super) fn put(&mut self, rtype: RecordType, set: OverlaidSet) {
        self.0.insert((set.owner.key(), u16::from(rtype)), set);
    }

    /// The types that the overlay has at `owner`, deleted ones too.
    pub(super) fn types(&self, owner: &Name) -> Vec<RecordType> {
        self.at(owner.key()).map(|(rtype, _)| rtype).collect()
    }

    /// The RRsets at a lower-cased owner in wire format.
    fn at(&self, owner: Box<[u8]>) -> impl Iterator<Item = (RecordType, &OverlaidSet)> {
        let range = (owner.clone(), 0)..=(owner, u16::MAX);
        self.0.range(range).map(|((_, rtype), set)| (RecordType::from(*rtype), set))
    }

    /// All RRsets.
    pub(super) fn sets(&self) -> impl Iterator<Item = (RecordType, &OverlaidSet)> {
        self.0.iter().map(|((_, rtype), set)| (RecordType::from(*rtype), set))
    }

    /// Records and octets of the overlay; a deleted RRset counts as a record.
    fn size(&self) -> (usize, usize) {
        let records = self.0.values().map(|set| set.rdata.len().max(1)).sum();
        let octets = |set: &OverlaidSet| {
            let data = set.rdata.iter().filter_map(rdata::wire).map(|wire| wire.len()).sum::<usize>();
            data + set.owner.as_wire().len()
        };
        (records, self.0.values().map(octets).sum())
    }

    /// Whether the overlay is beyond its bounds, and not because `before` was already.
    pub(super) fn outgrows(&self, before: &Self) -> bool {
        let (records, octets) = self.size();
        let (had_records, had_octets) = before.size();
        let longest = self.0.values().map(|set| set.rdata.len()).max().unwrap_or_default();
        (records > MAX_OVERLAY_RECORDS && records > had_records)
            || (octets > MAX_OVERLAY_OCTETS && octets > had_octets)
            || longest > MAX_RECORDS_PER_SET
    }

    /// Leaves out what no rule of `policy` allows, what `declared` says as well, and what cannot stand beside it.
    fn settle(&mut self, declared: &Zone, policy: &ZonePolicy) {
        self.0.retain(|(_, rtype), set| {
            let rtype = RecordType::from(*rtype);
            let allowed =
                policy.update.iter().any(|rule| rule.types.contains(&rtype) && rule.names.contains(&set.owner));
            let said = declared.node(&set.owner.key()).and_then(|node| node.rrset(rtype));
            let is_news = match said {
                Some(said) => said.ttl != set.ttl || !same_records(&said.rdata, &set.rdata),
                None => !set.rdata.is_empty(),
            };
            allowed && is_news && set.owner.is_at_or_below(declared.origin())
        });
        let owners: BTreeSet<Box<[u8]>> = self.0.keys().map(|(owner, _)| owner.clone()).collect();
        for owner in owners {
            for rtype in self.misfits(declared, &owner) {
                self.0.remove(&(owner.clone(), u16::from(rtype)));
            }
        }
    }

    /// The overlaid types at `owner` that a CNAME forbids, or a CNAME that others forbid: what is declared wins.
    fn misfits(&self, declared: &Zone, owner: &[u8]) -> Vec<RecordType> {
        let of_overlay = |rtype: u16| self.0.get(&(owner.into(), rtype));
        let declared_types = declared.node(owner).into_iter().flat_map(|node| node.rrsets());
        let declared: Vec<RecordType> =
            declared_types.map(|set| set.rtype).filter(|rtype| of_overlay(u16::from(*rtype)).is_none()).collect();
        let overlaid = self.at(owner.into()).filter(|(_, set)| !set.rdata.is_empty()).map(|(rtype, _)| rtype);
        let (is_alias, others): (Vec<RecordType>, Vec<RecordType>) =
            overlaid.partition(|rtype| *rtype == RecordType::CNAME);
        let bars = |rtypes: &[RecordType]| rtypes.iter().any(|rtype| !stands_beside_cname(*rtype));
        if declared.contains(&RecordType::CNAME) {
            return others.into_iter().filter(|rtype| !stands_beside_cname(*rtype)).collect();
        }
        if bars(&declared) || bars(&others) { is_alias } else { Vec::new() }
    }
}

/// Whether two lists hold the same records, in whatever order.
fn same_records(one: &[RData], other: &[RData]) -> bool {
    one.len() == other.len() && one.iter().all(|data| other.contains(data))
}

impl Zone {
    /// The zone with `overlay` in place of what is declared, as far as the rules of its policy allow it. The overlay
    /// that it had before has no part in it.
    #[must_use]
    pub fn with_overlay(self, mut overlay: Overlay) -> Self {
        let declared = match self.dynamic() {
            Some(dynamic) => dynamic.declared.clone().with_policy(Arc::clone(self.policy())),
            None => self,
        };
        overlay.settle(&declared, declared.policy());
        let mut zone = declared.clone();
        for (rtype, set) in overlay.sets() {
            let Some(node) = zone.node_or_insert(&set.owner) else { continue };
            node.retain(|present| present != rtype);
            if set.rdata.is_empty() {
                continue;
            }
            if node.rrsets().is_empty() {
                node.owner = set.owner.clone();
            }
            let set = RrSet { rtype, ttl: set.ttl, rdata: set.rdata.clone(), steered: None };
            // Records that came by an update stand on no line.
            node.push(set, Place { file: 0, line: 0 });
        }
        if overlay.sets().any(|(_, set)| set.rdata.is_empty()) {
            zone.prune();
        }
        zone.set_dynamic(Arc::new(Dynamic { declared, overlay }));
        zone
    }

    /// What updates made of the zone.
    #[must_use]
    pub fn overlay(&self) -> Overlay {
        self.dynamic().map(|dynamic| dynamic.overlay.clone()).unwrap_or_default()
    }
}
