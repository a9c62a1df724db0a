//! The draft of a zone: records as they come, and the rules that hold between them.

use std::collections::HashMap;

use hickory_proto::rr::{RData, RecordType};

use super::bounds::{MAX_NAMES, MAX_RECORDS_PER_SET};
use super::findings::Finding;
use super::tree::{Node, Place, RrSet, Zone};
use crate::model::Name;

/// One record as read.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) owner: Name,
    pub(super) rtype: RecordType,
    pub(super) ttl: u32,
    pub(super) rdata: RData,
    pub(super) place: Place,
}

/// A zone under construction.
#[derive(Debug)]
pub(super) struct Draft {
    origin: Name,
    nodes: HashMap<Box<[u8]>, Node>,
}

impl Draft {
    /// A zone without records.
    pub(super) fn new(origin: Name) -> Self {
        let nodes = HashMap::from([(origin.key(), Node::empty(origin.clone()))]);
        Self { origin, nodes }
    }

    /// The apex.
    pub(super) const fn origin(&self) -> &Name {
        &self.origin
    }

    /// The RRsets of the apex.
    pub(super) fn apex(&self) -> Option<&Node> {
        self.nodes.get(&self.origin.key())
    }

    /// Adds a record at or below the apex. Repetitions are dropped (RFC 2181 section 5).
    ///
    /// # Errors
    /// What the record conflicts with. After a warning the record is in the zone, after an error it is not.
    pub(super) fn add(&mut self, record: Record) -> Result<(), Finding> {
        let Record { owner, rtype, ttl, rdata, place } = record;
        if rtype == RecordType::SOA && owner != self.origin {
            let expected = format!("the SOA at {} only", self.origin);
            return Err(Finding::error(format!("a SOA at {owner}"), expected, "remove it, or give it a zone file"));
        }
        let node = self.node(&owner)?;
        if let Some(finding) = conflict(node, &owner, rtype, &rdata, place) {
            return Err(finding);
        }
        if node.rrsets().is_empty() {
            // Its node may have come with a name below it, in that name's case.
            node.owner = owner.clone();
        }
        let Some(set) = node.rrset_mut(rtype) else {
            node.push(RrSet { rtype, ttl, rdata: vec![rdata], steered: None }, place);
            return Ok(());
        };
        if set.rdata.contains(&rdata) {
            return Ok(());
        }
        if set.rdata.len() >= MAX_RECORDS_PER_SET {
            let what = format!("more than {MAX_RECORDS_PER_SET} {rtype} records at {owner}");
            return Err(Finding::error(what, "fewer records of one name and type", "spread them over several names"));
        }
        set.rdata.push(rdata);
        if set.ttl != ttl {
            let what = format!("TTL {ttl} where other {rtype} records of {owner} have {}", set.ttl);
            set.ttl = set.ttl.min(ttl);
            let expected = "one TTL for all records of a name and type (RFC 2181 section 5.2)";
            let remedy = format!("give all of them the same TTL; {} is used", set.ttl);
            return Err(Finding::warning(what, expected, remedy));
        }
        Ok(())
    }

    /// The node of `owner`, made with every missing name between it and the apex (RFC 4592 section 2.2.2).
    fn node(&mut self, owner: &Name) -> Result<&mut Node, Finding> {
        let key = owner.key();
        if !self.nodes.contains_key(&key) {
            let mut name = Some(owner.clone());
            while let Some(missing) = name.filter(|name| !self.nodes.contains_key(&name.key())) {
                name = missing.parent();
                self.nodes.insert(missing.key(), Node::empty(missing));
            }
        }
        if self.nodes.len() > MAX_NAMES {
            let what = format!("more than {MAX_NAMES} names in one zone");
            return Err(Finding::error(what, "fewer names", "split the zone by delegation"));
        }
        // Inserted above where it was missing.
        Ok(self.nodes.entry(key).or_insert_with(|| Node::empty(owner.clone())))
    }

    /// Name servers inside the zone that have no address in it, with where they are named.
    pub(super) fn name_servers_without_address(&self) -> Vec<(Place, Name)> {
        let mut missing = Vec::new();
        for (place, set) in self.nodes.values().flat_map(Node::placed_rrsets) {
            for rdata in &set.rdata {
                let RData::NS(target) = rdata else { continue };
                let target = Name::from_rr(&target.0);
                if target.is_at_or_below(&self.origin) && !self.may_have_address(&target) {
                    missing.push((place, target));
                }
            }
        }
        missing.sort();
        missing
    }

    /// Whether `name` has an address here, or may have one by a wildcard or a DNAME.
    fn may_have_address(&self, name: &Name) -> bool {
        if let Some(node) = self.nodes.get(&name.key()) {
            return [RecordType::A, RecordType::AAAA].into_iter().any(|rtype| node.rrset(rtype).is_some());
        }
        std::iter::successors(name.parent(), Name::parent).any(|ancestor| {
            let has_dname = self.nodes.get(&ancestor.key()).is_some_and(|node| node.rrset(RecordType::DNAME).is_some());
            let wildcard = ancestor.child(b"*").ok();
            has_dname || wildcard.is_some_and(|wildcard| self.nodes.contains_key(&wildcard.key()))
        })
    }

    /// The zone, if the apex has its SOA.
    pub(super) fn finish(self, files: Vec<std::path::PathBuf>) -> Option<Zone> {
        let serial = match self.apex()?.rrset(RecordType::SOA)?.rdata.as_slice() {
            [RData::SOA(soa)] => soa.serial,
            _ => return None,
        };
        Some(Zone::new(self.origin, serial, self.nodes, files))
    }
}

/// What `rdata` cannot stand beside in `node`.
fn conflict(node: &Node, owner: &Name, rtype: RecordType, rdata: &RData, place: Place) -> Option<Finding> {
    let present = node.rrset(rtype).filter(|set| !set.rdata.contains(rdata));
    match (rtype, present) {
        (RecordType::SOA, Some(_)) => {
            let what = format!("a second SOA at {owner}");
            return Some(Finding::error(what, "exactly one", format!("keep {}", first(node, rtype, place))));
        }
        (RecordType::CNAME | RecordType::DNAME, Some(_)) => {
            let what = format!("a second {rtype} at {owner}");
            let expected = format!("at most one {rtype} at a name");
            return Some(Finding::error(what, expected, format!("keep this one or {}", first(node, rtype, place))));
        }
        _ => {}
    }
    let other = if rtype == RecordType::CNAME {
        node.rrsets().iter().map(|set| set.rtype).find(|other| !stands_beside_cname(*other))
    } else if stands_beside_cname(rtype) {
        None
    } else {
        node.rrset(RecordType::CNAME).map(|set| set.rtype)
    }?;
    let expected = "nothing beside a CNAME (RFC 1034 section 3.6.2)";
    let remedy = if owner.is_root() || node.rrset(RecordType::SOA).is_some() || rtype == RecordType::SOA {
        format!("replace the CNAME by addresses; {} conflicts with it", first(node, other, place))
    } else {
        format!("remove this record or {}", first(node, other, place))
    };
    Some(Finding::error(format!("{rtype} beside {other} at {owner}"), expected, remedy))
}

/// Where the RRset of `rtype` was first seen, in words.
fn first(node: &Node, rtype: RecordType, seen_from: Place) -> String {
    match node.placed_rrsets().find(|(_, set)| set.rtype == rtype) {
        // Records that were transferred stand on no line.
        Some((place, _)) if place.line == 0 => format!("the other {rtype}"),
        Some((place, _)) if place.file == seen_from.file => format!("the {rtype} of line {}", place.line),
        Some((place, _)) => format!("the {rtype} of line {} of another file", place.line),
        None => format!("the other {rtype}"),
    }
}

/// The CNAME itself, and what DNSSEC puts beside it (RFC 4034 section 3, RFC 4035 section 2.5).
const fn stands_beside_cname(rtype: RecordType) -> bool {
    matches!(rtype, RecordType::CNAME | RecordType::RRSIG | RecordType::NSEC | RecordType::KEY | RecordType::SIG)
}
